"""Drive the compiled kernels along a batch of lines: restrict, then layer by layer sign, cut, activate."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import OfOneType
from linregions._support.validation import FloatArray
from linregions.domains.windows import LineDomain, Path
from linregions.errors import MemoryLimitError, NumericalError
from linregions.networks.kernels import dense
from linregions.networks.kernels.open_paths import mark_linear_boundaries
from linregions.networks.network import Network
from linregions.regions.lines.kernels import cuts as line_cuts
from linregions.regions.lines.kernels import decisions as lines
from linregions.regions.lines.kernels import products as line_products
from linregions.regions.lines.kernels.breakpoints import gather_breakpoints
from linregions.regions.lines.kernels.decisions import FILLED, MULTIPLIED, RESERVED, Events, Tally
from linregions.regions.lines.plan import Plan, Source
from linregions.regions.lines.stages import (
    LAST_ROWS,
    NONE,
    make_events,
    make_points,
    make_rows,
    make_stage,
    room_for_events,
    worker_bytes,
)
from linregions.regions.tolerances import Tolerances

# How many numbers the points of a chunk of lines may hold: a chunk is what one thread takes at a time. With several
# threads there are more chunks.
_CHUNK_NUMBERS = 1 << 21
# How many numbers one array of a stage may hold: few enough to stay in cache through a layer.
_STAGE_NUMBERS = 1 << 16
# A stage needs some rows to be worth its calls; with fewer than the second figure it cannot go on at all.
_FEW_ROWS, _FEWEST_ROWS = 64, 8
# What a breakpoint takes until it is handed on, in bytes: points and events as they come, with room for twice as many
# at most, and sorted.
_BYTES_PER_BREAKPOINT = 160

# A worker that takes more than this goes with the call that made it; else the last one of a thread is kept.
_KEPT_BYTES = 1 << 23
_kept = threading.local()

# All layers, rows and stages are made of arrays of the same types, in `_line_plan` and here.
decide_rows, cut_rows = OfOneType(lines.decide_rows), OfOneType(line_cuts.cut_rows)
multiply_listed = OfOneType(dense.multiply_listed)
multiply_or_interpolate = OfOneType(line_products.multiply_or_interpolate)

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Partitions of L lines: their K breakpoints line after line, and what switches at each of them."""

    first_patterns: npt.NDArray[np.uint8]  # (L, n_neurons)
    offsets: npt.NDArray[np.int64]  # (L + 1,) first breakpoint of each line
    breakpoints: FloatArray  # (K,)
    event_offsets: npt.NDArray[np.int64]  # (K + 1,) first event of each breakpoint
    own_offsets: npt.NDArray[np.int64]  # (K + L,) the same for each line, from its own first event to its own last
    events: Events
    tally: Tally

    def linear_boundaries(self, plan: Plan) -> npt.NDArray[np.bool_]:
        """Return for each breakpoint whether a good neuron switches there."""
        out = np.empty(self.breakpoints.size, dtype=np.bool_)
        mark_linear_boundaries(
            plan.paths,
            self.first_patterns,
            self.offsets,
            self.event_offsets,
            self.events.neuron,
            self.events.direction,
            out,
        )
        return out


class Stopped(Exception):
    """Another thread failed or was interrupted."""


class _Worker:
    """The stages of one thread, through which its lines stream; used again and again, since fresh pages are dear."""

    def __init__(self, plan: Plan, n_rows: int, stop: threading.Event) -> None:
        self.plan, self.n_rows, self.stop = plan, n_rows, stop
        self._stages = [make_stage(layer, k == 0, n_rows) for k, layer in enumerate(plan.layers)]
        inputs = [0, *(layer.bias.size for layer in plan.layers[:-1]), 0]
        self._rows = [make_rows(n_rows, n) for n in inputs]
        self._rows[-1] = make_rows(LAST_ROWS * n_rows, 0)
        self._made = np.zeros(8, dtype=np.int64)  # state of the last rows, which no stage takes
        self._events = make_events(room_for_events(plan))
        self._counts = np.zeros(2, dtype=np.int64)  # events, names
        self._points, self._n_points = make_points(0), 0
        self._source = Source(plan, n_rows) if plan.layers else None

    @property
    def grown_bytes(self) -> int:
        """Bytes that it has come to take beyond `worker_bytes`, for the breakpoints of a chunk."""
        return sum(array.nbytes for array in (*self._points, *self._events)) - 17 * room_for_events(self.plan)

    @np.errstate(over="ignore", invalid="ignore")  # then `_check_finite` tells
    def work(self, domains: Sequence[LineDomain]) -> Chunk:
        """Partition a chunk of lines."""
        plan, n_lines = self.plan, len(domains)
        self._base = np.zeros((n_lines, plan.net.n_neurons), dtype=np.uint8)
        counts = np.zeros((3, n_lines), np.int64)
        self._tally = Tally(counts[0], counts[1], np.full(n_lines, np.inf), counts[2])
        source = self._source
        if source is None:
            nothing = np.zeros(n_lines + 1, dtype=np.int64)
            return Chunk(self._base, nothing, np.zeros(0), nothing[:1], nothing[:-1], make_events(0), self._tally)
        for stage in self._stages:
            stage.state[:] = 0
        self._made[:] = 0
        self._n_points = 0
        source.begin(domains)
        self._counts[:] = 0, source.t.size
        start, stage, rows = 0, self._stages[0], self._rows[0]
        while start < source.t.size:
            filled = int(stage.state[FILLED])
            n = min(rows.t.size - RESERVED - filled, source.t.size - start, source.block)
            own, new = slice(start, start + n), slice(filled, filled + n)
            source.restrict(start, start + n, stage.z[new], stage.magnitudes[new])
            for name in ("t", "w", "blur", "doubt", "noise", "grain", "norm", "steep", "line"):
                getattr(rows, name)[new] = getattr(source, name)[own]
            rows.ends[new] = -1
            rows.names[new] = np.arange(start, start + n)
            stage.state[FILLED] += n
            start += n
            if start == source.t.size or int(stage.state[FILLED]) == rows.t.size - RESERVED:
                self._advance(start == source.t.size)
        self._take_points()
        return self._gather(n_lines)

    def _advance(self, last: bool) -> None:
        """Take all rows of the first stage through it, and on through the others as soon as there are enough of them.

        Later stages go first, whose rows need room for what comes; `waiting` holds the stages that are to go on then,
        and whether no row follows theirs. (Not by recursion, of which a thousand layers are too many.)
        """
        waiting = [(0, last)]
        self._begin(0, last)
        while waiting:
            if self.stop.is_set():
                raise Stopped
            k, last = waiting[-1]
            ends = k + 1 == len(self.plan.layers)
            code = self._cut(k, last)
            if code == 0:
                waiting.pop()
            if code == 2:
                self._make_room_for_events()
            elif ends and code == 1:
                self._take_points()
            elif not ends and (code == 1 or last):
                waiting.append((k + 1, last and code == 0))
                self._begin(*waiting[-1])

    def _begin(self, k: int, last: bool) -> None:
        """Multiply the new rows of stage k and decide them."""
        plan, layer, stage, rows = self.plan, self.plan.layers[k], self._stages[k], self._rows[k]
        done, filled = int(stage.state[MULTIPLIED]), int(stage.state[FILLED])
        # Bounds every pre-activation. (Not of each row: a maximum hands on what is no number.)
        _check_finite(rows.norm[done:filled].max(initial=0.0) * plan.largest[k])
        if k:
            if layer.most_kinks:
                multiply_or_interpolate(layer, rows, stage)
            else:
                new = np.arange(done, filled)
                multiply_listed(stage.h, new, layer.transposed, stage.active, stage.packed, stage.z)
        decide_rows(layer, rows, stage, plan.relative, last, self._tally)

    def _cut(self, k: int, last: bool) -> int:
        """Cut the decided rows of stage k until all is written, 0, the next stage is full, 1, or the events are, 2."""
        ends = k + 1 == len(self.plan.layers)
        h_next, state_next = (NONE, self._made) if ends else (self._stages[k + 1].h, self._stages[k + 1].state)
        return int(
            cut_rows(
                self.plan.layers[k],
                self._rows[k],
                self._stages[k],
                self.plan.relative,
                self._tally,
                self._base,
                h_next,
                self._rows[k + 1],
                state_next,
                self._events,
                self._counts,
                last,
            )
        )

    def _make_room_for_events(self) -> None:
        n, (name, neuron, level, direction) = int(self._counts[0]), self._events
        self._events = Events(
            _with_room(name, n, 2 * name.size),
            _with_room(neuron, n, 2 * name.size),
            _with_room(level, n, 2 * name.size),
            _with_room(direction, n, 2 * name.size),
        )

    def _take_points(self) -> None:
        """Keep the points that all layers have seen, and make room for others."""
        n, rows, kept = int(self._made[FILLED]), self._rows[-1], self._n_points
        t, names, line = self._points
        t, names, line = (_with_room(x, kept, kept + n) for x in (t, names, line))
        t[kept : kept + n], names[kept : kept + n], line[kept : kept + n] = rows.t[:n], rows.names[:n], rows.line[:n]
        self._points, self._n_points = (t, names, line), kept + n
        self._made[FILLED] = 0

    def _gather(self, n_lines: int) -> Chunk:
        n_events = int(self._counts[0])
        name, neuron, level, direction = self._events
        found = Events(name[:n_events], neuron[:n_events], level[:n_events], direction[:n_events])
        t, names, line = (column[: self._n_points] for column in self._points)
        _check_finite(t.max(initial=0.0))
        _check_finite(t.min(initial=0.0))
        count = np.bincount(found.name, minlength=int(self._counts[1]))
        n_places = int(np.count_nonzero(count))
        offsets, places = np.empty(n_lines + 1, dtype=np.int64), np.empty(n_places)
        event_offsets = np.empty(n_places + 1, dtype=np.int64)
        own_offsets = np.empty(n_places + n_lines, dtype=np.int64)
        neuron, level, direction = (
            np.empty_like(found.neuron),
            np.empty_like(found.level),
            np.empty_like(found.direction),
        )
        events = Events(np.empty(0, np.int64), neuron, level, direction)
        gather_breakpoints(t, names, line, count, found, offsets, places, event_offsets, own_offsets, events)
        return Chunk(self._base, offsets, places, event_offsets, own_offsets, events, self._tally)


def _with_room(array: npt.NDArray[Any], filled: int, size: int) -> npt.NDArray[Any]:
    """Return an array with room for so many numbers, the first of them kept."""
    if array.size >= size:
        return array
    larger = np.empty(max(size, 2 * array.size), array.dtype)
    larger[:filled] = array[:filled]
    return larger


def _check_finite(bound: float) -> None:
    if not math.isfinite(bound):
        raise NumericalError(
            "`net` overflows along `domain` (values or places beyond 1e308), but an exact count needs finite numbers. "
            "Scale the weights or the direction."
        )


def _line_bytes(plan: Plan, domain: LineDomain) -> int:
    """Return about what a line takes until it is handed on: as many breakpoints as there are to switch at."""
    n_points = domain.points.shape[0] if isinstance(domain, Path) else 2
    return plan.net.n_neurons + _BYTES_PER_BREAKPOINT * (n_points + 1 + plan.n_switches)


def _chunks(plan: Plan, domains: Sequence[LineDomain], threads: int, most_bytes: float) -> list[tuple[int, int]]:
    """Cut a batch into chunks that one thread takes at a time."""
    bounds, start, numbers, n_bytes, most = [], 0, 0, 0, _CHUNK_NUMBERS // (2 * threads if threads > 1 else 1)
    for k, domain in enumerate(domains):
        n_points = domain.points.shape[0] if isinstance(domain, Path) else 2
        own, own_bytes = (n_points + 1 + plan.n_switches) * plan.width, _line_bytes(plan, domain)
        if k > start and (numbers + own > most or n_bytes + own_bytes > most_bytes):
            bounds.append((start, k))
            start, numbers, n_bytes = k, 0, 0
        numbers += own
        n_bytes += own_bytes
    return [*bounds, (start, len(domains))]


def _shares(
    plan: Plan, domains: Sequence[LineDomain], threads: int, memory_limit: int | None, who: str
) -> tuple[int, int, float]:
    """Return how many threads, rows of a stage and bytes of a chunk there may be."""
    usual = int(np.clip(_STAGE_NUMBERS // plan.width, _FEW_ROWS, 4096))
    if memory_limit is None:
        return threads, usual, np.inf
    largest = max(_line_bytes(plan, domain) for domain in domains)
    available = memory_limit - plan.n_bytes
    least = worker_bytes(plan, _FEWEST_ROWS) + largest
    if available < least:
        raise MemoryLimitError(
            f"`memory_limit` is {memory_limit} bytes, but {who} needs {plan.n_bytes + least} to take one line after "
            f"the other through {plan.net.n_neurons} neurons. Raise it to that at least.",
            plan.n_bytes + least,
        )
    threads = max(1, min(threads, available // (worker_bytes(plan, min(usual, _FEW_ROWS)) + largest)))
    share = available // threads
    per_row = worker_bytes(plan, 1) - worker_bytes(plan, 0)
    # Half of what is left goes to rows, up to what is of use, and the rest to lines.
    spare = share - largest - worker_bytes(plan, 0)
    n_rows = int(np.clip(max(spare // 2, _FEW_ROWS * per_row) // per_row, _FEWEST_ROWS, usual))
    n_rows = max(_FEWEST_ROWS, min(n_rows, spare // per_row))
    return threads, n_rows, share - worker_bytes(plan, n_rows)


def work_lines(
    net: Network,
    domains: Sequence[LineDomain],
    finish: Callable[[Plan, Sequence[LineDomain], Chunk], Result],
    tolerances: Tolerances,
    threads: int,
    progress: bool,
    memory_limit: int | None,
    who: str,
) -> list[Result]:
    """Partition lines in chunks, hand each chunk to `finish`, and return its results in order.

    Memory grows with the chunk and the results, not with the batch; the results do not depend on `threads` or
    `memory_limit`, to the last bit.
    """
    plan = Plan.kept(net, tolerances)
    threads, n_rows, most_bytes = _shares(plan, domains, threads, memory_limit, who)
    bounds = _chunks(plan, domains, threads, most_bytes)
    local, stop = threading.local(), threading.Event()

    def one(bound: tuple[int, int]) -> Result:
        if not hasattr(local, "worker"):
            local.worker = _Worker(plan, n_rows, stop)
        part = domains[bound[0] : bound[1]]
        return finish(plan, part, local.worker.work(part))

    if threads == 1 or len(bounds) == 1:
        local.worker = _kept_worker(plan, n_rows, most_bytes, stop)
        results = list(_watched(map(one, bounds), bounds, progress))
        if worker_bytes(plan, n_rows) + local.worker.grown_bytes <= _KEPT_BYTES:
            _kept.worker = local.worker
        return results
    with ThreadPoolExecutor(min(threads, len(bounds))) as pool:
        try:
            return list(_watched(pool.map(one, bounds), bounds, progress))
        except BaseException:
            stop.set()  # within a few milliseconds, also on Ctrl-C
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _kept_worker(plan: Plan, n_rows: int, most_bytes: float, stop: threading.Event) -> _Worker:
    """Return the worker that this thread has kept if it is for the same, else a new one; no other call gets it then."""
    worker: _Worker | None = getattr(_kept, "worker", None)
    _kept.worker = None
    if worker is None or worker.plan is not plan or worker.n_rows != n_rows or worker.grown_bytes > most_bytes / 2:
        return _Worker(plan, n_rows, stop)
    worker.stop = stop
    return worker


def _watched(results: Iterator[Result], bounds: list[tuple[int, int]], progress: bool) -> Iterator[Result]:
    """Pass results on, with a progress bar if wanted."""
    if not progress:
        yield from results
        return
    from tqdm import tqdm

    with tqdm(total=bounds[-1][1], unit="line", desc="lines") as bar:
        for (start, stop), result in zip(bounds, results, strict=True):
            bar.update(stop - start)
            yield result
