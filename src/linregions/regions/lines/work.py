"""A batch of lines as work: cut to chunks that fit, each taken by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions._support.limits import exceeded
from linregions._support.threads import one_blas_thread
from linregions.domains.windows import LineDomain
from linregions.networks.network import Network
from linregions.regions.drive import Work, drive
from linregions.regions.lines.engines import (
    AnyWorker,
    line_bytes,
    line_numbers,
    make_worker,
    n_points_of,
    plan_of,
    rows_of,
    worker_bytes,
)
from linregions.regions.lines.knobs import USUAL, Knobs
from linregions.regions.lines.plan import Plan
from linregions.regions.lines.sinks import AnyPlan, LineSink
from linregions.regions.options import Options
from linregions.regions.tolerances import Tolerances

# With an executor, as many as with so many threads.
_REMOTE_PARTS = 16
# A worker that takes more than this goes with the call that made it; else the last one of a thread is kept.
_KEPT_BYTES = 1 << 23
_kept = threading.local()


Lines = Sequence[LineDomain]


@dataclass(frozen=True)
class LineRecipe:
    """What other processes need to work on lines."""

    network: Network
    tolerances: Tolerances
    sink: LineSink
    n_rows: int
    knobs: Knobs
    certify: bool = False

    def prepare(self) -> Callable[[Lines], Any]:
        """Return what works on a chunk."""
        plan = plan_of(self.network, self.tolerances, self.knobs, self.certify)
        return LineWork(plan, [], self.sink, self).run


class LineWork(Work):
    """Lines in chunks, as work to be driven; see `linregions.regions.drive.Work`."""

    title, unit = "lines", "line"

    def __init__(self, plan: AnyPlan, tasks: Sequence[Lines], sink: LineSink, recipe: LineRecipe) -> None:
        self.plan, self.tasks, self.sink, self._recipe = plan, tasks, sink, recipe
        self.stopped, self.local = threading.Event(), threading.local()

    def share(self, task: Lines) -> float:
        """Return the number of lines."""
        return len(task)

    def run(self, task: Lines) -> Any:
        """Partition some lines in the buffers of this thread."""
        if not hasattr(self.local, "worker"):
            self.local.worker = make_worker(self.plan, self._recipe.n_rows, self.stopped)
        return self.sink.digest(self.plan, self.local.worker.work(task))

    def recipe(self) -> LineRecipe:
        """Return what other processes need."""
        return self._recipe


def run_lines(network: Network, domains: Lines, sink: LineSink, options: Options, knobs: Knobs = USUAL) -> Any:
    """Partition lines in chunks, hand each chunk to a sink, and return what that makes of them.

    Memory grows with the chunk and the results, not with the batch; the results do not depend on how the work is done,
    to the last bit.
    """
    plan = plan_of(network, options.tolerances, knobs, options.certify)
    threads, n_rows, most_bytes = _shares(plan, domains, options)
    parts = _REMOTE_PARTS if options.executor is not None else threads
    bounds = _chunks(plan, domains, parts, most_bytes)
    tasks = [domains[start:stop] for start, stop in bounds]
    work = LineWork(plan, tasks, sink, LineRecipe(network, options.tolerances, sink, n_rows, knobs, options.certify))
    here = options.executor is None and (threads == 1 or len(tasks) == 1)
    if here:
        work.local.worker = _kept_worker(plan, n_rows, most_bytes, work.stopped)
    with one_blas_thread() if options.certify else nullcontext():  # the only engine that calls BLAS
        for task, digested in zip(tasks, drive(work, options, threads), strict=True):
            sink.collect(network, task, digested)
    if here and worker_bytes(plan, n_rows) + work.local.worker.grown_bytes <= _KEPT_BYTES:
        _kept.worker = work.local.worker
    return sink.finish()


def _chunks(plan: AnyPlan, domains: Sequence[LineDomain], threads: int, most_bytes: float) -> list[tuple[int, int]]:
    """Cut a batch into chunks that one thread takes at a time."""
    chunk_numbers = plan.knobs.chunk_numbers if isinstance(plan, Plan) else USUAL.chunk_numbers
    bounds, start, numbers, n_bytes, most = [], 0, 0, 0, chunk_numbers // (2 * threads if threads > 1 else 1)
    sizes: dict[int, tuple[int, int]] = {}
    for k, domain in enumerate(domains):
        n_points = n_points_of(domain)
        if n_points not in sizes:
            sizes[n_points] = line_numbers(plan, domain), line_bytes(plan, domain)
        own, own_bytes = sizes[n_points]
        if k > start and (numbers + own > most or n_bytes + own_bytes > most_bytes):
            bounds.append((start, k))
            start, numbers, n_bytes = k, 0, 0
        numbers += own
        n_bytes += own_bytes
    return [*bounds, (start, len(domains))]


def _shares(plan: AnyPlan, domains: Sequence[LineDomain], options: Options) -> tuple[int, int, float]:
    """Return how many threads, rows of a stage and bytes of a chunk there may be."""
    threads, memory_limit = options.threads, options.memory_limit
    fewest, few, usual = rows_of(plan)
    if memory_limit is None:
        return threads, usual, np.inf
    largest = max(line_bytes(plan, domain) for domain in domains)
    available = memory_limit - plan.n_bytes
    least = worker_bytes(plan, fewest) + largest
    if available < least:
        what = f"to take one line after the other through {plan.network.n_neurons} neurons"
        raise exceeded(memory_limit, options.who, plan.n_bytes + least, what)
    threads = max(1, min(threads, available // (worker_bytes(plan, min(usual, few)) + largest)))
    share = available // threads
    per_row = worker_bytes(plan, 1) - worker_bytes(plan, 0)
    # Half of what is left goes to rows, up to what is of use, and the rest to lines.
    spare = share - largest - worker_bytes(plan, 0)
    n_rows = int(np.clip(max(spare // 2, few * per_row) // per_row, fewest, usual))
    n_rows = max(fewest, min(n_rows, spare // per_row))
    return threads, n_rows, share - worker_bytes(plan, n_rows)


def _kept_worker(plan: AnyPlan, n_rows: int, most_bytes: float, stop: threading.Event) -> AnyWorker:
    """Return the worker that this thread has kept if it is for the same, else a new one; no other call gets it then."""
    worker: AnyWorker | None = getattr(_kept, "worker", None)
    _kept.worker = None
    if worker is None or worker.plan is not plan or worker.n_rows != n_rows or worker.grown_bytes > most_bytes / 2:
        return make_worker(plan, n_rows, stop)
    worker.stop = stop
    return worker
