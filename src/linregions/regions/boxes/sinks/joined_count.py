"""The sink that counts linear or gradient regions, with nothing kept for each cell."""

from __future__ import annotations

from typing import NamedTuple

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.joined import JoinedCells, JoinedCount, joined_cells
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect
from linregions.regions.boxes.totals import Totals


class _Digest(NamedTuple):
    measures: BatchMeasures
    joined: JoinedCells


class JoinedCounter(BoxSink):
    """Count the regions of a kind other than activation; `undecided` tells how many decisions float64 could not tell.

    Memory grows with the facets between what is done and what is not.
    """

    def __init__(self, kind: str) -> None:
        self.kind, self.undecided = kind, 0

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Start anew."""
        self._network, self._domain = network, domain
        self._totals, self._count = Totals(network.n_in), JoinedCount(network, self.kind)

    def digest(self, batch: CellBatch) -> _Digest:
        """Return what a batch tells."""
        measures = Measurer(batch.points.shape[1]).measure(batch, names=True)
        return _Digest(measures.sums(), joined_cells(self._network, batch, measures, self.kind))

    def collect(self, digested: _Digest) -> None:
        """Add it."""
        self._totals.add(digested.measures)
        self._count.add(digested.joined)

    def finish(self, summary: BoxSummary) -> int:
        """Return the number of regions.

        Raises
        ------
        NumericalError
            If the cells do not fill the domain or do not fit to one another.
        """
        strata, _ = self._totals.finish()
        volume_defect(float(strata[0]), self._domain)
        self.undecided = int(summary.diagnostics["undecided"])
        return self._count.finish()
