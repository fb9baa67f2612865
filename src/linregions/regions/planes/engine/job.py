"""What workers of a window are given and return, and what all of it comes to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.domains.windows import PlaneWindow
from linregions.networks.network import Network
from linregions.regions.planes.engine.blocks import Blocks, CutRecord
from linregions.regions.planes.engine.first_layer import Noted
from linregions.regions.planes.kernels import records
from linregions.regions.planes.sink import BatchRecord, PlaneSummary

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """A window to be worked, and how: all that a worker anywhere needs to know.

    Parameters
    ----------
    network : Network
    window : PlaneWindow
    relative : float
        Width of the band in which a sign is taken for zero.
    cell_switches : int or None
        Lines of the first layer that may cross a cell; None for what is fastest.
    joined : tuple of tuple of tuple of int
        Pairs of cells to be worked as one, in steps.
    whole : bool
        Whether all cells are to have one root; otherwise a window that many lines cross is cut to blocks first.
    """

    network: Network
    window: PlaneWindow
    relative: float
    cell_switches: int | None = None
    joined: tuple[tuple[tuple[int, int], ...], ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Cells:
    """A job's window, cut by the first layer (or more) and grouped to cells, of which a batch has `in_batch` at most.

    That took `bytes_cutting` at most, of which `bytes_left` are buffers that are left to the next call. Workers begin
    with `room` for vertices and columns, or for what is usual.
    """

    plan: records.Plan
    n_switches: int
    root: records.Root
    face_cell: IndexArray
    noted: Noted
    bytes_cutting: int
    bytes_left: int
    in_batch: int
    room: tuple[int, int] = (0, 0)
    local: threading.local = field(default_factory=threading.local)
    workers: list[Any] = field(default_factory=list)  # of all threads
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.root.cell_off.shape[0] - 1)


@dataclass(frozen=True)
class BlockCells:
    """A job's window, cut to blocks, each of which is cut to cells when it is worked, `in_batch` at a time at most."""

    plan: records.Plan
    n_switches: int
    blocks: Blocks
    target: int
    in_batch: int
    local: threading.local = field(default_factory=threading.local)
    stopped: threading.Event = field(default_factory=threading.Event)


class Done(NamedTuple):
    """What a worker returns of a batch."""

    cells: IndexArray
    digested: Any
    record: BatchRecord


class Worked(NamedTuple):
    """What a worker returns of a task: its batches, and what cutting its blocks by the first layer left to note."""

    batches: list[Done]
    cut: list[CutRecord]


class Total:
    """Sums over what the workers return."""

    def __init__(self, made: Cells | BlockCells) -> None:
        self.sizes, self.entries, self.runs = np.zeros(3, dtype=np.int64), 0, 0
        self.wrong: set[int] = set()
        self.cells = 0
        if isinstance(made, BlockCells):
            self.root_vertices, self.side_vertices = int(made.blocks.xy.shape[0]), 0
            self.noted = made.blocks.noted
            self._seen: dict[int, int] | None = {}
        else:
            self.root_vertices, self.side_vertices = int(made.root.xy.shape[0]), 0
            self.noted = made.noted
            self._seen = None
            self._pieces = np.zeros(made.root.edge.shape[1], dtype=np.int32)  # on each edge, as seen first

    def add(self, worked: Worked) -> None:
        """Take what a worker returned."""
        for cut in worked.cut:
            self.root_vertices += cut.new_vertices
            self.side_vertices += int((cut.sides[1] - 1).sum())
            self.noted = self.noted.with_more(cut.noted)
        for done in worked.batches:
            record = done.record
            self.cells += done.cells.size
            self.sizes += record.sizes
            self.entries += int(record.runs[1].sum())
            self.runs += record.runs.shape[1]
            noted = Noted(record.snapped, record.merged, record.margin, record.undecided)
            self.noted = self.noted.with_more(noted)
            self._compare(*record.runs)

    def _compare(self, edges: IndexArray, counts: IndexArray) -> None:
        """Note edges that their two cells cut to different numbers of pieces."""
        if self._seen is None:
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
            n_regions=int(self.sizes[2]),
            n_vertices=int(root_vertices + self.sizes[0] - (self.entries - self.runs) // 2),
            n_edges=int(self.sizes[1] - self.entries // 2),
            diagnostics={
                "undecided": self.noted.undecided + retries,
                "snapped_signs": self.noted.snapped,
                "merged_ties": self.noted.merged,
                "smallest_margin": self.noted.margin,
                "relative_tolerance": job.relative,
                "cells": self.cells,
            },
        )
