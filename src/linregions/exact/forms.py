"""What every unit of a network computes on a line or plane, in integers: one affine form on each cell.

A cell is where all units of the steps before one stay on given pieces. Cells are kept by the path of these pieces, so
that what neighbours share is computed once. Nothing is rounded: weights, biases, breakpoints, points and directions are
the floats given.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.integers import Integers, Matrix, Whole, aligned, whole, whole_of_fractions
from linregions.exact.signs import Form
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.graph import INPUT, Graph, IndexArray, Step, Term, parts_of
from linregions.networks.network import Network

Pieces = npt.NDArray[np.uint8]
# Whole numbers that the cells of one domain may hold before they are forgotten.
_MOST_KEPT = 1 << 22


def exact_intercepts(activation: PiecewiseLinear) -> list[Fraction]:
    """Return the intercepts of all pieces, which follow from the anchor without rounding."""
    points, slopes = [Fraction(t) for t in activation.breakpoints], [Fraction(q) for q in activation.slopes]
    intercepts = [Fraction(0)]
    for j, t in enumerate(points):
        intercepts.append(intercepts[-1] - (slopes[j + 1] - slopes[j]) * t)
    t, value = Fraction(activation.anchor[0]), Fraction(activation.anchor[1])
    piece = sum(other < t for other in points)
    shift = value - (slopes[piece] * t + intercepts[piece])
    return [intercept + shift for intercept in intercepts]


class _Part(NamedTuple):
    """Output sites of a term with the same blocks."""

    out: IndexArray
    site: IndexArray
    matrix: Matrix


class ExactStep:
    """A step in whole numbers; unit j is measured in units of ``2**scale[j]``, as are those that it reads."""

    def __init__(self, step: Step, scales: dict[int, IndexArray], scale: IndexArray) -> None:
        self.step, self.scale, self._scales = step, scale, scales
        self.bias = whole(step.bias, -scale)
        self.slopes = whole(step.activation.slopes)
        self._heights = whole_of_fractions(exact_intercepts(step.activation))
        self._units: dict[int, list[tuple[int, IndexArray, Integers, int]]] = {}

    @cached_property
    def _parts(self) -> list[tuple[list[_Part], int]]:
        """For each term its parts and their exponent."""
        found = []
        for term, parts in zip(self.step.terms, parts_of(self.step), strict=True):
            shift = self._shift(term)
            blocks = whole(term.blocks, shift)
            channels = term.blocks.shape[2]
            own = [
                _Part(part.out, part.site, Matrix(blocks.numbers[part.block].reshape(-1, channels))) for part in parts
            ]
            found.append((own, blocks.exponent))
        return found

    def _shift(self, term: Term) -> IndexArray | int:
        """Return by what power of two each weight grows, (inputs, outputs); only tensors of one site have scales."""
        before, (_, depth, channels) = self._scales[term.source], term.blocks.shape
        if not before.any() and not self.scale.any():
            return 0
        shift = np.zeros((depth, channels), dtype=np.int64)
        if before.any():
            shift += before[:, None]
        return shift - self.scale if self.scale.any() else shift

    def sums(self, tensors: dict[int, Whole], n_rows: int) -> Whole:
        """Return the sums of all units, shape (rows, units), from the tensors that are read; the bias is in row 0."""
        sites, channels = self.step.layout.n_sites, self.step.layout.n_channels
        total = Whole(np.full((n_rows, sites * channels), 0, dtype=object), 0)
        for term, (parts, exponent) in zip(self.step.terms, self._parts, strict=True):
            read = tensors[term.source]
            source = read.numbers.reshape(n_rows, -1, term.blocks.shape[1])
            own = np.full((n_rows, sites, channels), 0, dtype=object)
            for part in parts:
                depth = part.matrix.numbers.shape[0]
                rows = source[:, part.site].reshape(-1, depth)
                own[:, part.out] += part.matrix.after(rows).reshape(n_rows, -1, channels)
            total = _sum(total, Whole(own.reshape(n_rows, -1), read.exponent + exponent))
        return _with_bias(total, self.bias)

    def sum_of(self, unit: int, tensors: dict[int, Whole], n_rows: int) -> Whole:
        """Return the sum of one unit, shape (rows,)."""
        total = Whole(np.full((n_rows, 1), 0, dtype=object), 0)
        for source, inputs, weights, exponent in self._weights(unit):
            read = tensors[source]
            own = read.numbers[:, inputs] @ weights
            total = _sum(total, Whole(np.asarray(own, dtype=object).reshape(n_rows, 1), read.exponent + exponent))
        numbers, exponent = _with_bias(total, Whole(self.bias.numbers[unit : unit + 1], self.bias.exponent))
        return Whole(numbers[:, 0], exponent)

    def _weights(self, unit: int) -> list[tuple[int, IndexArray, Integers, int]]:
        """Return source, inputs, weights and exponent of each tap of a unit."""
        found = self._units.get(unit)
        if found is None:
            found = self._units[unit] = []
            site, channel = divmod(unit, self.step.layout.n_channels)
            for term in self.step.terms:
                depth, shift = term.blocks.shape[1], self._shift(term)
                own_shift = shift if isinstance(shift, int) else shift[:, channel]
                for tap in range(int(term.offsets[site]), int(term.offsets[site + 1])):
                    own = whole(term.blocks[term.block[tap], :, channel], own_shift)
                    (some,) = np.nonzero(own.numbers)
                    inputs = term.site[tap] * depth + some
                    found.append((term.source, inputs, own.numbers[some], own.exponent))
        return found

    def activated(self, sums: Whole, pieces: Pieces) -> Whole:
        """Return what comes out of the activation where its units are on these pieces."""
        activation = self.step.activation
        if not activation.n_breakpoints and activation.slopes == (1.0,) and not self._heights.numbers.any():
            return sums
        slopes = self.slopes.numbers[pieces]
        found = Whole(np.asarray(sums.numbers * slopes), sums.exponent + self.slopes.exponent)
        heights = self._heights.numbers[pieces]
        if not heights.any():
            return found
        some = heights != 0
        places = np.where(some, self._heights.exponent - self.scale, 0)
        least = int(places[some].min())
        heights = heights << np.where(some, places - least, 0).astype(object)
        return _with_bias(found, Whole(np.asarray(heights), least))


def _sum(one: Whole, other: Whole) -> Whole:
    a, b, exponent = aligned(one, other)
    return Whole(np.asarray(a + b), exponent)


def _with_bias(rows: Whole, bias: Whole) -> Whole:
    """Return rows with something added to the first of them, the constants."""
    numbers, constants, exponent = aligned(rows, bias)
    numbers = numbers.copy()
    numbers[0] += constants
    return Whole(numbers, exponent)


def scales_of(graph: Graph) -> dict[int, IndexArray]:
    """Return for each tensor the power of two that each unit is measured in, so that its weights are about 1.

    Only where there is one site: others share weights.
    """
    scales = {INPUT: np.zeros(graph.input_layout.n_units, dtype=np.int64)}
    for k, step in enumerate(graph.steps):
        n = step.layout.n_units
        scale = np.zeros(n, dtype=np.int64)
        if step.layout.n_sites == 1:
            none = np.int64(-(1 << 40))
            largest = np.full(n, none)
            for term in step.terms:
                for site, block in zip(term.site.tolist(), term.block.tolist(), strict=True):
                    weight = term.blocks[block]
                    depth = weight.shape[0]
                    own = np.where(weight != 0, np.frexp(weight)[1], none)
                    own = own + scales[term.source][site * depth : (site + 1) * depth, None]
                    largest = np.maximum(largest, own.max(axis=0))
            constants = np.where(step.bias != 0, np.frexp(step.bias)[1], 0)
            scale = np.where(largest > none // 2, largest, constants).astype(np.int64)
        scales[k] = scale
    return scales


class ExactNetwork:
    """A network in whole numbers, converted as it is needed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.scales = scales_of(graph)
        self._steps: dict[int, ExactStep] = {}

    @classmethod
    def of(cls, network: Network) -> ExactNetwork:
        """Return the network, which never changes; it is kept as long as that."""
        graph = network.graph
        found = _known.get(graph)
        if found is None:
            found = _known[graph] = cls(graph)
        return found

    def step(self, k: int) -> ExactStep:
        """Return a step."""
        found = self._steps.get(k)
        if found is None:
            found = self._steps[k] = ExactStep(self.graph.steps[k], self.scales, self.scales[k])
        return found

    def level(self, k: int, breakpoint: int) -> Fraction:
        """Return a breakpoint of a step's activation."""
        return Fraction(self.graph.steps[k].activation.breakpoints[breakpoint])


_known: WeakKeyDictionary[Graph, ExactNetwork] = WeakKeyDictionary()


class Cells:
    """The cells of a line or plane ``x = rows[0] + t_1 rows[1] + .. + t_d rows[d]``, rows being exact."""

    def __init__(self, network: ExactNetwork, rows: Whole) -> None:
        self.network, self.n_rows, self._kept = network, rows.numbers.shape[0], 0
        self.rows = Whole(np.asarray(rows.numbers[:, network.graph.input_layout.order]), rows.exponent)
        self.root = Cell(self, 0, {INPUT: self.rows})

    @classmethod
    def of(cls, network: Network, rows: FloatArray) -> Cells:
        """Return those of rows of floats, (d + 1, n_in): the origin and d directions."""
        return cls(ExactNetwork.of(network), whole(rows))

    def cell(self, path: Sequence[Pieces]) -> Cell:
        """Return the cell where the units of steps 0, 1, .. are on these pieces, (units,) each, by unit of the layout.

        What it gives are the forms of the step after them. A step without breakpoints has pieces, too: zeros.
        """
        if self._kept > _MOST_KEPT:
            self.root, self._kept = Cell(self, 0, {INPUT: self.rows}), 0
        found = self.root
        for pieces in path:
            found = found.after(pieces)
        return found

    def count(self, numbers: int) -> None:
        """Take note that so many numbers more are held."""
        self._kept += numbers


class Cell:
    """The forms of step `k` where all units of earlier steps stay on one piece."""

    def __init__(self, cells: Cells, k: int, tensors: dict[int, Whole]) -> None:
        self.k, self._cells, self._tensors = k, cells, tensors
        self._sums: Whole | None = None
        self._units: dict[int, Whole] = {}
        self._after: dict[bytes, Cell] = {}

    @property
    def sums(self) -> Whole:
        """All units' sums before the activation: (d + 1, units), each to be multiplied by two to its scale, too."""
        if self._sums is None:
            step = self._cells.network.step(self.k)
            self._sums = step.sums(self._tensors, self._cells.n_rows)
            self._cells.count(self._sums.numbers.size)
        return self._sums

    def form(self, unit: int, breakpoint: int) -> Form:
        """Return a unit's sum less a breakpoint of its activation, times a positive number: d + 1 integers."""
        return self.above(unit, self._cells.network.level(self.k, breakpoint))

    def above(self, unit: int, level: Fraction | int = 0) -> Form:
        """Return a unit's sum less a dyadic rational, times a positive number."""
        numbers, exponent = self._one(unit)
        form = numbers.tolist()
        if level:
            places = int(level.denominator).bit_length() - 1
            have = exponent + int(self._cells.network.scales[self.k][unit])
            lift = max(0, have + places)
            if lift:
                form = [number << lift for number in form]
            form[0] -= int(level.numerator) << (lift - have - places)
        return tuple(form)

    def _one(self, unit: int) -> Whole:
        if self._sums is not None:
            return Whole(self._sums.numbers[:, unit], self._sums.exponent)
        found = self._units.get(unit)
        if found is None:
            step = self._cells.network.step(self.k)
            found = self._units[unit] = step.sum_of(unit, self._tensors, self._cells.n_rows)
        return found

    def after(self, pieces: Pieces) -> Cell:
        """Return the cell, for the next step, where the units of this one are on these pieces."""
        key = np.ascontiguousarray(pieces, dtype=np.uint8).tobytes()
        found = self._after.get(key)
        if found is None:
            network = self._cells.network
            graph, tensors = network.graph, dict(self._tensors)
            if graph.last_use[self.k] > self.k:
                tensors[self.k] = network.step(self.k).activated(self.sums, pieces)
                self._cells.count(tensors[self.k].numbers.size)
            for term in graph.steps[self.k].terms:
                if graph.last_use[term.source] == self.k and term.source != INPUT:
                    tensors.pop(term.source, None)
            found = self._after[key] = Cell(self._cells, self.k + 1, tensors)
        return found


def rows_of(origin: npt.ArrayLike, *directions: npt.ArrayLike) -> Whole:
    """Return rows of floats as whole numbers."""
    return whole(np.stack([np.asarray(row, dtype=np.float64) for row in (origin, *directions)]))


def rows_between(a: FloatArray, b: FloatArray) -> Whole:
    """Return the rows ``a + t (b - a)``, the difference not rounded."""
    numbers, exponent = whole(np.stack([a, b]))
    return Whole(np.stack([numbers[0], numbers[1] - numbers[0]]), exponent)
