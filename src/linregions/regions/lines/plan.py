"""What all lines share, and the points that a batch of lines starts from."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.aligned import aligned_empty
from linregions._support.kernels.compiled import OfOneType
from linregions._support.validation import FloatArray
from linregions.domains.windows import Line, LineDomain, Path, Ray, lengths_of
from linregions.exact.steps import Step, multiples, steps_of, value_beside
from linregions.networks.activations import RELU, PiecewiseLinear
from linregions.networks.good import paths_of
from linregions.networks.kernels import dense
from linregions.networks.kernels.open_paths import Paths
from linregions.networks.network import Network
from linregions.regions.lines.kernels.decisions import MOST_TERMS, OF_WEIGHTS, RESOLUTION, Layer, list_close_values
from linregions.regions.lines.knobs import USUAL, Knobs
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances

# How many numbers the points of the input space may hold that are met at once.
_INPUT_NUMBERS = 1 << 15
# With fewer inputs, products are as fast.
FEWEST_INPUTS = 96
# A plan that takes more than this goes with the call that made it.
_KEPT_BYTES = 1 << 24
# Weights that are no small multiples of a power of two leave nothing exact.
_FINE = 2.0**30
# Squares below this have lost digits, or are 0 though no number is.
_SMALLEST = 2.0**-960
# The largest weights of different inputs may differ by so many binary digits until these are measured in units apart.
_EQUAL_UNITS = 20
# Its arrays are always of the same types.
multiply_listed = OfOneType(dense.multiply_listed)
# Rows of a straight domain: index into its two points, sign, place and weight. An end without bound has weight 0.
_SEGMENT = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
_RAY = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
_LINE = np.array([[1.0, 0.0, 1.0], [-1.0, 1.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


class First(NamedTuple):
    """The first layer, shape (n_in, n_1): transposed weights, and their absolute values."""

    weights: FloatArray
    sizes: FloatArray


@dataclass(frozen=True, eq=False)
class Plan:
    """What all lines share: the network as the kernels want it, and the largest factor from norms to magnitudes."""

    network: Network
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    largest: tuple[float, ...]
    paths: Paths
    relative: float
    knobs: Knobs
    n_switches: int
    width: int
    first: First
    inverse_input: FloatArray  # (n_in,) of the scales of the inputs; (0,) where all are 1

    @classmethod
    @np.errstate(over="ignore")  # then `_check_finite` tells
    def of(cls, network: Network, tolerances: Tolerances, knobs: Knobs = USUAL) -> Plan:
        """Flatten a network.

        A unit is measured in a scale of its own, the norm of its weights and bias in the scales of the units before,
        of which a part is taken to be open. So bounds stay tight however neurons are scaled and however many layers
        there are, and scaling one by a power of two changes no decision. (Any scales give bounds that hold.)
        """
        steps, zero_is_known = steps_of(network, knobs.most_products), (True, True)
        input_scale = _scale_of_inputs(steps[0].weight) if steps else np.ones(network.n_in)
        layers, largest, scale, offset = [], [], input_scale, 0.0
        for k, step in enumerate(steps):
            last, activation = k + 1 == len(steps), step.activation
            slopes, intercepts = np.array(activation.slopes), activation.intercepts
            weight = np.ascontiguousarray(step.weight)[:]
            weight.flags.writeable = False  # in every layer, or kernels are compiled for both
            breakpoints, absolute = np.array(activation.breakpoints), np.abs(step.weight)
            size, inverse_input = _norms(step.weight * scale), _inverse(scale)
            bound = np.hypot(size, step.bias) + offset * absolute.sum(axis=1) + np.abs(breakpoints).max(initial=0.0)
            steepest = np.abs(slopes).max()
            is_open = np.sqrt(np.mean(np.square(slopes / steepest))) if steepest else 0.0
            scale = steepest * np.hypot(is_open * size, step.bias) + abs(float(activation(0.0)))
            if not 2.0**-99 < scale.max() < 2.0**99 and 0 < scale.max() < np.inf:
                scale = np.ldexp(scale, -np.frexp(scale.max())[1])
            inverse_scale = _inverse(scale)
            leaders, opposite = multiples(step)
            # Terms of the activation itself that may cancel; a flat piece is exact.
            after = float(np.abs(intercepts[slopes != 0]).max(initial=0.0))
            n, n_inputs = weight.shape
            layers.append(
                Layer(
                    bias=step.bias.copy() if k else np.zeros(n),  # in the first layer it is there, see `Source`
                    weight=weight,
                    transposed=_transposed(weight) if k else np.zeros((0, 0)),
                    offset=offset,
                    inverse=_inverse(bound),
                    breakpoints=breakpoints,
                    slopes=slopes,
                    intercepts=intercepts,
                    rectify=activation == RELU,
                    inverse_scale=inverse_scale,
                    first_neuron=step.first_neuron,
                    inverse_input=inverse_input if k else np.zeros(0),
                    size=size if k else np.zeros(n),
                    spacing=0 if last else sharing(steps[k + 1].bias.size, knobs.spacing)[0],
                    most_kinks=sharing(n_inputs, knobs.spacing)[1],
                    losses=np.array(knobs.losses),
                    leaders=leaders,
                    opposite=opposite,
                    zero_is_known=np.array(zero_is_known, dtype=np.uint8),
                    grains=np.array(
                        [
                            0.0 if step.exact is not None else grain(weight),
                            grain(np.append(step.bias, breakpoints)),
                            grain(slopes),
                            grain(intercepts),
                        ]
                    ),
                    most=np.array([bound.max(), steepest, np.abs(intercepts).max()]),
                    excess=float(((after + steepest * np.abs(step.bias)) * inverse_scale).max()),
                )
            )
            largest.append(float(bound.max()))
            offset, zero_is_known = after, (activation.n_breakpoints > 0, _keeps_zeros(activation))
        return cls(
            network=network,
            steps=tuple(steps),
            layers=tuple(layers),
            largest=tuple(largest),
            paths=paths_of(network),
            relative=tolerances.relative,
            knobs=knobs,
            n_switches=sum(layer.bias.size * layer.breakpoints.size for layer in layers),
            width=max([layer.bias.size for layer in layers], default=1),
            first=_first(steps[0].weight if steps else np.zeros((1, network.n_in))),
            inverse_input=np.zeros(0) if (input_scale == 1.0).all() else _inverse(input_scale),
        )

    @classmethod
    def kept(cls, network: Network, tolerances: Tolerances, knobs: Knobs = USUAL) -> Plan:
        """Return the plan of a network, which never changes; the last one is kept unless it is large."""
        global _kept
        key = (network, tolerances, knobs)
        if _kept is None or _kept[0] != key:
            plan = cls.of(network, tolerances, knobs)
            _kept = (key, plan) if plan.n_bytes <= _KEPT_BYTES else None
            return plan
        return _kept[1]

    @property
    def n_bytes(self) -> int:
        """Bytes of what is held beside the network itself."""
        links = self.paths.links.nbytes
        return 2 * self.first.weights.nbytes + links + sum(layer.transposed.nbytes for layer in self.layers)


_kept: tuple[tuple[Network, Tolerances, Knobs], Plan] | None = None


def sharing(width: int, spacing: int | None = None) -> tuple[int, int]:
    """Return how far apart pivots may be where `width` inputs follow, 0 for all, and how many of these may bend.

    A product takes about half of the inputs, and a value between pivots a column for each point that is there.
    """
    if spacing is not None:
        return spacing, width
    return (0, 0) if width < FEWEST_INPUTS else (int(np.sqrt(width)), width // 4)


def _keeps_zeros(activation: PiecewiseLinear) -> bool:
    """Return whether it is zero only on pieces, and at breakpoints, where that has been decided."""
    ends = np.array([-np.inf, *activation.breakpoints, np.inf])
    slopes, intercepts = np.array(activation.slopes), activation.intercepts
    steep = slopes != 0
    root = -intercepts[steep] / slopes[steep]
    room = 1e-9 * np.abs(root)
    return activation.n_breakpoints > 0 and not np.any(
        (root > ends[:-1][steep] + room) & (root < ends[1:][steep] - room)
    )


def grain(values: FloatArray) -> float:
    """Return the largest power of two that divides all values, infinity if they are zero."""
    mantissas, exponents = np.frexp(values[values != 0])
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    return float(np.ldexp((whole & -whole).astype(np.float64), exponents - 53).min(initial=np.inf))


def _first(weight: FloatArray) -> First:
    transposed = _transposed(weight)
    return First(weights=transposed, sizes=np.abs(transposed, out=aligned_empty(transposed.shape)))


def _transposed(weight: FloatArray) -> FloatArray:
    out = aligned_empty((weight.shape[1], weight.shape[0]))
    out[:] = weight.T
    return out


def _scale_of_inputs(weight: FloatArray) -> FloatArray:
    """Return the unit of each input, 1 for all unless the weights tell that units are very unequal; 0 where unused."""
    heaviest = np.abs(weight).max(axis=0)
    exponents, is_used = np.frexp(heaviest)[1], heaviest > 0
    if not is_used.any() or np.ptp(exponents[is_used]) <= _EQUAL_UNITS:
        return np.ones(heaviest.size)
    return np.where(is_used, np.ldexp(1.0, np.minimum(exponents[is_used].max() - exponents, 1000)), 0.0)


def _norms(rows: FloatArray) -> FloatArray:
    """Return the norm of each row, also where squares would be too large or too small for a float."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    return np.asarray(largest * np.sqrt(np.square(rows * _inverse(largest)[:, None]).sum(axis=1)))


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _rows(domain: LineDomain) -> tuple[FloatArray | tuple[FloatArray, ...], FloatArray]:
    """Return points (or directions) of the input space, and of each row its point, sign, place and weight."""
    if isinstance(domain, Ray):
        return (domain.origin, domain.direction), _LINE if isinstance(domain, Line) else _RAY
    if isinstance(domain, Path):
        m = domain.points.shape[0]
        numbers, ones = np.arange(m, dtype=np.float64), np.ones(m)
        return domain.points, np.stack([numbers, ones, numbers, ones])
    return (domain.a, domain.b), _SEGMENT


class Source:
    """The rows that a batch of lines starts from: corners of paths, ends, and directions of ends without bound.

    Made once and used for one batch after the other, since fresh pages are dear; takes no more than `n_rows` at a time.
    """

    def __init__(self, plan: Plan, n_rows: int) -> None:
        self._plan, n_in, n = plan, plan.network.n_in, plan.first.weights.shape[1]
        self.block = _most_points(n_in)
        # One more, for the rows of a line whose direction comes before its origin: some reach beyond both ends.
        n_points = min(self.block, n_rows) + 1
        self._room, self._squared = aligned_empty((self.block + 1, n_in)), aligned_empty((self.block + 1, n_in))
        self._made, self._packed = aligned_empty((n_points, n)), aligned_empty((8, max(n_in, n)))
        self._packed[:] = 0.0
        self._active = np.empty(n_in + 4, dtype=np.int64)
        self._close = np.empty(min(self.block, n_rows) * n, dtype=np.int64)

    def begin(self, domains: Sequence[LineDomain]) -> None:
        """Find the places of all rows of a batch and what is known of their points."""
        parts = [_rows(domain) for domain in domains]
        n_in, pieces = self._plan.network.n_in, list[FloatArray]()
        for points, _ in parts:
            if isinstance(points, tuple):
                pieces += points
            else:
                pieces.append(points.reshape(-1))
        self._pieces = pieces
        self._first = [0, *itertools.accumulate(piece.size // n_in for piece in pieces)]
        sizes = np.array([len(points) for points, _ in parts])
        lengths = np.array([rows.shape[1] for _, rows in parts])
        source, self._sign, self.t, self.w = np.concatenate([rows for _, rows in parts], axis=1)
        self._source = source.astype(np.int64) + np.repeat(np.cumsum(sizes) - sizes, lengths)
        self.line = np.repeat(np.arange(len(domains)), lengths)
        self.uncertainty = RESOLUTION * np.abs(self.t)
        sizes = self._lengths_of_points()
        self.norm = norm = np.hypot(sizes[self._source], self.w)
        self.doubt, self.noise, self.grain = self.uncertainty, sizes[self._source], np.zeros(self.t.size)
        # An end without bound holds the change itself. What stands from one line to the next is never looked at.
        ends = self.w == 0
        change = np.where(ends[1:], norm[1:], np.where(ends[:-1], norm[:-1], norm[1:] + norm[:-1]))
        change /= np.where(ends[1:] | ends[:-1] | (np.diff(self.line) > 0), 1.0, np.abs(np.diff(self.t)))
        self.steep = np.append(change, 0.0)

    def _lengths_of_points(self) -> FloatArray:
        """Return the distance of each point from the origin, each input measured in its own scale."""
        squares, inverse = np.empty(self._first[-1]), self._plan.inverse_input
        self._is_there = np.ones(squares.size, dtype=np.bool_)
        mended: list[tuple[npt.NDArray[np.intp], FloatArray]] = []
        for low in range(0, squares.size, self.block):
            high = min(low + self.block, squares.size)
            points = self._gather(low, high)
            scaled = np.multiply(points, inverse, out=self._squared[: high - low]) if inverse.size else points
            own = np.square(scaled, out=self._squared[: high - low]).sum(axis=1)
            squares[low:high] = own
            (small,) = np.nonzero(own < _SMALLEST)
            if small.size:
                is_there = points[small].any(axis=1)
                self._is_there[low + small] = is_there  # many lines go through the origin itself
                small = small[is_there]
                mended.append((low + small, lengths_of(points[small] * inverse if inverse.size else points[small])))
        sizes = np.sqrt(squares, out=squares)
        for at, lengths in mended:
            sizes[at] = lengths
        return sizes

    def _gather(self, low: int, high: int) -> FloatArray:
        """Return points `low` to `high` - 1 of the input space, some more than a block, until it is called again."""
        n_in, first = self._plan.network.n_in, self._first
        out = self._room[: high - low]
        start, stop = bisect_right(first, low) - 1, bisect_left(first, high)
        pieces = self._pieces[start:stop]
        pieces[-1] = pieces[-1][: (high - first[stop - 1]) * n_in]
        pieces[0] = pieces[0][(low - first[start]) * n_in :]
        np.concatenate(pieces, out=out.reshape(-1))
        return out

    def restrict(self, start: int, stop: int, z: FloatArray, magnitudes: FloatArray) -> None:
        """Set the first layer's pre-activations in some rows, a block at most, and their magnitudes, (R, n) each.

        A value that is close to a breakpoint is found in rational arithmetic: the points are given, and so exact. Its
        magnitude is then -1.
        """
        source, step = self._source[start:stop], self._plan.steps[0]
        low, high = int(source.min()), int(source.max()) + 1
        points = self._gather(low, high)
        made = self._made[: high - low]
        # Many lines go through the origin, which needs no product.
        is_there = self._is_there[low:high]
        (own,) = np.nonzero(is_there)
        made[~is_there] = 0.0
        at = source - low
        for weights, out in zip(self._plan.first, (z, magnitudes), strict=True):
            if out is magnitudes:
                np.abs(points, out=points)
            multiply_listed(points, own, weights, self._active, self._packed, made)
            np.take(made, at, axis=0, out=out, mode="clip")
        sign, w = self._sign[start:stop], self.w[start:stop]
        z *= sign[:, None]
        first = self._plan.layers[0]
        if first.most[MOST_TERMS] < _FINE * first.grains[OF_WEIGHTS]:
            grains = np.array([grain(x) for x in points])
            self.grain[start:stop] = np.where(np.isfinite(grains), grains, 1.0)[at]
        relative = 2 * min(self._plan.relative, DEFAULT_TOLERANCES.relative)
        n_close = list_close_values(z, magnitudes, w, step.bias, first.breakpoints, relative, self._close)
        for entry in self._close[:n_close].tolist():
            row, unit = divmod(entry, z.shape[1])
            x = self._gather(int(source[row]), int(source[row]) + 1)[0] * sign[row]
            z[row, unit], magnitudes[row, unit] = value_beside(step, unit, x, float(w[row])), -1.0


def source_bytes(plan: Plan, n_rows: int) -> int:
    """Return what a source takes beside a batch's rows."""
    n_in, n = int(plan.network.n_in), int(plan.first.weights.shape[1])
    block = _most_points(n_in)
    own = min(block, n_rows)
    return 8 * (2 * (block + 1) * n_in + n_in + own * n_in // 4 + (2 * own + 1) * n + 8 * max(n_in, n)) + 512


def _most_points(n_in: int) -> int:
    """Return how many rows of points are met at once; the points of a straight domain stand next to each other."""
    return max(3, _INPUT_NUMBERS // n_in)
