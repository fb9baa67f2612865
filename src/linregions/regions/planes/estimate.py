"""What a window will cost, from a few of its cells."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np

from linregions._support.estimates import Estimate
from linregions.domains.windows import PlaneWindow
from linregions.errors import NumericalError
from linregions.networks.network import Network
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.first_layer import Contradiction
from linregions.regions.planes.engine.job import Job, Prepared, Worked
from linregions.regions.planes.engine.knobs import USUAL, Knobs
from linregions.regions.planes.engine.prepare import prepare
from linregions.regions.planes.engine.run import tried_bands
from linregions.regions.planes.engine.workbench import Workbench
from linregions.regions.planes.kernels.workspace import N_FACES
from linregions.regions.planes.sink import PlaneSummary, RegionBatch, Sink
from linregions.regions.planes.sinks.collect import bytes_to_unite
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances

# Bytes of what a run takes beside its buffers.
_PYTHON = 1 << 19
# How much larger a thread's buffers may be when all cells have been worked instead of a sample.
_UNSEEN = 1.3
# The same where later layers bound cells, some of which are split and others are not.
_UNSEEN_DEEP = 1.6


@dataclass(frozen=True)
class PlaneEstimate:
    """What a window will cost.

    Parameters
    ----------
    n_regions : Estimate
        Activation regions; the error is that of the sample of cells.
    seconds : float
        Time on one thread.
    bytes_collected : int
        Most memory that a `PlanePartition` takes while it is made.
    bytes_statistics : int
        Memory that a count or `RegionStatistics` takes on one thread.
    cells : int
        Cells of the window, or blocks of cells where the first layer has hundreds of units.
    sampled : int
        How many of them were worked.
    """

    n_regions: Estimate
    seconds: float
    bytes_collected: int
    bytes_statistics: int
    cells: int
    sampled: int


class _Sizer(Sink):
    """Tell what a copy of each batch takes, and note the largest."""

    largest = 0

    def digest(self, batch: RegionBatch) -> int:
        """Return bytes."""
        self.largest = max(self.largest, batch.n_bytes)
        return batch.n_bytes

    def collect(self, digested: int) -> None:
        """Do nothing."""

    def finish(self, summary: PlaneSummary) -> None:
        """Do nothing."""


def _bytes_needed(
    made: Prepared, all_worked: bool, largest: int, batches: float, faces: float, collected: float, limited: bool
) -> tuple[int, int]:
    """Return the most that a count takes, and a partition whose regions take so much.

    The cells that have most faces have been worked, though perhaps not those that take most. A batch of several of them
    is as large as so many of the `largest` that was worked.
    """
    bench: Workbench = made.local.bench
    largest_batch = batches * largest
    unseen = _UNSEEN_DEEP if made.is_deep else _UNSEEN
    working = (1.0 if all_worked else unseen) * (bench.n_bytes + (batches - 1.0) * largest)
    passing = 2.0 * largest_batch + _PYTHON
    if bench.outs[0].xy.shape[0] > bench.output_size:
        passing += 0.5 * n_bytes(bench.outs[0])  # it was copied when it grew
    counted, cutting, there = made.bytes_needed(working, passing, faces, limited)
    return int(counted), int(max(counted, cutting, there + _PYTHON + collected))


def bytes_enough(found: PlaneEstimate, threads: int) -> tuple[int, int]:
    """Return the memory limits with which a count, and a partition, go through: estimates, and half as much again."""
    counted = int(1.5 * threads * found.bytes_statistics)
    return counted, max(counted, int(1.5 * found.bytes_collected))


def _found(worked: Worked) -> tuple[int, int]:
    """Return how many regions were found, and the bytes that they take."""
    regions = sum(int(done.record.sizes[N_FACES]) for done in worked.batches)
    return regions, sum(done.digested for done in worked.batches)


@cache
def _load_kernels() -> None:
    """Have the kernels that cut windows compiled, or read from the cache, so that this is not taken for work."""
    network = Network.from_layers([([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0])])
    with suppress(Contradiction):  # which comes out again
        prepare(Job(network, PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]), DEFAULT_TOLERANCES.relative))


def estimate_plane(
    network: Network,
    window: PlaneWindow,
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    sample: int = 12,
    limited: bool = False,
    knobs: Knobs = USUAL,
) -> PlaneEstimate:
    """Estimate regions, time and memory of a window from some of its cells, evenly spread over it.

    Where cells are few and large, one of the largest is among them, and stands for itself alone.

    With `limited`, memory is that of a run with a `memory_limit`, which leaves no buffers to the next one.

    Raises
    ------
    NumericalError
        As `partition`.
    """
    _load_kernels()
    most = sys.maxsize if limited else None  # with a limit, buffers are smaller
    for job in tried_bands(network, window, tolerances, False, knobs):
        begun = time.perf_counter()
        try:
            made = prepare(job)
            if made is None:
                return PlaneEstimate(Estimate(1.0, 0.0, 1), 0.0, 1024, 1024, 1, 1)
            prepared = time.perf_counter() - begun
            n_all, weights = made.n_units, made.weights()
            sizer = _Sizer()
            tasks, batch = made.tasks(job, sizer, 1, limited, False)
            # What takes most memory; its time is that of compilation and of buffers that grow.
            largest = max(tasks, key=lambda task: float(weights[task].sum()))
            known, batches = largest[:0], 1.0
            if 2 * made.in_batch <= sample:  # few cells, each a large part of the work: one tells of its batch
                heaviest = largest[np.argmax(weights[largest])]
                batches = float(weights[largest].sum() / weights[heaviest])
                largest = np.array([heaviest])
                known = largest if n_all > 1 else known  # which stands for no others
            found = _found(made.work(job, sizer, largest, batch, most))
            known_regions, known_size = found if known.size else (0, 0)
            rest = np.delete(np.arange(n_all), known)
            n = min(sample - known.size, rest.size)
            chosen = rest[np.unique(np.linspace(0, rest.size - 1, n).round().astype(np.int64))]
            regions, seconds, size = np.zeros(chosen.size), 0.0, 0
            for k in range(chosen.size):
                begun = time.perf_counter()
                worked = made.work(job, sizer, chosen[k : k + 1], batch, most)
                seconds += time.perf_counter() - begun
                regions[k], of_cell = _found(worked)
                size += of_cell
        except Contradiction:
            continue
        n = chosen.size
        part = weights[chosen].sum() / weights[rest].sum()
        ratio = regions.sum() / weights[chosen].sum()
        off = regions - ratio * weights[chosen]
        left = 1.0 - n / rest.size
        stderr = float(np.sqrt(left * n / (n - 1) * np.sum(off**2)) / part) if n > 1 else 0.0
        in_all = known_regions + float(regions.sum() / part)
        n += known.size
        collected = bytes_to_unite(known_size + size / part, in_all)
        counted, kept = _bytes_needed(made, n == n_all, sizer.largest, batches, weights.sum(), collected, limited)
        return PlaneEstimate(
            Estimate(in_all, stderr, n), float(prepared + seconds * in_all / regions.sum()), kept, counted, n_all, n
        )
    raise NumericalError(
        "`network` has pre-activations whose signs contradict one another within rounding, but an estimate needs "
        "consistent signs. Pass other `tolerances`, or move the window slightly."
    )
