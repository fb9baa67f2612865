"""What all lines share, and the points that a batch of lines starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._paths import paths_of
from linregions._validation import FloatArray
from linregions.activations import RELU
from linregions.domains import Line, LineDomain, Path, Ray
from linregions.kernels.dense import multiply_rows
from linregions.kernels.line_cuts import RESOLUTION
from linregions.kernels.linearity import Paths
from linregions.kernels.lines import Layer
from linregions.network import Network
from linregions.tolerances import Tolerances

# How many numbers the points of the input space may hold that are met at once.
INPUT_NUMBERS = 1 << 15
# How many times their sum the terms of an interpolated row may be, in its norm and in each pre-activation, see
# `kernels.line_products`. Small values make all rows products, and infinities trust any sum.
LOSSES = (4.0, 8.0)
# With fewer inputs, products are as fast.
FEWEST_INPUTS = 96
# Rows of a straight domain: index into its two points, sign, place and weight. An end without bound has weight 0.
_SEGMENT = (np.array([0, 1]), np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
_RAY = (np.array([0, 1]), np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0, 0.0]))
_LINE = (np.array([1, 0, 1]), np.array([-1.0, 1.0, 1.0]), np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))


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
    first: tuple[FloatArray, FloatArray]  # (n_in, n_1) transposed weights of the first layer and their absolute values

    @classmethod
    @np.errstate(over="ignore")  # then `_check_finite` tells
    def of(cls, net: Network, tolerances: Tolerances) -> Plan:
        """Flatten a network.

        A unit is measured in a scale of its own, the norm of its weights and bias in the scales of the units before.
        So bounds stay tight however neurons are scaled, and scaling one by a power of two changes no decision.
        """
        layers, largest, scale, offset = [], [], np.ones(net.n_in), 0.0
        for k, activation in enumerate(net.activations):
            last = k + 1 == len(net.activations)
            step, slopes, intercepts = net.layers[k], np.array(activation.slopes), activation.intercepts
            weight = np.ascontiguousarray(step.weight)
            breakpoints, absolute = np.array(activation.breakpoints), np.abs(step.weight)
            squares, inverse_input = np.square(step.weight * scale).sum(axis=1), _inverse(scale)
            size = np.sqrt(squares + np.square(step.bias))
            bound = size + offset * absolute.sum(axis=1) + np.abs(breakpoints).max(initial=0.0)
            scale = np.abs(slopes).max() * size + abs(float(activation(0.0)))
            layers.append(
                Layer(
                    bias=step.bias.copy(),
                    weight=weight,
                    transposed=np.ascontiguousarray(weight.T) if k else np.zeros((0, 0)),
                    offset=offset,
                    inverse=_inverse(bound),
                    breakpoints=breakpoints,
                    slopes=slopes,
                    intercepts=intercepts,
                    rectify=activation == RELU,
                    inverse_scale=_inverse(scale),
                    first_neuron=net.neuron_offsets[k],
                    inverse_input=inverse_input if k else np.zeros(0),
                    size=np.sqrt(squares),
                    spacing=0 if last else sharing(net.widths[k + 1])[0],
                    most_kinks=sharing(net.widths[k])[1],
                    losses=np.array(LOSSES),
                )
            )
            largest.append(float(bound.max()))
            # Terms of the activation itself that may cancel; a flat piece is exact.
            offset = float(np.abs(intercepts[slopes != 0]).max(initial=0.0))
        return cls(
            net=net,
            layers=tuple(layers),
            largest=tuple(largest),
            paths=paths_of(net),
            relative=tolerances.relative,
            n_switches=sum(layer.bias.size * layer.breakpoints.size for layer in layers),
            width=max(net.widths[1:]),
            first=_first(net),
        )

    @property
    def n_bytes(self) -> int:
        """Bytes of what is held beside the network itself."""
        links = self.paths.links.nbytes
        return 2 * self.first[0].nbytes + links + sum(layer.transposed.nbytes for layer in self.layers)


def sharing(width: int) -> tuple[int, int]:
    """Return how far apart pivots may be where `width` inputs follow, 0 for all, and how many of these may bend.

    A product takes about half of the inputs, and a value between pivots a column for each point that is there.
    """
    return (0, 0) if width < FEWEST_INPUTS else (int(np.sqrt(width)), width // 4)


def _first(net: Network) -> tuple[FloatArray, FloatArray]:
    transposed = np.ascontiguousarray(net.layers[0].weight.T)
    return transposed, np.abs(transposed)


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _rows(domain: LineDomain) -> tuple[FloatArray | tuple[FloatArray, ...], tuple[npt.NDArray[Any], ...]]:
    """Return points (or directions) of the input space, and of each row its point, sign, place and weight."""
    if isinstance(domain, Ray):
        return (domain.origin, domain.direction), _LINE if isinstance(domain, Line) else _RAY
    if isinstance(domain, Path):
        m = domain.points.shape[0]
        return domain.points, (np.arange(m), np.ones(m), np.arange(m, dtype=np.float64), np.ones(m))
    return (domain.a, domain.b), _SEGMENT


class Source:
    """The rows that a batch of lines starts from: corners of paths, ends, and directions of ends without bound."""

    def __init__(self, plan: Plan, domains: Sequence[LineDomain]) -> None:
        parts = [_rows(domain) for domain in domains]
        self._plan, self._points = plan, [points for points, _ in parts]
        sizes = np.array([len(points) for points, _ in parts])
        lengths = np.array([rows[0].size for _, rows in parts])
        source, self._sign, self.t, self.w = (np.concatenate([rows[i] for _, rows in parts]) for i in range(4))
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        self._source = source + np.repeat(self._first[:-1], lengths)
        self.line = np.repeat(np.arange(len(domains)), lengths)
        self.blur = RESOLUTION * np.abs(self.t)
        self.norm = np.empty(self.t.size)
        self._active = np.empty(plan.net.n_in + 4, dtype=np.int64)
        # Points of one block of rows: those of a straight domain stand next to each other.
        self.block = max(3, INPUT_NUMBERS // plan.net.n_in)
        squares = np.empty(int(self._first[-1]))
        for low in range(0, squares.size, self.block):
            high = min(low + self.block, squares.size)
            squares[low:high] = np.square(self._gather(low, high)).sum(axis=1)
        self.norm = norm = np.sqrt(squares[self._source] + np.square(self.w))
        # An end without bound holds the change itself. What stands from one line to the next is never looked at.
        ends = self.w == 0
        change = np.where(ends[1:], norm[1:], np.where(ends[:-1], norm[:-1], norm[1:] + norm[:-1]))
        change /= np.where(ends[1:] | ends[:-1] | (np.diff(self.line) > 0), 1.0, np.abs(np.diff(self.t)))
        self.steep = np.append(change, 0.0)

    def _gather(self, low: int, high: int) -> FloatArray:
        """Return points `low` to `high` - 1 of the input space."""
        out = np.empty((high - low, self._plan.net.n_in))
        k, filled = int(np.searchsorted(self._first, low, side="right")) - 1, 0
        while filled < high - low:
            start = low + filled - int(self._first[k])
            for x in self._points[k][start : start + high - low - filled]:
                out[filled] = x
                filled += 1
            k += 1
        return out

    def restrict(self, start: int, stop: int, z: FloatArray, magnitudes: FloatArray) -> None:
        """Set the linear parts and the magnitudes of the first layer's pre-activations in some rows, (R, n) each."""
        source = self._source[start:stop]
        low, high = int(source.min()), int(source.max()) + 1
        points = self._gather(low, high)
        made = np.empty((high - low, z.shape[1]))
        for weights, out in zip(self._plan.first, (z, magnitudes), strict=True):
            multiply_rows(points, 0, 0, high - low, weights, self._active, made, 0)
            out[:] = made[source - low]
            np.abs(points, out=points)
        z *= self._sign[start:stop, None]
