"""The sink that counts cells, and checks that they fill the box and fit to one another where that is cheap."""

from __future__ import annotations

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect
from linregions.regions.boxes.totals import Totals

# Inputs up to which measures take less time than the cells.
_CHEAP = 3


class CellCounter(BoxSink):
    """Count cells; `undecided` tells how many decisions float64 could not tell."""

    def __init__(self) -> None:
        self.undecided = 0

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Start anew."""
        self.needs_cells = network.n_in <= _CHEAP
        self.domain = domain
        self._totals = Totals(network.n_in)

    def digest(self, batch: CellBatch) -> BatchMeasures:
        """Return the measures of a batch."""
        return Measurer(batch.points.shape[1]).measure(batch)

    def collect(self, digested: BatchMeasures) -> None:
        """Add them."""
        self._totals.add(digested)

    def finish(self, summary: BoxSummary) -> int:
        """Return the number of cells."""
        if self.needs_cells:
            strata, _ = self._totals.finish()
            volume_defect(float(strata[0]), self.domain)
        self.undecided = int(summary.diagnostics["undecided"])
        return summary.n_cells
