"""Drive the compiled kernels along a batch of lines: restrict, then layer by layer sign, cut, activate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from linregions._threads import one_blas_thread
from linregions._validation import FloatArray
from linregions.activations import RELU
from linregions.domains import Line, LineDomain, Path, Ray
from linregions.errors import NumericalError
from linregions.kernels.line_cuts import RESOLUTION, cut_lines, gather_breakpoints
from linregions.kernels.linearity import Paths, make_paths, mark_linear_boundaries
from linregions.kernels.lines import Events, Layer, Rows, Tally, decide_signs
from linregions.network import Network
from linregions.tolerances import Tolerances

# How many numbers one array of a chunk may hold: few enough to stay in cache through a layer.
_CHUNK_NUMBERS = 1 << 17
# How many numbers the points of the input space may hold, which are met once.
_INPUT_NUMBERS = 1 << 18
# Rows of a straight domain: index into its two points, sign, place and weight. An end without bound has weight 0.
_SEGMENT = (np.array([0, 1]), np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
_RAY = (np.array([0, 1]), np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 0.0]))
_LINE = (np.array([1, 0, 1]), np.array([-1.0, 1.0, 1.0]), np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Plan:
    """What all lines share: the network as the kernels want it, and the largest factor from norms to magnitudes."""

    net: Network
    layers: tuple[Layer, ...]
    largest: tuple[float, ...]
    paths: Paths
    relative: float
    n_switches: int
    width: int

    @classmethod
    @np.errstate(over="ignore")  # then `_check_finite` tells
    def of(cls, net: Network, tolerances: Tolerances) -> Plan:
        """Flatten a network.

        A unit is measured in a scale of its own, the norm of its weights and bias in the scales of the units before.
        So bounds stay tight however neurons are scaled, and scaling one by a power of two changes no decision.
        """
        layers, largest, scale, offset = [], [], np.ones(net.n_in), 0.0
        for k, activation in enumerate(net.activations):
            step, slopes, intercepts = net.layers[k], np.array(activation.slopes), activation.intercepts
            breakpoints, absolute = np.array(activation.breakpoints), np.abs(step.weight)
            size = np.sqrt(np.square(step.weight * scale).sum(axis=1) + np.square(step.bias))
            bound = size + offset * absolute.sum(axis=1) + np.abs(breakpoints).max(initial=0.0)
            scale = np.abs(slopes).max() * size + abs(float(activation(0.0)))
            layers.append(
                Layer(
                    bias=step.bias.copy(),
                    absolute=absolute,
                    offset=offset,
                    inverse=_inverse(bound),
                    breakpoints=breakpoints,
                    slopes=slopes,
                    intercepts=intercepts,
                    rectify=activation == RELU,
                    inverse_scale=_inverse(scale),
                    first_neuron=net.neuron_offsets[k],
                )
            )
            largest.append(float(bound.max()))
            # Terms of the activation itself that may cancel; a flat piece is exact.
            offset = float(np.abs(intercepts[slopes != 0]).max(initial=0.0))
        return cls(
            net=net,
            layers=tuple(layers),
            largest=tuple(largest),
            paths=make_paths([step.weight for step in net.layers], [a.slopes for a in net.activations]),
            relative=tolerances.relative,
            n_switches=sum(layer.bias.size * layer.breakpoints.size for layer in layers),
            width=max(net.widths[1:]),
        )


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Partitions of L lines: their K breakpoints line after line, and what switches at each of them."""

    first_patterns: npt.NDArray[np.uint8]  # (L, n_neurons)
    offsets: npt.NDArray[np.int64]  # (L + 1,) first breakpoint of each line
    breakpoints: FloatArray  # (K,)
    event_offsets: npt.NDArray[np.int64]  # (K + 1,) first event of each breakpoint
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


class _Buffers:
    """Large arrays that one thread uses again and again: fresh pages cost as much as the work on them."""

    def __init__(self) -> None:
        self._held: dict[str, FloatArray] = {}

    def matrix(self, name: str, n_rows: int, n_columns: int) -> FloatArray:
        """Return an array of this shape, which holds anything."""
        size = n_rows * n_columns
        if name not in self._held or self._held[name].size < size:
            self._held[name] = np.empty(size + size // 4)
        return self._held[name][:size].reshape(n_rows, n_columns)


def _rows(domain: LineDomain) -> tuple[FloatArray | tuple[FloatArray, ...], tuple[npt.NDArray[Any], ...]]:
    """Return points (or directions) of the input space, and of each row its point, sign, place and weight."""
    if isinstance(domain, Ray):
        return (domain.origin, domain.direction), _LINE if isinstance(domain, Line) else _RAY
    if isinstance(domain, Path):
        m = domain.points.shape[0]
        return domain.points, (np.arange(m), np.ones(m), np.arange(m, dtype=np.float64), np.ones(m))
    return (domain.a, domain.b), _SEGMENT


def _start(plan: Plan, domains: Sequence[LineDomain]) -> tuple[FloatArray, FloatArray, Rows]:
    """Restrict the first layer to the lines, so that the inputs are met once.

    Returns the linear parts and the magnitudes of its pre-activations, (R, n) each, and the rows.
    """
    parts = [_rows(domain) for domain in domains]
    sizes = np.array([len(points) for points, _ in parts])
    points = np.empty((int(sizes.sum()), plan.net.n_in))
    filled = 0
    for inputs, _ in parts:
        for x in inputs:
            points[filled] = x
            filled += 1
    lengths = np.array([rows[0].size for _, rows in parts])
    source, sign, t, w = (np.concatenate([rows[i] for _, rows in parts]) for i in range(4))
    source = source + np.repeat(np.cumsum(sizes) - sizes, lengths)
    z = plan.net.layers[0].linear(points)[source] * sign[:, None]
    np.abs(points, out=points)
    magnitudes = (points @ plan.layers[0].absolute.T)[source]
    norm = np.sqrt(np.square(points).sum(axis=1)[source] + np.square(w))
    # An end without bound holds the change itself. What stands from one line to the next is never looked at.
    ends = w == 0
    change = np.where(ends[1:], norm[1:], np.where(ends[:-1], norm[:-1], norm[1:] + norm[:-1]))
    steep = np.append(change / np.where(ends[1:] | ends[:-1], 1.0, np.abs(np.diff(t))), 0.0)
    first = np.concatenate([[0], np.cumsum(lengths)])
    return z, magnitudes, Rows(t, w, RESOLUTION * np.abs(t), norm, steep, np.arange(t.size), first)


@np.errstate(over="ignore", invalid="ignore")  # then `_check_finite` tells
def _work(plan: Plan, domains: Sequence[LineDomain], buffers: _Buffers) -> Chunk:
    """Partition a chunk of lines."""
    n_lines = len(domains)
    base = np.zeros((n_lines, plan.net.n_neurons), dtype=np.uint8)
    tally = Tally(np.zeros(n_lines, np.int64), np.zeros(n_lines, np.int64), np.full(n_lines, np.inf))
    found = [_no_events(0)]
    nothing = np.zeros(n_lines + 1, dtype=np.int64)
    if not plan.layers:
        return Chunk(base, nothing, np.zeros(0), nothing[:1], found[0], tally)
    z, magnitudes, rows = _start(plan, domains)
    h, n_names = z, rows.t.size
    for k, layer in enumerate(plan.layers):
        n = layer.bias.size
        if k:
            z = plan.net.layers[k].linear(h, out=buffers.matrix("z", h.shape[0], n))
            magnitudes = _NONE
        _check_finite(rows.norm * plan.largest[k])  # bounds every pre-activation
        shape = (rows.t.size, layer.breakpoints.size * ((n + 63) // 64))
        above, zero = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
        n_cuts, n_at_rows = decide_signs(z, h, magnitudes, rows, layer, plan.relative, above, zero, tally, base)
        events = _no_events(n_cuts + n_at_rows)
        n_rows, last = rows.t.size + n_cuts, k + 1 == len(plan.layers)
        h_next = buffers.matrix(f"h{k % 2}", 0 if last else n_rows, n)
        rows_next = _no_rows(n_rows, rows.first.size)
        n_names = cut_lines(
            z, h, magnitudes, rows, layer, plan.relative, above, zero, tally, n_names, h_next, rows_next, events
        )
        found.append(events)
        n_rows = int(rows_next.first[-1])  # ties made fewer points than there were cuts
        t, w, blur, norm, steep, names, first = rows_next
        rows = Rows(t[:n_rows], w[:n_rows], blur[:n_rows], norm[:n_rows], steep[:n_rows], names[:n_rows], first)
        h = h_next[:n_rows]
    _check_finite(rows.t)
    name, neuron, level, direction = (np.concatenate(column) for column in zip(*found, strict=True))
    events = Events(name, neuron, level, direction)
    offsets, places, event_offsets, events = gather_breakpoints(rows.t, rows.names, rows.first, n_names, events)
    return Chunk(base, offsets, places, event_offsets, events, tally)


_NONE = np.zeros((0, 0))


def _check_finite(values: FloatArray) -> None:
    if not np.all(np.isfinite(values)):
        raise NumericalError(
            "`net` overflows along `domain` (values or places beyond 1e308), but an exact count needs finite numbers. "
            "Scale the weights or the direction."
        )


def _no_rows(n: int, n_first: int) -> Rows:
    """Return room for n rows."""
    t, w, blur, norm, steep = (np.empty(n) for _ in range(5))
    return Rows(t, w, blur, norm, steep, np.empty(n, np.int64), np.empty(n_first, np.int64))


def _no_events(n: int) -> Events:
    """Return room for n events."""
    return Events(np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int8))


def _chunks(plan: Plan, domains: Sequence[LineDomain]) -> list[tuple[int, int]]:
    """Cut a batch into chunks that stay in cache, the same for any number of threads."""
    bounds, start, rows, inputs = [], 0, 0, 0
    for k, domain in enumerate(domains):
        n_points = domain.points.shape[0] if isinstance(domain, Path) else 2
        rows += (n_points + 1 + plan.n_switches) * plan.width
        inputs += n_points * plan.net.n_in
        if k > start and (rows > _CHUNK_NUMBERS or inputs > _INPUT_NUMBERS):
            bounds.append((start, k))
            start, rows, inputs = k, (n_points + 1 + plan.n_switches) * plan.width, n_points * plan.net.n_in
    return [*bounds, (start, len(domains))]


def work_lines(
    net: Network,
    domains: Sequence[LineDomain],
    finish: Callable[[Plan, Sequence[LineDomain], Chunk], Result],
    tolerances: Tolerances,
    threads: int,
    progress: bool,
) -> list[Result]:
    """Partition lines in chunks, hand each chunk to `finish`, and return its results in order.

    Memory grows with the chunk and the results, not with the batch; the results do not depend on `threads`.
    """
    plan = Plan.of(net, tolerances)
    bounds = _chunks(plan, domains)

    local = threading.local()

    def one(bound: tuple[int, int]) -> Result:
        if not hasattr(local, "buffers"):
            local.buffers = _Buffers()
        part = domains[bound[0] : bound[1]]
        return finish(plan, part, _work(plan, part, local.buffers))

    with one_blas_thread():
        if threads == 1 or len(bounds) == 1:
            return list(_watched(map(one, bounds), bounds, progress))
        with ThreadPoolExecutor(min(threads, len(bounds))) as pool:
            return list(_watched(pool.map(one, bounds), bounds, progress))


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
