"""Drive the compiled kernels along a batch of lines: restrict, then layer by layer sign, cut, activate."""

from __future__ import annotations

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
from linregions.kernels import lines as kernel
from linregions.kernels.linearity import Paths, make_paths, mark_linear_boundaries
from linregions.network import AffineLayer, Network
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
class _Step:
    """An affine step and its activation as the kernels want them, with the scale of every unit."""

    layer: AffineLayer
    absolute: FloatArray
    offset: float
    inverse: FloatArray
    inverse_next: FloatArray
    breakpoints: FloatArray
    slopes: FloatArray
    intercepts: FloatArray
    rectify: bool
    neuron_offset: int


@dataclass(frozen=True, eq=False)
class Plan:
    """What all lines share."""

    net: Network
    steps: tuple[_Step, ...]
    paths: Paths
    relative: float
    n_switches: int
    width: int

    @classmethod
    def of(cls, net: Network, tolerances: Tolerances) -> Plan:
        """Flatten a network.

        A unit is measured in a scale of its own, the norm of its weights and bias in the scales of the units before.
        So bounds stay tight however neurons are scaled, and scaling one by a power of two changes no decision.
        """
        steps, scale, offset = [], np.ones(net.n_in), 0.0
        for k, activation in enumerate(net.activations):
            layer = net.layers[k]
            breakpoints, slopes = np.array(activation.breakpoints), np.array(activation.slopes)
            absolute, intercepts = np.abs(layer.weight), activation.intercepts
            size = np.sqrt(np.square(layer.weight * scale).sum(axis=1) + np.square(layer.bias))
            bound = size + offset * absolute.sum(axis=1) + np.abs(breakpoints).max(initial=0.0)
            scale = np.abs(slopes).max() * size + abs(float(activation(0.0)))
            steps.append(
                _Step(
                    layer=layer,
                    absolute=absolute,
                    offset=offset,
                    inverse=_inverse(bound),
                    inverse_next=_inverse(scale),
                    breakpoints=breakpoints,
                    slopes=slopes,
                    intercepts=intercepts,
                    rectify=activation == RELU,
                    neuron_offset=net.neuron_offsets[k],
                )
            )
            # Terms of the activation itself that may cancel; a flat piece is exact.
            offset = float(np.abs(intercepts[slopes != 0]).max(initial=0.0))
        return cls(
            net=net,
            steps=tuple(steps),
            paths=make_paths([layer.weight for layer in net.layers], [a.slopes for a in net.activations]),
            relative=tolerances.relative,
            n_switches=sum(step.layer.bias.size * step.breakpoints.size for step in steps),
            width=max(net.widths[1:]),
        )


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Partitions of some lines: breakpoints line after line, and what switches at each of them."""

    base: npt.NDArray[np.uint8]
    breakpoint_offsets: npt.NDArray[np.int64]
    places: FloatArray
    event_offsets: npt.NDArray[np.int64]
    neurons: npt.NDArray[np.int32]
    breakpoints: npt.NDArray[np.int32]
    directions: npt.NDArray[np.int8]
    snapped: npt.NDArray[np.int64]
    merged: npt.NDArray[np.int64]
    margin: FloatArray

    def linear_boundaries(self, plan: Plan) -> npt.NDArray[np.bool_]:
        """Return for each breakpoint whether a good neuron switches there."""
        out = np.empty(self.places.size, dtype=np.bool_)
        mark_linear_boundaries(
            plan.paths, self.base, self.breakpoint_offsets, self.event_offsets, self.neurons, self.directions, out
        )
        return out


def _rows(domain: LineDomain) -> tuple[Sequence[FloatArray], tuple[Any, Any, Any, Any]]:
    """Return points (or directions) of the input space, and of each row its point, sign, place and weight."""
    if isinstance(domain, Ray):
        return (domain.origin, domain.direction), _LINE if isinstance(domain, Line) else _RAY
    if isinstance(domain, Path):
        m = domain.points.shape[0]
        return domain.points, (np.arange(m), np.ones(m), np.arange(m, dtype=np.float64), np.ones(m))
    return (domain.a, domain.b), _SEGMENT


def _start(
    plan: Plan, domains: Sequence[LineDomain]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """Restrict the first layer to the lines, so that the inputs are met once.

    Returns the rows' linear parts, magnitudes, t, w and norm, and the first row of each line.
    """
    step = plan.steps[0]
    parts = [_rows(domain) for domain in domains]
    sizes = np.array([len(points) for points, _ in parts])
    points = np.empty((int(sizes.sum()), plan.net.n_in))
    filled = 0
    for inputs, _ in parts:
        for x in inputs:
            points[filled] = x
            filled += 1
    lengths = np.array([rows[0].size for _, rows in parts])
    first = np.concatenate([[0], np.cumsum(lengths)])
    source, sign, t, w = (np.concatenate([rows[i] for _, rows in parts]) for i in range(4))
    source = source + np.repeat(np.cumsum(sizes) - sizes, lengths)
    linear = step.layer.linear(points)
    np.abs(points, out=points)
    magnitudes = points @ step.absolute.T
    norm = np.sqrt(np.square(points).sum(axis=1)[source] + np.square(w))
    return linear[source] * sign[:, None], magnitudes[source], t, w, norm, first


def _work(plan: Plan, domains: Sequence[LineDomain]) -> Chunk:
    """Partition a chunk of lines."""
    n_lines = len(domains)
    base = np.zeros((n_lines, plan.net.n_neurons), dtype=np.uint8)
    snapped, merged = np.zeros(n_lines, dtype=np.int64), np.zeros(n_lines, dtype=np.int64)
    margin = np.full(n_lines, np.inf)
    events: list[tuple[npt.NDArray[Any], ...]] = [_no_events(0)]
    if not plan.steps:
        nothing = np.zeros(0)
        z, t, names, first, n_names = nothing, nothing, np.zeros(0, np.int64), np.zeros(n_lines + 1, np.int64), 0
    else:
        z, magnitudes, t, w, norm, first = _start(plan, domains)
        blur = kernel.RESOLUTION * np.abs(t)
        names, n_names = np.arange(t.size), t.size
        h = z
    for k, step in enumerate(plan.steps):
        if k:
            z, magnitudes = step.layer.linear(h), _NONE
        _check_finite(norm)
        shape = (t.size, step.breakpoints.size * ((z.shape[1] + 63) // 64))
        above, zero = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
        kernel.decide_signs(
            z,
            h,
            magnitudes,
            t,
            w,
            blur,
            norm,
            first,
            step.layer.bias,
            step.absolute,
            step.offset,
            step.inverse,
            step.breakpoints,
            plan.relative,
            above,
            zero,
            snapped,
            margin,
        )
        n_cuts, n_at_rows = kernel.count_switches(above, zero, first)
        found = _no_events(n_cuts + n_at_rows)
        n_rows, last = t.size + n_cuts, k + 1 == len(plan.steps)
        rows = [np.empty(n_rows) for _ in range(4)]
        h_next = np.empty((0 if last else n_rows, z.shape[1]))
        names_next, first_next = np.empty(n_rows, dtype=np.int64), np.empty_like(first)
        if step.breakpoints.size:
            kernel.first_states(above, zero, first, z.shape[1], step.neuron_offset, base)
        n_names = kernel.cut_lines(
            z,
            h,
            magnitudes,
            t,
            w,
            blur,
            names,
            first,
            above,
            zero,
            step.absolute,
            step.offset,
            step.layer.bias,
            step.breakpoints,
            plan.relative,
            merged,
            margin,
            n_names,
            step.neuron_offset,
            step.rectify,
            step.slopes,
            step.intercepts,
            step.inverse_next,
            h_next,
            *rows,
            names_next,
            first_next,
            *found,
        )
        events.append(found)
        n_rows = int(first_next[-1])  # ties made fewer points than there were cuts
        t, w, blur, norm = (row[:n_rows] for row in rows)
        h, names, first = h_next[:n_rows], names_next[:n_rows], first_next
    _check_finite(t)
    name, neuron, level, direction = (np.concatenate(column) for column in zip(*events, strict=True))
    gathered = kernel.gather_breakpoints(t, names, first, n_names, name, neuron, level, direction)
    return Chunk(base, *gathered, snapped, merged, margin)


_NONE = np.zeros((0, 0))


def _check_finite(values: FloatArray) -> None:
    if not np.all(np.isfinite(values)):
        raise NumericalError(
            "`net` overflows along `domain` (values or places beyond 1e308), but an exact count needs finite numbers. "
            "Scale the weights or the direction."
        )


def _no_events(n: int) -> tuple[npt.NDArray[Any], ...]:
    """Return room for n events: name of the point, neuron, breakpoint, direction."""
    return np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int8)


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

    def one(bound: tuple[int, int]) -> Result:
        part = domains[bound[0] : bound[1]]
        return finish(plan, part, _work(plan, part))

    with one_blas_thread():
        if threads == 1 or len(bounds) == 1:
            return list(_watched(map(one, bounds), bounds, progress))
        with ThreadPoolExecutor(min(threads, len(bounds))) as pool:
            return list(_watched(pool.map(one, bounds), bounds, progress))


def _watched(
    results: Iterator[Result], bounds: list[tuple[int, int]], progress: bool
) -> Iterator[Result]:
    """Pass results on, with a progress bar if wanted."""
    if not progress:
        yield from results
        return
    from tqdm import tqdm

    with tqdm(total=bounds[-1][1], unit="line", desc="lines") as bar:
        for (start, stop), result in zip(bounds, results, strict=True):
            bar.update(stop - start)
            yield result
