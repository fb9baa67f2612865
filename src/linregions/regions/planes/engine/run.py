"""A window's way: prepared, worked, handed to a sink; done otherwise where signs contradict one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.drive import Work, drive
from linregions.regions.options import Options
from linregions.regions.planes.engine import buffers
from linregions.regions.planes.engine.first_layer import Contradiction
from linregions.regions.planes.engine.job import Job, Prepared, Worked
from linregions.regions.planes.engine.knobs import USUAL, Knobs
from linregions.regions.planes.engine.prepare import prepare
from linregions.regions.planes.kernels.workspace import N_FACES
from linregions.regions.planes.sink import BatchRecord, IndexArray, PlaneSummary, RegionBatch, Sink
from linregions.regions.tolerances import Tolerances

# A contradiction between signs is answered with a narrower band, then a wider one, before giving up.
_OTHER_BANDS = (1.0, 1.0 / 16.0, 16.0)


def tried_bands(
    network: Network, window: PlaneWindow, tolerances: Tolerances, whole: bool, knobs: Knobs = USUAL
) -> list[Job]:
    """Return the window as a job, then with a narrower and a wider band, should signs contradict one another."""
    return [Job(network, window, factor * tolerances.relative, whole=whole, knobs=knobs) for factor in _OTHER_BANDS]


@dataclass(frozen=True)
class WindowRecipe:
    """What other processes need to work on a window."""

    job: Job
    sink: Sink
    batch_cells: int
    limit: int | None

    def prepare(self) -> Callable[[IndexArray], Worked]:
        """Return what works on some cells, or blocks."""
        made = prepare(self.job)
        assert made is not None  # the caller had some
        return lambda task: made.work(self.job, self.sink, task, self.batch_cells, self.limit)


class WindowWork(Work):
    """A window's cells, or blocks, as work to be driven; see `linregions.regions.drive.Work`."""

    title, unit = "window", "of its area"

    def __init__(self, job: Job, made: Prepared, sink: Sink, options: Options) -> None:
        self.job, self.made, self.sink, self.stopped, self.small = job, made, sink, made.stopped, job.knobs.small_job
        limited = options.memory_limit is not None
        self.limit = None if options.memory_limit is None else options.memory_limit // options.threads
        self.tasks, self.batch_cells = made.tasks(job, sink, options.threads, limited, options.executor is not None)
        self.total = made.total()

    @cached_property
    def _areas(self) -> FloatArray:
        return self.made.areas()

    def share(self, task: IndexArray) -> float:
        """Return the part of the window that a task has."""
        return float(self._areas[task].sum())

    def earlier(self, task: IndexArray) -> Worked | None:
        """Return what an earlier run left of a task."""
        return self.made.earlier(self.sink, task)

    def run(self, task: IndexArray) -> Worked:
        """Work on some cells, or blocks, in the buffers of this thread."""
        return self.made.work(self.job, self.sink, task, self.batch_cells, self.limit, keeps=self.limit is None)

    def note(self) -> str:
        """Return what was found so far."""
        return f"{self.total.sizes[N_FACES]:,} regions"

    def recipe(self) -> WindowRecipe:
        """Return what other processes need."""
        return WindowRecipe(self.job, self.sink, self.batch_cells, self.limit)


def run_plane(network: Network, window: PlaneWindow, sink: Sink, options: Options, knobs: Knobs = USUAL) -> Any:
    """Find all activation regions of a window and return what the sink makes of them.

    Raises NumericalError if signs contradict one another at all of three tolerances, and Exceeded if a cell does not
    fit in the limit of one thread.
    """
    sink.attempt = 0
    for job in tried_bands(network, window, options.tolerances, sink.needs_one_root, knobs):
        while True:
            sink.attempt += 1
            if options.memory_limit is not None:
                buffers.let_go()
            try:
                made = prepare(job)
                if made is None:
                    return _without_neurons(job, sink)
                wrong, summary = _work(job, made, sink, options)
            except Contradiction:
                break
            if not wrong.size:
                return sink.finish(summary)
            # Two cells saw their border differently: a decision at the edge of the band. Work them as one.
            job = made.settle(job, wrong)
    raise NumericalError(
        "`network` has pre-activations whose signs contradict one another within rounding, in a band of relative width "
        f"{options.tolerances.relative:.1e} and 16 times less and more, but an exact count needs consistent signs. "
        "Pass `tolerances=Tolerances(relative=...)` with another width, or move the window slightly."
    )


def _work(job: Job, made: Prepared, sink: Sink, options: Options) -> tuple[IndexArray, PlaneSummary]:
    """Take all cells to the sink; return the root edges that two cells saw differently, and the summary."""
    if options.memory_limit is not None:
        buffers.let_go()
    made.stopped = options.stopped or made.stopped
    work = WindowWork(job, made, sink, options)
    sink.begin(job.network, job.window, job.relative)
    for worked in drive(work, options):
        work.total.add(worked)
        for done in worked.batches:
            sink.collect(done.digested)
    if options.memory_limit is None:
        made.keep()
    return np.array(sorted(work.total.wrong), dtype=np.int64), work.total.summary(job, sink.attempt - 1)


def _without_neurons(job: Job, sink: Sink) -> Any:
    """Hand the window itself to the sink: the one region of a network without neurons."""
    polygon = job.window.polygon
    m = polygon.shape[0]
    index = np.arange(m, dtype=np.int32)
    batch = RegionBatch(
        network=job.network,
        window=job.window,
        cells=np.zeros(1, dtype=np.int64),
        cell_sizes=np.array([[m, m, 1, m, 0]]),
        vertices=polygon.copy(),
        root_vertex=np.full(m, -1, dtype=np.int32),
        edge=np.stack([index, (index + 1) % m, np.full(m, -1)]).astype(np.int32),
        face_offsets=np.array([0, m], dtype=np.int32),
        side=np.stack([index, index]),
        pattern_words=np.zeros((1, 0), dtype=np.uint64),
        chain=np.zeros((2, 0), dtype=np.int32),
        record=BatchRecord(np.array([m, m, 1]), np.zeros((2, 0), dtype=np.int64), 0, 0, np.inf, 0),
    )
    sink.begin(job.network, job.window, job.relative)
    sink.collect(sink.digest(batch))
    diagnostics = {
        "undecided": 0,
        "snapped_signs": 0,
        "merged_ties": 0,
        "smallest_margin": float("inf"),
        "certify_advised": False,
        "relative_tolerance": 0.0,
        "cells": 1,
    }
    return sink.finish(PlaneSummary(1, m, m, diagnostics))
