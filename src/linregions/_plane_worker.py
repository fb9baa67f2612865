"""One thread's buffers, and cells taken through all layers in them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._plane_root import Contradiction, grow, record_bytes
from linregions.domains import PlaneWindow
from linregions.errors import MemoryLimitError
from linregions.kernels import cells
from linregions.kernels import plan as records
from linregions.kernels.assembly import chain_runs
from linregions.kernels.workspace import GROW, INCONSISTENT, OK, Workspace, make_workspace
from linregions.network import Network
from linregions.sinks import BatchRecord, RegionBatch

IndexArray = npt.NDArray[np.int64]

# Vertices that the output of a batch has room for at first.
OUTPUT_SIZE = 1 << 13
# Compiled code hears no Ctrl-C, so it is left about this often.
_SECONDS_IN_KERNEL = 0.1


def _unstamped(rows: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Return numbers and stamps for some vertices or edges of the root, which no cell has entered yet."""
    return np.full((2, rows.shape[0]), -1, dtype=np.int32)


def _make_scratch(
    plan: records.Plan, root: records.Root, ws: Workspace, n_switches: int, n_words: int
) -> records.Scratch:
    widest = plan.biases.shape[1]
    columns = ws.phi.shape[1] + 8
    return records.Scratch(
        vertex=_unstamped(root.xy),
        edge=_unstamped(root.edge.T),
        rows=np.zeros((2, columns, widest)),
        left=np.zeros((columns, widest + 4)),
        gather=np.zeros(widest + 4, dtype=np.int64),
        unit=np.zeros((2, widest), dtype=np.int64),
        scale=np.zeros((4, widest)),
        bound=np.empty((5, widest)),
        fit=np.empty((11, columns)),
        packed=np.empty((columns, 64)),
        kept=np.empty(widest, dtype=np.int64),
        source=np.empty(64, dtype=np.int64),
        block=np.empty((ws.phi.shape[0] + 4, 64)),
        base=np.zeros(n_words, dtype=np.uint64),
        passed=np.zeros((2, n_words), dtype=np.uint64),
        pending=np.zeros((2, n_switches + 64), dtype=np.int64),
        counting=np.arange(columns, dtype=np.int64),
    )


def _make_output(size: int, n_words: int, n_cells: int, patterns: bool) -> records.Output:
    return records.Output(
        filled=np.zeros(5, dtype=np.int64),
        xy=np.empty((size, 2)),
        root_v=np.empty(size, dtype=np.int32),
        edge=np.empty((3, 2 * size), dtype=np.int32),
        f_off=np.zeros(size + 1, dtype=np.int32),
        side=np.empty((2, 4 * size), dtype=np.int32),
        f_word=np.empty((size if patterns else 0, n_words), dtype=np.uint64),
        chain=np.empty((2, size), dtype=np.int32),
        cell_size=np.zeros((n_cells, 5), dtype=np.int64),
    )


def _larger_output(old: records.Output, size: int) -> records.Output:
    """Return a larger output with what is in the old one."""
    patterns = old.f_word.shape[0] > 0
    new = _make_output(size, old.f_word.shape[1], old.cell_size.shape[0], patterns)
    n_v, n_e, n_f, n_s, n_c = (int(k) for k in old.filled)
    new.filled[:] = old.filled
    new.xy[:n_v], new.root_v[:n_v], new.edge[:, :n_e] = old.xy[:n_v], old.root_v[:n_v], old.edge[:, :n_e]
    new.f_off[: n_f + 1], new.side[:, :n_s], new.chain[:, :n_c] = (
        old.f_off[: n_f + 1],
        old.side[:, :n_s],
        old.chain[:, :n_c],
    )
    if patterns:
        new.f_word[:n_f] = old.f_word[:n_f]
    new.cell_size[:] = old.cell_size
    return new


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
    ) -> None:
        self.network, self.window, self.limit = network, window, limit
        self.ids, self.first_cell = ids, first_cell
        self.stopped = threading.Event()
        self.few = 1  # cells at a time
        self.plan, self.root, self.n_switches = plan, root, n_switches
        self.n_words = (n_switches + 63) // 64
        if earlier is None:
            columns = 3 + min(int(plan.shape[records.WIDTH, 0]), 64) + 2 * 64 + 8
            self.ws: Workspace = make_workspace(2048, 4096, 2048, columns, 1 << 16, self.n_words)
            self.scratch = _make_scratch(plan, root, self.ws, n_switches, self.n_words)
            self.out = _make_output(OUTPUT_SIZE, self.n_words, n_cells, patterns)
        else:
            self.ws, self.out = earlier.ws, earlier.out
            self.scratch = earlier.scratch._replace(vertex=_unstamped(root.xy), edge=_unstamped(root.edge.T))
        self.ws.margin[1] = plan.relative
        self.begun = np.zeros(root.cell_off.shape[0] - 1, dtype=np.bool_)
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
            self.scratch.vertex[records.STAMP], self.scratch.edge[records.STAMP] = -1, -1
            self.begun[:] = False
        self.begun[task] = True
        self.out.filled[:] = 0
        self.ws.counts[:2] = 0
        self.ws.margin[0] = np.inf
        before = 0
        while True:
            if self.stopped.is_set():
                raise CancelledError
            begun = time.perf_counter()
            part = task[: before + self.few]
            status, done = cells.run_cells(self.ws, self.plan, self.scratch, self.root, self.out, part, before)
            if done > before:
                self.few = max(1, int((done - before) * _SECONDS_IN_KERNEL / max(time.perf_counter() - begun, 1e-6)))
            before = done
            if status == OK and done == task.size:
                return self._batch(task)
            if status == INCONSISTENT:
                raise Contradiction
            if status == GROW:
                self._check(record_bytes(self.ws))
                del self.scratch
                grow(self)
                self.scratch = _make_scratch(self.plan, self.root, self.ws, self.n_switches, self.n_words)
                self._check(0)
            elif status == records.FULL:
                ws = self.ws
                wanted = int(
                    max(ws.size[0], ws.size[1] // 2 + 1, ws.size[2], ws.f_off[ws.size[3], ws.size[2]] // 4 + 1)
                )
                size = self.out.xy.shape[0]
                self._check(2 * record_bytes(self.out))
                self.out = _larger_output(self.out, 2 * size + 2 * wanted)

    @property
    def n_bytes(self) -> int:
        """Bytes that the buffers take."""
        return record_bytes(self.ws) + record_bytes(self.scratch) + record_bytes(self.out)

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
                np.array([np.count_nonzero(out.root_v[:n_v] < 0), n_e, n_f]),
                np.stack(chain_runs(chain[0], np.cumsum(out.cell_size[: task.size, 4]))),
                int(self.ws.counts[0]),
                int(self.ws.counts[1]),
                float(self.ws.margin[0]),
            ),
        )
