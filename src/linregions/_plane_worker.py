"""One thread's buffers, and cells taken through all layers in them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions import _plane_buffers
from linregions._plane_buffers import n_bytes
from linregions._plane_outputs import for_patterns, larger_output, make_output
from linregions._plane_parts import split_cell
from linregions._plane_root import Contradiction, grown
from linregions.domains import PlaneWindow
from linregions.errors import MemoryLimitError
from linregions.kernels import cells
from linregions.kernels import plan as records
from linregions.kernels.assembly import chain_runs, count_new
from linregions.kernels.joining import join
from linregions.kernels.workspace import GROW, INCONSISTENT, OK, Workspace, make_workspace
from linregions.network import Network
from linregions.sinks import BatchRecord, RegionBatch

IndexArray = npt.NDArray[np.int64]

# Compiled code hears no Ctrl-C, so it is left about this often.
_SECONDS_IN_KERNEL = 0.1


def _stamps(root: records.Root) -> dict[str, npt.NDArray[np.int32]]:
    """Return the part of a thread's scratch that belongs to one root: no cell worked yet."""
    return {
        "vertex": np.full((2, root.xy.shape[0]), -1, dtype=np.int32),
        "edge": np.full((2, root.edge.shape[1]), -1, dtype=np.int32),
    }


def _make_scratch(
    plan: records.Plan, root: records.Root, ws: Workspace, n_switches: int, n_words: int
) -> records.Scratch:
    widest = plan.biases.shape[1]
    columns = ws.phi.shape[1] + 8
    return records.Scratch(
        **_stamps(root),
        rows=np.zeros((2, columns, widest)),
        left=np.zeros((columns, widest + 4)),
        gather=np.zeros(widest + 4, dtype=np.int64),
        unit=np.zeros((2, widest), dtype=np.int64),
        history=np.zeros((plan.shape.shape[1], 2, widest), dtype=np.int64),
        scale=np.zeros((7, widest + 4)),
        bound=np.empty((5, widest)),
        fit=np.empty((10, columns)),
        box=np.empty(4),
        packed=np.empty((columns, 64)),
        kept=np.empty(widest + 4, dtype=np.int64),
        source=np.empty(64, dtype=np.int64),
        block=np.empty((ws.phi.shape[0] + 4, 64)),
        base=np.zeros(n_words, dtype=np.uint64),
        passed=np.zeros((2, n_words), dtype=np.uint64),
        pending=np.zeros((2, n_switches + 64), dtype=np.int64),
        counting=np.arange(columns, dtype=np.int64),
    )


def _with_words(ws: Workspace, n_words: int) -> Workspace:
    """Return a workspace with room for words of faces, or without, which is a view of none."""
    words = ws.f_word if ws.f_word.base is None else ws.f_word.base
    if words.shape[2] < n_words:
        words = np.empty((2, words.shape[1], n_words), dtype=np.uint64)
    return ws._replace(f_word=words[:, :, :n_words])


class Worker:
    """Buffers of one thread.

    Parameters
    ----------
    network, window
        What batches tell about where they come from.
    plan, root
        The network in the plane, and the cells.
    n_switches : int
    patterns : bool
        Whether batches carry patterns.
    n_cells : int
        Cells in a batch at most.
    limit : int or None
        Bytes that the buffers may take.
    like : Worker, optional
        One whose buffers have grown to the sizes that are wanted.
    ids : ndarray of int64, optional
        Numbers of the root edges that batches tell, if not their own.
    first_cell : int
        Added to the numbers of cells that batches tell.
    keeps : bool
        Whether buffers are those that an earlier call has left, if there are any; see `keep`.
    """

    def __init__(
        self,
        network: Network,
        window: PlaneWindow,
        plan: records.Plan,
        root: records.Root,
        n_switches: int,
        patterns: bool,
        n_cells: int,
        limit: int | None,
        like: Worker | None = None,
        ids: IndexArray | None = None,
        first_cell: int = 0,
        keeps: bool = False,
    ) -> None:
        self.network, self.window, self.limit = network, window, limit
        self.ids, self.first_cell = ids, first_cell
        self.stopped = threading.Event()
        self.few = 1  # cells at a time
        self.plan, self.root, self.n_switches = plan, root, n_switches
        self.n_words = (n_switches + 63) // 64
        # Parts of a cell are told apart by their patterns.
        words = self.n_words if patterns or plan.most_faces < records.NEVER else 0
        # What one run never writes, another of this key does not either, so that all runs see the same.
        self._key = ("worker", plan.shape.tobytes(), n_switches)
        kept = _plane_buffers.take(self._key) if keeps else None
        self.ws: Workspace
        if kept is not None:
            ws, scratch, outs = kept
            self.ws = _with_words(ws, words)
            self.scratch = scratch._replace(**_stamps(root))
            self.outs = [for_patterns(out, patterns) for out in outs]
            self.outs[0] = self.outs[0]._replace(cell_size=np.zeros((n_cells, 5), dtype=np.int64))
        else:
            columns = 3 + min(int(plan.shape[records.WIDTH, 0]), 64) + 2 * 64 + 8
            sizes = (2048, 4096, 2048, columns, 1 << 16)
            if like is not None:
                ws = like.ws
                sizes = (ws.phi.shape[0], ws.edge.shape[1], ws.f_word.shape[1], ws.phi.shape[1], ws.pool.shape[1])
            self.ws = make_workspace(*sizes, words)
            self.scratch = _make_scratch(plan, root, self.ws, n_switches, self.n_words)
            # Of cells, of their parts, of the parts of these ...
            self.outs = [make_output(1 << 13, self.n_words, n_cells, patterns)]
        self.ws.margin[1] = plan.relative
        self._parts_bytes = 0
        self._check(0)

    def run(self, task: IndexArray) -> RegionBatch:
        """Work on some cells, in order.

        Raises
        ------
        Contradiction
        MemoryLimitError
            If they do not fit in the limit.
        CancelledError
            If `stopped` is set meanwhile.
        """
        self.out.filled[:] = 0
        self.ws.counts[:2] = 0
        self.ws.margin[0] = np.inf
        self._work(self.root, 0, task)
        return self._batch(task)

    def _work(self, root: records.Root, depth: int, task: IndexArray) -> None:
        """Work on cells of a root; append them to the output of their depth."""
        stamps = _stamps(root) if depth else {"vertex": self.scratch.vertex, "edge": self.scratch.edge}
        plan = self.plan
        before = 0
        while before < task.size:
            if self.stopped.is_set():
                raise CancelledError
            begun = time.perf_counter()
            part = task[: before + (self.few if plan is self.plan else 1)]
            scratch = self.scratch._replace(**stamps)
            status, done = cells.run_cells(self.ws, plan, scratch, root, self.outs[depth], part, before)
            if done > before:
                self.few = max(1, int((done - before) * _SECONDS_IN_KERNEL / max(time.perf_counter() - begun, 1e-6)))
                plan = self.plan
            before = done
            if status == INCONSISTENT:
                raise Contradiction
            if status == GROW:
                self._check(2 * n_bytes(self.ws))
                self.ws = grown(self.ws)
                self.scratch = _make_scratch(self.plan, self.root, self.ws, self.n_switches, self.n_words)
            elif status == records.FULL:
                self._enlarge(depth)
            elif status == records.SPLIT:
                counts, margin = self.ws.counts[:2].copy(), float(self.ws.margin[0])
                if self._work_parts(root, scratch, depth, int(task[before]), before):
                    before += 1
                    continue
                # Two parts saw their border differently: a decision at the edge of the band. Work the cell whole.
                self.ws.counts[:2], self.ws.margin[0] = counts, margin
                plan = self.plan._replace(most_faces=records.NEVER)
                for array in stamps.values():
                    array[records.STAMP][array[records.STAMP] == task[before]] = -1

    def _work_parts(self, root: records.Root, scratch: records.Scratch, depth: int, cell: int, slot: int) -> bool:
        """Split the cell that is in the workspace and work on its parts; False if they contradict one another."""
        parts = split_cell(self.ws, scratch, root, cell, self.n_switches, self.plan.part_switches)
        self._parts_bytes += parts.n_bytes
        self._check(0)
        patterns = self.out.f_word.shape[0] > 0
        if len(self.outs) == depth + 1:
            self.outs.append(make_output(1 << 13, self.n_words, parts.n_parts, patterns))
        below = self.outs[depth + 1]
        below.filled[:] = 0
        if below.cell_size.shape[0] < parts.n_parts:
            self.outs[depth + 1] = below._replace(cell_size=np.zeros((parts.n_parts, 5), dtype=np.int64))
        self._work(parts.root, depth + 1, np.arange(parts.n_parts))
        while True:
            below, out = self.outs[depth + 1], self.outs[depth]
            n_edges = parts.root.edge.shape[1]
            status = join(below, parts.n_parts, n_edges, parts.root_vertex, parts.chain, out, slot)
            if status != records.FULL:
                break
            self._enlarge(depth, int(below.filled[:4].max()))
        self._parts_bytes -= parts.n_bytes
        return bool(status == OK)

    def _enlarge(self, depth: int, wanted: int | None = None) -> None:
        """Give an output more room: for what is in the workspace, or for as many vertices, edges, faces and sides."""
        ws, out = self.ws, self.outs[depth]
        if wanted is None:
            wanted = int(max(ws.size[0], ws.size[1] // 2 + 1, ws.size[2], ws.f_off[ws.size[3], ws.size[2]] // 4 + 1))
        self._check(2 * n_bytes(out))
        self.outs[depth] = larger_output(out, 2 * out.xy.shape[0] + 2 * wanted)

    @property
    def out(self) -> records.Output:
        """Where cells of the window go."""
        return self.outs[0]

    def fresh(self) -> Worker:
        """Return one like this that has worked no cell yet: each can be worked once."""
        patterns = self.out.f_word.shape[0] > 0
        n_cells = self.out.cell_size.shape[0]
        return Worker(
            self.network, self.window, self.plan, self.root, self.n_switches, patterns, n_cells, self.limit, like=self
        )

    def keep(self) -> None:
        """Leave the buffers to the next call; no batch is used any longer."""
        _plane_buffers.keep(self._key, (self.ws, self.scratch, self.outs), self.n_bytes)

    @property
    def n_bytes(self) -> int:
        """Bytes that the buffers take."""
        outs = sum(n_bytes(out) for out in self.outs)
        return n_bytes(self.ws) + n_bytes(self.scratch) + outs + self._parts_bytes

    def _check(self, more: int) -> None:
        now = self.n_bytes
        if self.limit is not None and now + more > self.limit:
            raise MemoryLimitError(
                f"`memory_limit` leaves {self.limit / 2**20:,.0f} MB to a thread, but one cell of this window needs "
                f"more than {(now + more) / 2**20:,.0f} MB. Give a larger limit, fewer threads, or a smaller window."
            )

    def _batch(self, task: IndexArray) -> RegionBatch:
        out = self.out
        n_v, n_e, n_f, n_s, n_c = (int(k) for k in out.filled)
        chain: npt.NDArray[Any] = out.chain[:, :n_c]
        if self.ids is not None:
            chain = np.stack([self.ids[chain[0]], chain[1]])
        return RegionBatch(
            network=self.network,
            window=self.window,
            cells=self.first_cell + task,
            cell_sizes=out.cell_size[: task.size],
            vertices=out.xy[:n_v],
            root_vertex=out.root_v[:n_v],
            edge=out.edge[:, :n_e],
            face_offsets=out.f_off[: n_f + 1],
            side=out.side[:, :n_s],
            pattern_words=out.f_word[:n_f],
            chain=chain,
            record=BatchRecord(
                np.array([count_new(out.root_v[:n_v]), n_e, n_f]),
                np.stack(chain_runs(chain[0], np.cumsum(out.cell_size[: task.size, 4]))),
                int(self.ws.counts[0]),
                int(self.ws.counts[1]),
                float(self.ws.margin[0]),
            ),
        )
