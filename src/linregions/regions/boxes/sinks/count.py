"""Sinks that count regions: quickly in general position, and measured, which tells whether cells fit to one another."""

from __future__ import annotations

from typing import Any, NamedTuple

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.joined import JoinedCells, JoinedCount, joined_cells
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect
from linregions.regions.boxes.totals import Totals


class QuickCounter(BoxSink):
    """Count cells by the engine alone, and check Euler's number; return None where some sign was taken for zero."""

    needs_cells = False

    def digest(self, batch: CellBatch) -> Any:
        """Do nothing: there are no batches."""

    def collect(self, digested: Any) -> None:
        """Do nothing."""

    def finish(self, summary: BoxSummary) -> int | None:
        """Return the number of cells, if they are in general position."""
        if not summary.is_general:
            return None
        if summary.euler != 1:
            raise NumericalError(
                f"`network` has in float64 cells whose faces have the alternating sum {summary.euler}, but it must be "
                "1: signs near ties were taken wrongly. Pass `tolerances=Tolerances(relative=...)` with another width, "
                "or move the box slightly."
            )
        return summary.n_cells


class Counted(NamedTuple):
    """What is needed of a batch."""

    measures: BatchMeasures
    joined: JoinedCells | None


class RegionCounter(BoxSink):
    """Count regions of a kind; check volumes and how cells fit to one another.

    `undecided` tells how many decisions float64 could not tell.
    """

    def __init__(self, kind: str) -> None:
        self.kind, self.undecided = kind, 0

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Start anew."""
        self.network, self.domain = network, domain
        self._totals = Totals(network.n_in)
        self._joined = JoinedCount(network, self.kind)

    def digest(self, batch: CellBatch) -> Counted:
        """Return the measures of a batch, and which of its cells are one region."""
        joins = self.kind != "activation"
        measures = Measurer(batch.points.shape[1]).measure(batch, names=joins)
        return Counted(measures, joined_cells(self.network, batch, measures, self.kind) if joins else None)

    def collect(self, digested: Counted) -> None:
        """Add them."""
        self._totals.add(digested.measures)
        if digested.joined is not None:
            self._joined.add(digested.joined)

    def finish(self, summary: BoxSummary) -> int:
        """Return the number of regions."""
        strata, _ = self._totals.finish()
        volume_defect(float(strata[0]), self.domain)
        self.undecided = int(summary.diagnostics["undecided"])
        return summary.n_cells if self.kind == "activation" else self._joined.finish()
