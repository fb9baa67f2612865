"""The sink that keeps everything: cells of all batches, put together to one complex."""

from __future__ import annotations

import numpy as np

from linregions._support.limits import exceeded
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.networks.switches import switch_tables
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.assembly import CellAssembler, Piece, piece_of
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.measuring import Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect


class CellCollector(BoxSink):
    """Collect all cells as flat arrays, if they fit in a limit."""

    def __init__(self, limit: int | None, who: str) -> None:
        self.limit, self.who = limit, who

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Start anew."""
        self.network, self.domain = network, domain
        self._assembler = CellAssembler(network.n_in)

    def digest(self, batch: CellBatch) -> Piece:
        """Return a copy of a batch, with its measures."""
        return piece_of(batch, Measurer(batch.points.shape[1]))

    def collect(self, digested: Piece) -> None:
        """Add it.

        Raises
        ------
        MemoryLimitError
            If there are too many cells for the limit.
        """
        self._assembler.add(digested)
        if self.limit is not None and self._assembler.n_bytes > self.limit:
            found = self._assembler.n_cells
            raise exceeded(
                self.limit,
                self.who,
                2 * self._assembler.n_bytes,
                f"or more to keep the cells of this box, of which {found:,} are found so far",
                "Give more, or a smaller box, or call `count_regions`, which keeps none.",
            )

    def finish(self, summary: BoxSummary) -> BoxCells:
        """Return all cells as flat arrays."""
        frame = BoxFrame.of(self.domain)
        cells = self._assembler.finish(frame.center, switch_tables(self.network), summary.diagnostics)
        cells.diagnostics["volume_defect"] = volume_defect(float(np.sum(cells.volumes)), self.domain)
        return cells
