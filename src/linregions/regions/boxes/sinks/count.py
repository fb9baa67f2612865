"""Sinks that count cells: quickly in general position, or measured, which tells whether they fit to one another."""

from __future__ import annotations

from typing import Any

from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect
from linregions.regions.boxes.totals import Totals


class QuickCounter(BoxSink):
    """Count cells by the engine alone, and check how they meet; return None where some sign was taken for zero."""

    needs_cells = False

    def digest(self, batch: CellBatch) -> Any:
        """Do nothing: there are no batches."""

    def collect(self, digested: Any) -> None:
        """Do nothing."""

    def finish(self, summary: BoxSummary) -> int | None:
        """Return the number of cells, if they are in general position."""
        if not summary.is_general:
            return None
        if summary.euler != 1 or not summary.fits:
            raise NumericalError(
                "`network` has in float64 cells that do not meet face to face (the alternating sum of the numbers of "
                f"their faces is {summary.euler}): signs near ties were taken wrongly. Pass "
                "`tolerances=Tolerances(relative=...)` with another width, or move the box slightly."
            )
        return summary.n_cells


class CellCounter(BoxSink):
    """Count cells, and check volumes and how they fit to one another.

    `undecided` tells how many decisions float64 could not tell.
    """

    def __init__(self) -> None:
        self.undecided = 0

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Start anew."""
        self._domain, self._totals = domain, Totals(network.n_in)

    def digest(self, batch: CellBatch) -> BatchMeasures:
        """Return sums over a batch."""
        return Measurer(batch.points.shape[1]).measure(batch).sums()

    def collect(self, digested: BatchMeasures) -> None:
        """Add them."""
        self._totals.add(digested)

    def finish(self, summary: BoxSummary) -> int:
        """Return the number of cells."""
        strata, _ = self._totals.finish()
        volume_defect(float(strata[0]), self._domain)
        self.undecided = int(summary.diagnostics["undecided"])
        return summary.n_cells
