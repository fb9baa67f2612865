"""Drive the compiled kernels over a window: restrict, cut by the first layer, group to cells, run, hand to a sink."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.work import shared_work
from linregions.domains.windows import PlaneWindow
from linregions.errors import MemoryLimitError, NumericalError
from linregions.networks.network import Network
from linregions.regions.planes.engine import buffers as _plane_buffers
from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.engine.cells import make_cells, work
from linregions.regions.planes.engine.job import BlockCells, Cells, Done, Job, Total, Worked
from linregions.regions.planes.engine.remote import Remote
from linregions.regions.planes.sink import BatchRecord, PlaneSummary, RegionBatch, Sink
from linregions.regions.tolerances import Tolerances

IndexArray = npt.NDArray[np.int64]

# A contradiction between signs is answered with a narrower band, then a wider one, before giving up.
_OTHER_BANDS = (1.0, 1.0 / 16.0, 16.0)
# Batches handed to an executor: enough to share work evenly, few enough to send.
_REMOTE_BATCHES = 64


def tried_bands(
    network: Network, window: PlaneWindow, tolerances: Tolerances, cell_switches: int | None, whole: bool
) -> list[Job]:
    """Return the window as a job, then with a narrower and a wider band, should signs contradict one another."""
    return [Job(network, window, factor * tolerances.relative, cell_switches, whole=whole) for factor in _OTHER_BANDS]


def run_plane(
    network: Network,
    window: PlaneWindow,
    sink: Sink,
    tolerances: Tolerances,
    *,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
    executor: Executor | None = None,
    cell_switches: int | None = None,
) -> Any:
    """Find all activation regions of a window and return what the sink makes of them.

    Raises
    ------
    NumericalError
        If signs contradict one another at all of three tolerances.
    MemoryLimitError
        If a cell does not fit in the limit.
    """
    sink.attempt = 0
    for job in tried_bands(network, window, tolerances, cell_switches, sink.needs_one_root):
        while True:
            sink.attempt += 1
            try:
                if memory_limit is not None:
                    _plane_buffers.let_go()
                made = make_cells(job)
                if memory_limit is not None:
                    _plane_buffers.let_go()
                if made is None:
                    return _without_neurons(job, sink)
                wrong, summary = _run(job, made, sink, threads, progress, memory_limit, executor)
            except roots.Contradiction:
                break
            except MemoryLimitError as error:
                if error.needed is not None:  # that of one thread
                    error.needed *= threads
                raise
            if not wrong.size:
                return sink.finish(summary)
            # Two cells saw their border differently: a decision at the edge of the band. Work them as one.
            if isinstance(made, BlockCells):
                job = replace(job, whole=True)
                continue
            pairs = roots.cells_beside(made.root, made.face_cell, wrong)
            step = tuple((int(a), int(b)) for a, b in pairs)
            job = replace(job, joined=(*job.joined, step))
    raise NumericalError(
        "`net` has pre-activations whose signs contradict one another within rounding, in a band of relative width "
        f"{tolerances.relative:.1e} and 16 times less and more, but an exact count needs consistent signs. "
        "Pass `tolerances=Tolerances(relative=...)` with another width, or move the window slightly."
    )


def _run(
    job: Job,
    made: Cells | BlockCells,
    sink: Sink,
    threads: int,
    progress: bool,
    memory_limit: int | None,
    executor: Executor | None,
) -> tuple[IndexArray, PlaneSummary]:
    """Take all cells to the sink; return the root edges that two cells saw differently, and the summary."""
    tasks, size = tasks_of(made, sink, threads, memory_limit is not None, executor is not None)
    limit = None if memory_limit is None else memory_limit // threads
    sink.begin(job.network, job.window, job.relative)
    total = Total(made)
    areas = _task_areas(made, tasks) if progress else np.zeros(len(tasks))
    shown: Any = _bar() if progress else nullcontext()
    with shown as bar:
        for worked, area in zip(_results(job, made, sink, tasks, size, threads, limit, executor), areas, strict=True):
            total.add(worked)
            for done in worked.batches:
                sink.collect(done.digested)
            if progress:
                bar.set_postfix_str(f"{total.sizes[2]:,} regions", refresh=False)
                bar.update(float(area))
    if limit is None and isinstance(made, Cells):
        for worker in made.workers:
            worker.keep()
    return np.array(sorted(total.wrong), dtype=np.int64), total.summary(job, sink.attempt - 1)


def tasks_of(
    made: Cells | BlockCells, sink: Sink, threads: int, limited: bool, remote: bool
) -> tuple[list[IndexArray], int]:
    """Return batches of cells, or blocks, and the number of cells in a batch at most."""
    # A limit on memory speaks of a cell, so there is no more than one at a time.
    if isinstance(made, BlockCells):
        size = max(1, -(-made.blocks.n_blocks // _REMOTE_BATCHES)) if remote else 1
        return _equal_tasks(made.blocks.n_blocks, size), sink.cells_in_batch or (
            1 if limited else min(8, made.in_batch)
        )
    n = made.n_cells
    size = sink.cells_in_batch or (1 if limited else -(-n // _REMOTE_BATCHES) if remote else 0)
    if size:
        return _equal_tasks(n, size), size
    if threads == 1:
        return _equal_tasks(n, made.in_batch), made.in_batch
    # Large tasks first and small ones last, so that all threads end together. Work goes with the first layer's faces.
    ends = made.root.cell_off[1:]
    least = int(ends[-1]) // (6 * threads)
    bounds = [0]
    while bounds[-1] < n:
        begun = int(made.root.cell_off[bounds[-1]])
        goal = begun + max(least, (int(ends[-1]) - begun) * 2 // (3 * threads))
        bounds.append(min(max(int(np.searchsorted(ends, goal, "right")), bounds[-1] + 1), bounds[-1] + made.in_batch))
    return [np.arange(low, high) for low, high in pairwise(bounds)], made.in_batch


def _equal_tasks(n: int, size: int) -> list[IndexArray]:
    return [np.arange(k, min(k + size, n)) for k in range(0, n, size)]


def _task_areas(made: Cells | BlockCells, tasks: list[IndexArray]) -> npt.NDArray[np.float64]:
    """Return the part of the window that each task has."""
    areas = made.blocks.areas if isinstance(made, BlockCells) else roots.cell_areas(made.root, made.face_cell)
    return np.array([areas[task].sum() for task in tasks])


def _bar() -> Any:
    from tqdm import tqdm

    return tqdm(
        total=1.0,
        desc="window",
        bar_format="{desc}: {percentage:3.0f}% of its area |{bar}| [{elapsed}<{remaining}{postfix}]",
        leave=False,
        disable=None,
    )


def _results(
    job: Job,
    made: Cells | BlockCells,
    sink: Sink,
    tasks: list[IndexArray],
    size: int,
    threads: int,
    limit: int | None,
    executor: Executor | None,
) -> Iterator[Worked]:
    """Yield what comes of the batches, in order, with few of them waiting to be collected."""

    def here(task: IndexArray) -> Worked:
        return work(job, made, sink, task, size, limit, keeps=limit is None)

    def earlier(task: IndexArray) -> Worked | None:
        """Return what an earlier run left of a batch; of blocks, the worker finds out when it knows their cells."""
        found = None if isinstance(made, BlockCells) else sink.earlier(task)
        return None if found is None else Worked([Done(task, found[1], found[0])], [])

    if executor is not None:
        yield from Remote(executor, job, sink, tasks, size, limit).results(earlier)
    elif threads == 1 or len(tasks) < 2:
        for task in tasks:
            yield earlier(task) or here(task)
    else:
        yield from shared_work(lambda task: earlier(task) or here(task), tasks, threads, made.stopped, 4 * threads)


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
        "relative_tolerance": 0.0,
        "cells": 1,
    }
    return sink.finish(PlaneSummary(1, m, m, diagnostics))
