"""One thread's buffers, and cells taken through all layers in them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import frame_of
from linregions.domains.windows import PlaneWindow
from linregions.errors import MemoryLimitError, NumericalError
from linregions.networks.network import Network
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.first_layer import Contradiction, grow, noted, room_for
from linregions.regions.planes.engine.outputs import for_patterns, larger_output, make_output
from linregions.regions.planes.engine.parts import Parts, part_switches_of, split_cell
from linregions.regions.planes.kernels import cells, records
from linregions.regions.planes.kernels.assembly import chain_runs, count_new
from linregions.regions.planes.kernels.joining import join
from linregions.regions.planes.kernels.workspace import (
    GROW,
    INCONSISTENT,
    OK,
    STAMPS,
    UNDECIDED,
    Workspace,
    make_workspace,
)
from linregions.regions.planes.sink import BatchRecord, RegionBatch

IndexArray = npt.NDArray[np.int64]

# What there is room for at first: vertices, columns and pool of a workspace, vertices of an output; then the same with
# a limit on memory. 104 columns are whole cache lines to a vertex; few cells need more.
_ROOM = (2048, 104, 1 << 16, 1 << 13)
_LITTLE_ROOM = (512, 64, 1 << 14, 1 << 11)
# Compiled code hears no Ctrl-C, so it is left about this often.
_SECONDS_IN_KERNEL = 0.1
# Parts of parts of a cell at most.
_MOST_DEPTH = 64
_OUT_OF_RANGE = (
    "`net` has pre-activations whose terms are, somewhere in this window, more than 1e140 times larger or smaller than "
    "those of other neurons or elsewhere, but float64 has no squares of such numbers, which bounds on rounding need. "
    "Divide the weights and biases of such neurons by a number, and multiply what goes out of them by it."
)


class _Stamps(NamedTuple):
    """The part of a thread's scratch that belongs to one root: which cell its vertices and edges were last met in."""

    vertex: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int32]

    def forget(self, cell: int | None = None) -> None:
        """Undo the stamps of a cell that will be worked again, or of all."""
        for array in self:
            stamps = array[records.STAMP]
            stamps[slice(None) if cell is None else stamps == cell] = -1


def _stamps(root: records.Root) -> _Stamps:
    """Return stamps of no cell."""
    return _Stamps(*records.make_stamps(root))


def _make_scratch(
    plan: records.Plan, root: records.Root, ws: Workspace, n_switches: int, n_words: int
) -> records.Scratch:
    layers, width = plan.biases.shape
    return records.make_scratch(root, layers, width, *_scratch_room(*ws.phi.shape), n_switches, n_words)


def _scratch_room(vertices: int, columns: int) -> tuple[int, int]:
    """Return how many vertices and basis functions a scratch has room for beside a workspace."""
    return vertices + 4, columns + 8


def _stamped(scratch: records.Scratch, stamps: _Stamps) -> records.Scratch:
    return scratch._replace(vertex=stamps.vertex, edge=stamps.edge)


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
    earlier : Worker, optional
        One of another root that is not needed any more, whose buffers this one takes over.
    ids : ndarray of int64, optional
        Numbers of the root edges that batches tell, if not their own.
    first_cell : int
        Added to the numbers of cells that batches tell.
    keeps : bool
        Whether buffers are those that an earlier call has left, if there are any; see `keep`.
    room : tuple of int, optional
        Vertices and columns that there is room for at first, if it is known how many there will be.
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
        earlier: Worker | None = None,
        ids: IndexArray | None = None,
        first_cell: int = 0,
        keeps: bool = False,
        room: tuple[int, int] = (0, 0),
    ) -> None:
        self.network, self.window, self.limit = network, window, limit
        self._frame = frame_of(window)
        size, columns, pool, self.output_size = _ROOM if limit is None else _LITTLE_ROOM
        if limit is None:
            size, columns = max(size, room[0]), max(columns, -(-room[1] // 8) * 8)
            self.output_size = max(self.output_size, 2 * room[0])
        self.ids, self.first_cell = ids, first_cell
        self.stopped = threading.Event()
        self.few = 1  # cells at a time
        self.plan, self.root, self.n_switches = plan, root, n_switches
        self.whole = plan._replace(most_faces=records.NEVER, crowded_faces=records.NEVER)  # of cells that are not split
        self.n_words = (n_switches + 63) // 64
        # Parts of a cell are told apart by their patterns.
        words = self.n_words if patterns or plan.most_faces < records.NEVER else 0
        # What one run never writes, another of this key does not either, so that all runs see the same.
        self._key = ("worker", plan.shape.tobytes(), n_switches)
        kept = _plane_buffers.take(self._key) if keeps else None
        self.ws: Workspace
        self.scratch: records.Scratch
        self.outs: list[records.Output]
        if earlier is not None:
            self.ws, self.outs = earlier.ws, earlier.outs
            self.scratch = _stamped(earlier.scratch, _stamps(root))
        elif kept is not None:
            ws, scratch, outs = kept
            self.ws = _with_words(ws, words)
            self.scratch = _stamped(scratch, _stamps(root))
            self.outs = [for_patterns(out, patterns) for out in outs]
            self.outs[0] = self.outs[0]._replace(cell_size=np.zeros((n_cells, 5), dtype=np.int64))
        else:
            self.ws = make_workspace(size, 2 * size, size, columns, pool, words)
            self.scratch = _make_scratch(plan, root, self.ws, n_switches, self.n_words)
            # Of cells, of their parts, of the parts of these ...
            self.outs = [make_output(self.output_size, self.n_words, n_cells, patterns)]
        self.ws.margin[1] = plan.relative
        self.begun = np.zeros(root.cell_off.shape[0] - 1, dtype=np.bool_)
        self._parts_bytes = 0
        self._check(0)

    def run(self, task: IndexArray) -> RegionBatch:
        """Work on some cells, in order. An executor may want a cell twice, should it lose the result.

        Raises
        ------
        Contradiction
        MemoryLimitError
            If they do not fit in the limit.
        CancelledError
            If `stopped` is set meanwhile.
        """
        if self.begun[task].any():
            self.forget()
        self.begun[task] = True
        self.out.filled[:] = 0
        self.ws.counts[:STAMPS] = 0
        self.ws.margin[0] = np.inf
        self._work(self.root, 0, task)
        return self._batch(task)

    def _work(self, root: records.Root, depth: int, task: IndexArray) -> None:
        """Work on cells of a root; append them to the output of their depth."""
        stamps = _stamps(root) if depth else _Stamps(self.scratch.vertex, self.scratch.edge)
        # Parts of parts have fewer switches left each time, but should they be many times as deep, Python has a limit.
        usual = self.plan if depth < _MOST_DEPTH else self.whole
        plan = usual
        before = 0
        while before < task.size:
            if self.stopped.is_set():
                raise CancelledError
            begun = time.perf_counter()
            part = task[: before + (self.few if plan is usual else 1)]
            scratch = _stamped(self.scratch, stamps)
            status, done = cells.run_cells(self.ws, plan, scratch, root, self.outs[depth], part, before)
            if done > before:
                self.few = max(1, int((done - before) * _SECONDS_IN_KERNEL / max(time.perf_counter() - begun, 1e-6)))
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
                self.make_room()
            elif status == records.FULL:
                self._enlarge(depth)
            elif status == records.SPLIT:
                counts, margin = self.ws.counts[:STAMPS].copy(), float(self.ws.margin[0])
                most = part_switches_of(self.ws, plan)
                parts = split_cell(self.ws, scratch, root, int(task[before]), most)
                del scratch
                if self._work_parts(parts, depth, before):
                    before += 1
                    continue
                # Two parts saw their border differently: a decision at the edge of the band. Work the cell whole.
                self.ws.counts[:STAMPS], self.ws.margin[0] = counts, margin
                self.ws.counts[UNDECIDED] += 1
                plan = self.whole
                stamps.forget(int(task[before]))

    def _work_parts(self, parts: Parts, depth: int, slot: int) -> bool:
        """Work on the parts of a cell and join them; False if they contradict one another."""
        self._parts_bytes += parts.n_bytes
        self._check(0)
        patterns = self.out.f_word.shape[0] > 0
        if len(self.outs) == depth + 1:
            self.outs.append(make_output(self.output_size, self.n_words, parts.n_parts, patterns))
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

    def forget(self) -> None:
        """Forget which cells have been worked, so that they may be again, and what was noted."""
        _Stamps(self.scratch.vertex, self.scratch.edge).forget()
        self.begun[:] = False
        self.ws.counts[:STAMPS] = 0
        self.ws.margin[0] = np.inf

    def make_room(self) -> None:
        """Give the workspace the room that it needs; what is in it is forgotten."""
        self._check(n_bytes(self.ws) // 2)
        room = room_for(self.ws, sparing=self.limit is not None)
        resizing = records.Resizing(self.scratch, *_scratch_room(room[0], room[3]))
        del self.scratch
        grow(self, room)
        self.scratch = resizing.done()
        self._check(0)

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
                f"more than {(now + more) / 2**20:,.0f} MB. Give a larger limit, for each thread "
                "`linregions.regions.planes.estimate.estimate_plane(net, window).bytes_statistics`, or fewer threads, "
                "or a smaller window.",
                2 * (now + more),  # buffers grow by doubling
            )

    def _batch(self, task: IndexArray) -> RegionBatch:
        out = self.out
        self._frame.to_plane(out.xy[: out.filled[0]])
        n_v, n_e, n_f, n_s, n_c = (int(k) for k in out.filled)
        chain: npt.NDArray[Any] = out.chain[:, :n_c]
        if self.ids is not None:
            chain = np.stack([self.ids[chain[0]], chain[1]])
        runs = np.empty((2, n_c), dtype=np.int64)
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
                runs[:, : chain_runs(chain[0], np.cumsum(out.cell_size[: task.size, 4]), runs)],
                *noted(self.ws),
            ),
        )
