"""Cells of one root, taken through all layers in the buffers of a thread."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import frame_of
from linregions.errors import NumericalError
from linregions.networks.switches import has_maxima
from linregions.regions.planes.engine.first_layer import Contradiction, noted
from linregions.regions.planes.engine.job import Job
from linregions.regions.planes.engine.parts import Parts, part_switches_of, split_cell
from linregions.regions.planes.engine.uniting import unite_faces
from linregions.regions.planes.engine.workbench import Workbench
from linregions.regions.planes.kernels import cells, records
from linregions.regions.planes.kernels.assembly import chain_runs, count_new
from linregions.regions.planes.kernels.joining import join
from linregions.regions.planes.kernels.records import N_CHAINS, OWN, SHARED
from linregions.regions.planes.kernels.workspace import CLOSEST, GROW, INCONSISTENT, N_VERTICES, OK, STAMPS, UNDECIDED
from linregions.regions.planes.sink import BatchRecord, IndexArray, RegionBatch

_OUT_OF_RANGE = (
    "`network` has pre-activations whose terms are, somewhere in this window, more than 1e140 times larger or smaller "
    "than those of other neurons or elsewhere, but float64 has no squares of such numbers, which bounds on rounding "
    "need. Divide the weights and biases of such neurons by a number, and multiply what goes out of them by it."
)


class Stamps(NamedTuple):
    """The part of a scratch that belongs to one root: which cell its vertices and edges were last met in."""

    vertex: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int32]

    @classmethod
    def of_no_cell(cls, root: records.Root) -> Stamps:
        """Return the stamps of a root of which no cell was met."""
        return cls(*records.make_stamps(root))

    def on(self, scratch: records.Scratch) -> records.Scratch:
        """Return a scratch with these stamps."""
        return scratch._replace(vertex=self.vertex, edge=self.edge)

    def forget(self, cell: int | None = None) -> None:
        """Undo the stamps of a cell that will be worked again, or of all."""
        for array in self:
            stamps = array[records.STAMP]
            stamps[slice(None) if cell is None else stamps == cell] = -1


class CellRun:
    """The cells of one root on a workbench, which no other run uses at the same time; ends early once `stopped` is set.

    Batches tell the numbers of cells from `first_cell` on, and, of root edges, those in `ids` if they are not their
    own; bits of patterns if `patterns` are wanted.
    """

    def __init__(
        self,
        job: Job,
        bench: Workbench,
        plan: records.Plan,
        root: records.Root,
        stopped: threading.Event,
        ids: IndexArray | None = None,
        first_cell: int = 0,
        patterns: bool = True,
    ) -> None:
        self.job, self.bench, self.plan, self.root = job, bench, plan, root
        self.stopped, self.ids, self.first_cell, self.patterns = stopped, ids, first_cell, patterns
        self.whole = plan._replace(most_faces=records.NEVER, crowded_faces=records.NEVER)  # of cells that are not split
        self.few = 1  # cells at a time
        self.begun = np.zeros(root.cell_off.shape[0] - 1, dtype=np.bool_)
        self._frame, self._stamps = frame_of(job.window), Stamps.of_no_cell(root)

    def run(self, task: IndexArray) -> RegionBatch:
        """Work on some cells, in order. An executor may want a cell twice, should it lose the result.

        Raises Contradiction, Exceeded if they do not fit in the limit, and CancelledError if `stopped` is set
        meanwhile.
        """
        if self.begun[task].any():
            self.forget()
        self.begun[task] = True
        self.bench.outs[0].filled[:] = 0
        self.bench.clear()
        self._work(self.root, self._stamps, 0, task)
        return self._batch(task)

    def _work(self, root: records.Root, stamps: Stamps, depth: int, task: IndexArray) -> None:
        """Work on cells of a root; append them to the output of their depth."""
        bench, knobs = self.bench, self.job.knobs
        # Parts of parts have fewer switches left each time, but should they be many times as deep, Python has a limit.
        usual = self.plan if depth < knobs.most_depth else self.whole
        plan = usual
        before = 0
        while before < task.size:
            if self.stopped.is_set():
                raise CancelledError
            begun = time.perf_counter()
            part = task[: before + (self.few if plan is usual else 1)]
            scratch = stamps.on(bench.scratch)
            out = bench.outs[depth]
            status, done = cells.run_cells(bench.ws, plan, scratch, root, out, part, before, records.THROUGH_LAYERS)
            del out  # it may have to grow
            if done > before:
                self.few = max(
                    1, int((done - before) * knobs.seconds_in_kernel / max(time.perf_counter() - begun, 1e-6))
                )
                plan = usual
            before = done
            if status == INCONSISTENT:
                raise Contradiction
            if status == records.OUT_OF_RANGE:
                raise NumericalError(_OUT_OF_RANGE)
            if status in (GROW, records.FULL):
                stamps.forget(int(task[before]))
            if status == GROW:
                del scratch
                bench.make_room()
            elif status == records.FULL:
                bench.enlarge(depth)
            elif status == records.SPLIT:
                counts, margin = bench.ws.counts[:STAMPS].copy(), float(bench.ws.margin[CLOSEST])
                most = part_switches_of(bench.ws, plan)
                parts = split_cell(bench.ws, scratch, root, int(task[before]), most)
                del scratch
                if self._work_parts(parts, depth, before):
                    before += 1
                    continue
                # Two parts saw their border differently: a decision at the edge of the band. Work the cell whole.
                bench.ws.counts[:STAMPS], bench.ws.margin[CLOSEST] = counts, margin
                bench.ws.counts[UNDECIDED] += 1
                plan = self.whole
                stamps.forget(int(task[before]))

    def _work_parts(self, parts: Parts, depth: int, slot: int) -> bool:
        """Work on the parts of a cell and join them; False if they contradict one another."""
        bench, below = self.bench, depth + 1
        bench.parts_bytes += parts.n_bytes
        bench.check(0)
        bench.empty_output(below, parts.n_parts)
        self._work(parts.root, Stamps.of_no_cell(parts.root), below, np.arange(parts.n_parts))
        while True:
            out, n_edges = bench.outs[below], parts.root.edge.shape[1]
            status = join(out, parts.n_parts, n_edges, parts.root_vertex, parts.chain, bench.outs[depth], slot)
            if status != records.FULL:
                break
            bench.enlarge(depth, int(out.filled[:N_CHAINS].max()))
        bench.parts_bytes -= parts.n_bytes
        return bool(status == OK)

    def forget(self) -> None:
        """Forget which cells have been worked, so that they may be again, and what was noted."""
        self._stamps.forget()
        self.begun[:] = False
        self.bench.clear()

    def _batch(self, task: IndexArray) -> RegionBatch:
        out = self.bench.outs[0]
        if has_maxima(self.job.network):
            unite_faces(self.job.network, out, task.size, self.patterns)
        self._frame.to_plane(out.xy[: out.filled[N_VERTICES]])
        n_v, n_e, n_f, n_s, n_c = (int(k) for k in out.filled)
        chain: npt.NDArray[Any] = out.chain[:, :n_c]
        if self.ids is not None:
            chain = np.stack([self.ids[chain[SHARED]], chain[OWN]])
        runs = np.empty((2, n_c), dtype=np.int64)
        return RegionBatch(
            network=self.job.network,
            window=self.job.window,
            cells=self.first_cell + task,
            cell_sizes=out.cell_size[: task.size],
            vertices=out.xy[:n_v],
            root_vertex=out.root_v[:n_v],
            edge=out.edge[:, :n_e],
            face_offsets=out.f_off[: n_f + 1],
            side=out.side[:, :n_s],
            pattern_words=out.f_word[: n_f if self.patterns else 0],
            chain=chain,
            record=BatchRecord(
                np.array([count_new(out.root_v[:n_v]), n_e, n_f]),
                runs[:, : chain_runs(chain[SHARED], np.cumsum(out.cell_size[: task.size, N_CHAINS]), runs)],
                *noted(self.bench.ws),
            ),
        )
