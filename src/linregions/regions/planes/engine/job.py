"""What workers of a window are given and return, and what all of it comes to."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow
from linregions.networks.network import Network
from linregions.regions.planes.engine.first_layer import CutRecord, Noted
from linregions.regions.planes.engine.knobs import USUAL, Knobs
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels.assembly import N_PIECES
from linregions.regions.planes.kernels.workspace import N_EDGES, N_FACES, N_VERTICES
from linregions.regions.planes.sink import BatchRecord, IndexArray, PlaneSummary, Sink
from linregions.regions.tolerances import is_certifying_advised


@dataclass(frozen=True)
class Job:
    """A window to be worked, and how: all that a worker anywhere needs to know."""

    network: Network
    window: PlaneWindow
    relative: float  # width of the band in which a sign is taken for zero
    joined: tuple[tuple[tuple[int, int], ...], ...] = ()  # pairs of cells to be worked as one, in steps
    whole: bool = False  # have all cells one root? Else a window that many lines cross is cut to blocks first
    knobs: Knobs = USUAL

    def with_joined(self, pairs: tuple[tuple[int, int], ...]) -> Job:
        """Return the job with more pairs of cells to be worked as one."""
        return replace(self, joined=(*self.joined, pairs))


class Done(NamedTuple):
    """What a worker returns of a batch."""

    cells: IndexArray
    digested: Any
    record: BatchRecord


class Worked(NamedTuple):
    """What a worker returns of a task: its batches, and what cutting its blocks by the first layer left to note."""

    batches: list[Done]
    cut: list[CutRecord]


class Prepared(ABC):
    """A window that is cut: into units, cells or blocks of them, that are worked in any order, in any thread.

    Cells in a batch are `in_batch` at most, unless a sink wants others.
    """

    is_deep = False  # whether cells are bounded by switches of later layers, too

    def __init__(self, plan: records.Plan, n_switches: int, in_batch: int) -> None:
        self.plan, self.n_switches, self.in_batch = plan, n_switches, in_batch
        self.local, self.stopped = threading.local(), threading.Event()

    @property
    @abstractmethod
    def n_units(self) -> int:
        """Number of units."""

    @abstractmethod
    def areas(self) -> FloatArray:
        """Return the part of the window that each unit has."""

    @abstractmethod
    def weights(self) -> FloatArray:
        """Return numbers that go about with the regions of each unit: faces that the first layer makes of it."""

    @abstractmethod
    def tasks(self, job: Job, sink: Sink, threads: int, limited: bool, remote: bool) -> tuple[list[IndexArray], int]:
        """Return the units of each task, and the number of cells in a batch at most."""

    @abstractmethod
    def work(
        self, job: Job, sink: Sink, task: IndexArray, batch_cells: int, limit: int | None, keeps: bool = False
    ) -> Worked:
        """Work on some units in the buffers of this thread, which with `keeps` may be those that a call has left.

        Raises Contradiction and Exceeded.
        """

    def earlier(self, sink: Sink, task: IndexArray) -> Worked | None:
        """Return what an earlier run left of a task; of blocks that is known when their cells are."""
        return None

    @abstractmethod
    def total(self) -> Total:
        """Return sums over nothing."""

    @abstractmethod
    def settle(self, job: Job, wrong: IndexArray) -> Job:
        """Return the job to do instead, after two cells saw their border differently."""

    def keep(self) -> None:  # noqa: B027
        """Leave the buffers of all threads to the next call; of large windows nothing is kept."""

    @abstractmethod
    def bytes_needed(self, working: float, passing: float, faces: float, limited: bool) -> tuple[float, float, float]:
        """Return what a count takes, what cutting takes, and what is there while cells are worked.

        The buffers of a thread take `working` bytes, and what comes and goes `passing`; the first layer makes so many
        faces of the window. If it is `limited`, no buffers are left to the next call.
        """


def equal_tasks(n: int, size: int) -> list[IndexArray]:
    """Return n units in tasks of `size`."""
    return [np.arange(k, min(k + size, n)) for k in range(0, n, size)]


class Total:
    """Sums over what the workers return, from the roots that are known at the start and what was noted in making these.

    There are `n_edges` edges of the root, if all cells have one.
    """

    def __init__(self, root_vertices: int, noted: Noted, n_edges: int | None = None) -> None:
        self.sizes, self.entries, self.runs = np.zeros(N_FACES + 1, dtype=np.int64), 0, 0
        self.wrong: set[int] = set()
        self.cells = 0
        self.root_vertices, self.side_vertices, self.noted = root_vertices, 0, noted
        self._seen: dict[int, int] = {}
        self._pieces = None if n_edges is None else np.zeros(n_edges, dtype=np.int32)  # on each edge, as seen first

    def add(self, worked: Worked) -> None:
        """Take what a worker returned."""
        for cut in worked.cut:
            self.root_vertices += cut.new_vertices
            self.side_vertices += int((cut.sides[N_PIECES] - 1).sum())
            self.noted = self.noted.with_more(cut.noted)
        for done in worked.batches:
            record = done.record
            self.cells += done.cells.size
            self.sizes += record.sizes
            self.entries += int(record.runs[N_PIECES].sum())
            self.runs += record.runs.shape[1]
            noted = Noted(record.snapped, record.merged, record.margin, record.undecided)
            self.noted = self.noted.with_more(noted)
            self._compare(*record.runs)

    def _compare(self, edges: IndexArray, counts: IndexArray) -> None:
        """Note edges that their two cells cut to different numbers of pieces."""
        if self._pieces is not None:
            new = self._pieces[edges] == 0
            # Both cells beside an edge may be in this batch: one of them is noted, and the other compared to it.
            self._pieces[edges[new]] = counts[new]
            self.wrong.update(edges[counts != self._pieces[edges]].tolist())
            return
        for edge, count in zip(edges.tolist(), counts.tolist(), strict=True):
            met = self._seen.pop(edge, None)
            if met is None:
                self._seen[edge] = count  # until the other cell is met, so that few are waiting
            elif met != count:
                self.wrong.add(edge)

    def summary(self, job: Job, retries: int) -> PlaneSummary:
        """Return what all cells are together. What lies on a border between two of them was met twice.

        Each of the retries was for a decision that contradicted another one.
        """
        root_vertices = self.root_vertices - self.side_vertices // 2
        return PlaneSummary(
            n_regions=int(self.sizes[N_FACES]),
            n_vertices=int(root_vertices + self.sizes[N_VERTICES] - (self.entries - self.runs) // 2),
            n_edges=int(self.sizes[N_EDGES] - self.entries // 2),
            diagnostics={
                "undecided": self.noted.undecided + retries,
                "snapped_signs": self.noted.snapped,
                "merged_ties": self.noted.merged,
                "smallest_margin": self.noted.margin,
                "certify_advised": is_certifying_advised(self.noted.undecided + retries, self.noted.margin),
                "relative_tolerance": job.relative,
                "cells": self.cells,
            },
        )
