"""Cells of a box, walked in the buffers of a thread."""

from __future__ import annotations

from collections.abc import Iterator

from linregions.domains.solids import Box
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.boxes.batch import CellBatch
from linregions.regions.boxes.engine.frame import BoxFrame
from linregions.regions.boxes.engine.plan import make_plan
from linregions.regions.boxes.engine.workbench import grown, make_bench, make_output, put_root
from linregions.regions.boxes.kernels import bench as B
from linregions.regions.boxes.kernels.bench import Bench, Output, Plan
from linregions.regions.boxes.kernels.walk import walk
from linregions.regions.tolerances import DEFAULT_TOLERANCES

# Nodes between two looks at whether to stop.
_STEPS = 1 << 15


class Worker:
    """A plan and buffers; `emits` if cells are wanted and not only their number."""

    def __init__(self, plan: Plan, frame: BoxFrame, emits: bool) -> None:
        self.plan, self.emits = plan, emits
        self.bench: Bench = make_bench(plan, frame.d, emits)
        self.out: Output = make_output(frame.d, self.bench.pattern.shape[1] if emits else 0, *(() if emits else (1,)))
        put_root(self.bench, frame)

    @property
    def n_cells(self) -> int:
        """Number of cells so far."""
        return int(self.bench.counts[B.CELLS])

    def batches(self) -> Iterator[CellBatch]:
        """Yield cells, views of the buffers that hold until the next ones."""
        while True:
            status = walk(self.plan, self.bench, self.out, self.emits, _STEPS)
            if status == B.GROW:
                self.bench = grown(self.bench)
            elif status in (B.CROWDED, B.INCONSISTENT):
                raise NumericalError("signs contradict one another")
            elif status == B.FULL or (status == B.DONE and self.out.filled[0]):
                yield self._batch()
                self.out.filled[:] = 0
            if status == B.DONE:
                return

    def _batch(self) -> CellBatch:
        cells, rows, labels = self.out.filled.tolist()
        out = self.out
        return CellBatch(
            out.cell_offsets[: cells + 1],
            out.points[:rows],
            out.slots[:rows],
            out.vertex_keys[:rows],
            out.tight[:rows],
            out.slot_offsets[: cells + 1],
            out.slot_labels[:labels],
            out.slot_signs[:labels],
            out.cell_keys[:cells],
            out.pattern_words[:cells],
        )


def walk_cells(network: Network, box: Box, relative: float = DEFAULT_TOLERANCES.relative) -> Iterator[CellBatch]:
    """Yield all cells of a box in batches."""
    frame = BoxFrame.of(box)
    yield from Worker(make_plan(network, frame, relative), frame, True).batches()
