"""A window that the first layer (or more) has cut to cells, all of one root."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.switches import has_maxima
from linregions.regions.planes.engine import buffers
from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.cell_run import CellRun
from linregions.regions.planes.engine.job import Done, Job, Prepared, Total, Worked, equal_tasks
from linregions.regions.planes.engine.workbench import Workbench
from linregions.regions.planes.kernels import records
from linregions.regions.planes.sink import IndexArray, Sink


class WholeWindow(Prepared):
    """A job's window as the cells of one root, `face_cell` of its faces, of which a batch has `in_batch` at most.

    To make it took `bytes_cutting` at most, of which `bytes_left` are buffers that are left to the next call; a cell
    has about `room` vertices and columns.
    """

    def __init__(
        self,
        plan: records.Plan,
        n_switches: int,
        in_batch: int,
        root: records.Root,
        face_cell: IndexArray,
        noted: roots.Noted,
        bytes_cutting: int,
        bytes_left: int,
        room: tuple[int, int],
    ) -> None:
        super().__init__(plan, n_switches, in_batch)
        self.root, self.face_cell, self.noted, self.room = root, face_cell, noted, room
        self.bytes_cutting, self.bytes_left = bytes_cutting, bytes_left
        self.is_deep = root.unit.shape[0] > 0
        self.benches: list[Workbench] = []  # of all threads

    @property
    def n_units(self) -> int:
        """Number of cells."""
        return int(self.root.cell_off.shape[0] - 1)

    def areas(self) -> FloatArray:
        """Return the part of the window that each cell has."""
        return roots.cell_areas(self.root, self.face_cell)

    def weights(self) -> FloatArray:
        """Return how many faces the first layer makes of each cell."""
        return np.diff(self.root.cell_off).astype(np.float64)

    def tasks(self, job: Job, sink: Sink, threads: int, limited: bool, remote: bool) -> tuple[list[IndexArray], int]:
        """Return batches of cells."""
        n = self.n_units
        # A limit on memory speaks of a cell, so there is no more than one at a time.
        size = sink.cells_in_batch or (1 if limited else -(-n // job.knobs.remote_batches) if remote else 0)
        if size:
            return equal_tasks(n, size), size
        if threads == 1:
            return equal_tasks(n, self.in_batch), self.in_batch
        # Large tasks first and small ones last, so that all threads end together. Work goes with the faces.
        ends = self.root.cell_off[1:]
        least = int(ends[-1]) // (6 * threads)
        bounds = [0]
        while bounds[-1] < n:
            begun = int(self.root.cell_off[bounds[-1]])
            goal = begun + max(least, (int(ends[-1]) - begun) * 2 // (3 * threads))
            end = max(int(np.searchsorted(ends, goal, "right")), bounds[-1] + 1)
            bounds.append(min(end, bounds[-1] + self.in_batch))
        return [np.arange(low, high) for low, high in pairwise(bounds)], self.in_batch

    def work(
        self, job: Job, sink: Sink, task: IndexArray, batch_cells: int, limit: int | None, keeps: bool = False
    ) -> Worked:
        """Work on a batch of cells in the buffers of this thread."""
        local, key = self.local, (id(sink), batch_cells, limit)
        if getattr(local, "key", None) != key:
            local.bench = Workbench(
                self.plan,
                self.n_switches,
                batch_cells,
                patterns=sink.needs_patterns or has_maxima(job.network),
                limit=limit,
                keeps=keeps,
                room=self.room,
                knobs=job.knobs,
            )
            local.run = CellRun(job, local.bench, self.plan, self.root, self.stopped, patterns=sink.needs_patterns)
            local.key = key
            self.benches.append(local.bench)
        batch = local.run.run(task)
        return Worked([Done(task, sink.digest(batch), batch.record)], [])

    def earlier(self, sink: Sink, task: IndexArray) -> Worked | None:
        """Return what an earlier run left of a batch."""
        found = sink.earlier(task)
        return None if found is None else Worked([Done(task, found[1], found[0])], [])

    def total(self) -> Total:
        """Return sums over nothing."""
        return Total(int(self.root.xy.shape[0]), self.noted, self.root.edge.shape[1])

    def settle(self, job: Job, wrong: IndexArray) -> Job:
        """Return the job with cells joined where two saw their border differently."""
        pairs = roots.cells_beside(self.root, self.face_cell, wrong)
        return job.with_joined(tuple((int(a), int(b)) for a, b in pairs))

    def keep(self) -> None:
        """Leave the buffers of all threads to the next call."""
        for bench in self.benches:
            bench.keep()

    def bytes_needed(self, working: float, passing: float, faces: float, limited: bool) -> tuple[float, float, float]:
        """Return what a count takes, what cutting takes, and what is there while cells are worked."""
        plan, root = n_bytes(self.plan), n_bytes(self.root) + self.face_cell.nbytes
        if not limited and self.bytes_left <= buffers.MOST_BYTES:
            working += self.bytes_left
        there = plan + root + working
        return max(plan + self.bytes_cutting, there + passing), plan + self.bytes_cutting, there
