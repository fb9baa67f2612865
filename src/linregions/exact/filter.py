"""A network in floats with rigorous bounds: what exact arithmetic need not be asked for.

Rows of tensors (values at points, slopes, coefficients of forms) go through the steps; with each row goes a bound of
the Euclidean norm of its error. By Cauchy and Schwarz a unit with weights W_j is then off by at most
``||W_j|| (error + gamma ||row||)``, so that one number a row bounds all its units. Units are measured in powers of two
in which their weights are about 1 (`forms.scales_of`), which changes no bit, so that a unit scaled by 2^300 does not
hide the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, TINY, U, cut, gamma, leading_digits, norms_above, operator_norm_above
from linregions.exact.forms import exact_intercepts, scales_of
from linregions.exact.integers import quotient
from linregions.networks.graph import INPUT, Graph, IndexArray, Step, Term, apply_terms
from linregions.networks.network import Network

# Values whose sums may overflow are not trusted at all.
_LARGEST = 2.0**1000
# Operators with more inputs and outputs than this are bounded by their sums of absolute values.
_MOST_SQUARED = 1024


class Rows(NamedTuple):
    """Rows of a tensor, in units of its scales."""

    values: FloatArray  # (R, units)
    error: FloatArray  # (R,) bound of the norm of the error of each row
    norm: FloatArray  # (R,) bound of the norm of the row itself


class Sums(NamedTuple):
    """Sums of a step before the activation."""

    rows: Rows
    radii: tuple[FloatArray, ...]  # for each term (R,): by how much each unit is off for each unit of its norm there
    weight: FloatArray  # (R,) by what the bias was multiplied: 1, or 0 for slopes
    of_bias: float  # by what part of its bias each unit is off beside that


class _Operator(NamedTuple):
    """Bounds of a term: of each unit's weights, of all, and of what it can make of a row."""

    norms: FloatArray  # (units,)
    frobenius: float
    norm: float


class FloatStep:
    """A step in floats, unit j measured in units of ``2**scale[j]``."""

    def __init__(self, step: Step, scales: Mapping[int, IndexArray], scale: IndexArray) -> None:
        self.layout, self.activation, self.scale = step.layout, step.activation, scale
        self.n_units, self.n_breakpoints = step.layout.n_units, step.activation.n_breakpoints
        self.bias, lost_bias = _scaled(step.bias, -scale)
        self.is_lossy = lost_bias
        terms = []
        for term in step.terms:
            shift = np.zeros(term.blocks.shape[1:], dtype=np.int64)
            if scales[term.source].any():
                shift += scales[term.source][:, None]
            if scale.any():
                shift -= scale
            blocks, lost = _scaled(term.blocks, shift) if shift.any() else (term.blocks, False)
            self.is_lossy |= lost
            terms.append(term._replace(blocks=blocks))
        self.step = Step(tuple(terms), self.bias, step.layout, step.activation, step.name)
        self.terms = self.step.terms
        self.sources = tuple(term.source for term in step.terms)
        self._n_read = scales[self.sources[0]].size if terms else 0
        # Products that a unit sums, and one for the bias.
        taps = [np.diff(term.offsets).max(initial=0) * term.blocks.shape[1] for term in terms]
        self.n_products = int(sum(taps)) + len(taps) + 1
        self.gamma = gamma(self.n_products + 2)
        self.bias_sizes, self.lost = np.abs(self.bias), TINY if self.is_lossy else 0.0
        self.bias_norm = float(norms_above(self.bias))
        self.levels = self._levels()
        self.slopes, self.heights = np.array(step.activation.slopes), self._heights()
        self.steepest = float(np.abs(self.slopes).max())
        self.height_norm = float(norms_above(np.abs(self.heights).max(axis=1)))
        self.is_rectifier = step.activation.slopes == (0.0, 1.0) and not self.levels.any() and not self.heights.any()

    def _levels(self) -> FloatArray:
        """Return the breakpoints of each unit, (units, T)."""
        points = np.array(self.activation.breakpoints, dtype=np.float64)
        levels, lost = _scaled(np.broadcast_to(points, (self.n_units, points.size)), -self.scale[:, None])
        self.level_error = np.where(np.isfinite(levels), TINY if lost else 0.0, np.inf)
        self.has_levels = bool(levels.any()) or lost or self.n_breakpoints > 1
        return levels

    def _heights(self) -> FloatArray:
        """Return the intercepts of each unit's pieces, (units, T + 1), rounded."""
        exact = np.array([quotient(p.numerator, p.denominator) for p in exact_intercepts(self.activation)])
        return _scaled(np.broadcast_to(exact, (self.n_units, exact.size)), -self.scale[:, None])[0]

    @cached_property
    def operators(self) -> tuple[_Operator, ...]:
        """Bounds of all terms."""
        return tuple(_operator(self.step, term) for term in self.terms)

    @cached_property
    def _matrix(self) -> FloatArray | None:
        """The weights, (inputs, units), where they are one matrix."""
        if len(self.terms) == 1 and self.layout.n_sites == 1 and self.terms[0].site.size == 1:
            (term,) = self.terms
            if term.blocks.shape[1] == self._n_read:
                return np.ascontiguousarray(term.blocks[term.block[0]])
        return None

    def sums(self, tensors: Mapping[int, Rows], weight: FloatArray) -> Sums:
        """Return the sums of all units for rows of the tensors that they read."""
        if self.reads_inputs:
            return self._sums_of_inputs(tensors[INPUT], weight)
        radii, error = self.radii(tensors, weight)
        values = self.products(tensors, weight.size)
        values += self.bias if (weight == 1.0).all() else weight[:, None] * self.bias
        return Sums(Rows(values, error, norms_of(values)), radii, weight, self.gamma)

    @property
    def reads_inputs(self) -> bool:
        """Whether it is one matrix that reads the inputs, which are exact."""
        return self._matrix is not None and self.sources[0] == INPUT and not self.is_lossy

    def products(self, tensors: Mapping[int, Rows], n_rows: int) -> FloatArray:
        """Return the sums without biases."""
        if self._matrix is not None:
            return np.asarray(tensors[self.sources[0]].values @ self._matrix)
        return apply_terms(self.step, {source: tensors[source].values for source in self.sources}, n_rows)

    def radii(self, tensors: Mapping[int, Rows], weight: FloatArray) -> tuple[tuple[FloatArray, ...], FloatArray]:
        """Return by how much units are off for each unit of their norms, for each term, and the norm of all errors."""
        radii, error = [], self.gamma * self.bias_norm * weight
        for source, bound in zip(self.sources, self.operators, strict=True):
            rows = tensors[source]
            rounded = rows.norm * self.gamma
            if self.is_lossy:
                rounded = rounded + (rows.norm + rows.error) * (TINY * self.n_products)
            # Products that underflow are off by less than TINY each.
            rounded = rounded + np.where(rows.norm > 0, TINY * self.n_products, 0.0)
            radius = (rows.error + rounded) * SLACK
            error = error + rows.error * bound.norm + rounded * max(bound.frobenius, np.sqrt(self.n_units))
            radii.append(np.where(rows.norm + rows.error < _LARGEST, radius, np.inf))
        # Where there are no numbers, they are no bounds either.
        error = np.where(np.isfinite(error), error * SLACK, np.inf)
        if self.is_lossy:
            error = error + TINY * np.sqrt(self.n_units)
        return tuple(radii), error

    @cached_property
    def _leading(self) -> tuple[FloatArray, FloatArray, FloatArray, float]:
        """Return the weights' leading digits and the rest, bounds of the norms of the rest, and of all of these."""
        assert self._matrix is not None
        digits = leading_digits(self._matrix.shape[0])
        leading = cut(self._matrix, np.abs(self._matrix).max(axis=0), digits)
        rest = self._matrix - leading
        norms = norms_above(rest, axis=0)
        return leading, rest, norms, float(norms_above(norms))

    def _sums_of_inputs(self, rows: Rows, weight: FloatArray) -> Sums:
        """Return the sums of units that read exact inputs, many of them perhaps, to nearly all digits.

        Products of leading digits are whole numbers in some unit, and so are their sums, which no order of adding
        rounds; what is left is so small that its rounding hardly counts.
        """
        assert self._matrix is not None
        leading, rest, rest_norms, rest_norm = self._leading
        (bound,) = self.operators
        own = cut(rows.values, np.abs(rows.values).max(axis=1)[:, None], leading_digits(rows.values.shape[1]))
        small = rows.values - own
        own_norm, small_norm = norms_of(own), norms_of(small)
        whole, bias = own @ leading, weight[:, None] * self.bias
        # Their sum and its error, both exact: far from the origin they cancel.
        values = whole + bias
        part = values - whole
        lost = (whole - (values - part)) + (bias - part)
        lost += own @ rest + small @ self._matrix
        values += lost
        size = np.abs(values) + 2 * np.abs(lost)
        norms = np.where(bound.norms > 0, bound.norms, np.inf)
        ratio = float((rest_norms / norms).max(initial=0.0))
        tiny = np.where(rows.norm > 0, TINY * 3 * self.n_products, 0.0)
        radius = (self.gamma * (own_norm * ratio + small_norm) + 2 * U * (size / norms).max(axis=1)) * SLACK + tiny
        radius = np.where(rows.norm > 0, np.where(rows.norm < _LARGEST, radius, np.inf), 0.0)
        error = self.gamma * (own_norm * rest_norm + small_norm * bound.frobenius) + 2 * U * norms_of(size)
        error = (error + tiny * max(bound.frobenius, np.sqrt(self.n_units))) * SLACK
        error = np.where(np.isfinite(error), error, np.inf)
        return Sums(Rows(values, error, norms_of(values)), (radius,), weight, 0.0)

    def row_bounds(self, radii: Sequence[FloatArray], weight: FloatArray, of_bias: float) -> FloatArray:
        """Return what no unit of a row is off by more than, (R,)."""
        total = weight * (of_bias * float(self.bias_sizes.max(initial=0.0)) + self.lost)
        for radius, bound in zip(radii, self.operators, strict=True):
            total = total + radius * float(bound.norms.max(initial=0.0))
        return total * SLACK

    def bounds(self, sums: Sums, rows: IndexArray, units: IndexArray) -> FloatArray:
        """Return what these units are off by at most in these rows, (N,); 0 where nothing was rounded."""
        total = np.zeros(rows.size)
        is_sum = np.zeros(rows.size, dtype=np.bool_)
        for radius, bound in zip(sums.radii, self.operators, strict=True):
            own, norms = radius[rows], bound.norms[units]
            some = (own > 0) & (norms > 0)
            is_sum |= some
            total += np.where(some, own * norms, 0.0)
        # A bias to which nothing is added is as it was given, and one at no point is not there.
        rest = sums.of_bias * self.bias_sizes[units] + self.lost
        return (total + np.where(is_sum | self.is_lossy, rest * sums.weight[rows], 0.0)) * SLACK

    def activated(self, rows: Rows, weight: FloatArray, pieces: npt.NDArray[np.uint8] | None = None) -> Rows:
        """Return what comes out of the activation: at points, or on given pieces, (R, units), of slopes or forms."""
        values = rows.values
        if self.is_rectifier and pieces is None:
            return Rows(np.maximum(values, 0.0), rows.error, rows.norm)
        if not self.n_breakpoints and self.activation.slopes == (1.0,) and not self.heights.any():
            return rows
        if pieces is None:
            pieces = np.zeros(values.shape, dtype=np.uint8)
            for b in range(self.n_breakpoints):
                pieces += values > self.levels[:, b]
        made = self.slopes[pieces] * values
        if self.heights.any():
            made += self.heights[np.arange(self.n_units), pieces] * weight[:, None]
        rounded = 4 * U * (self.steepest * rows.norm + self.height_norm * weight) + TINY * self.n_units
        error = (self.steepest * rows.error + rounded) * SLACK
        return Rows(made, error, norms_of(made))


def norms_of(values: FloatArray) -> FloatArray:
    """Return bounds of the norms of rows from above; those of rows whose squares leave the range are found again."""
    return norms_of_squares(np.einsum("ij,ij->i", values, values), values)


def norms_of_squares(squares: FloatArray, values: FloatArray) -> FloatArray:
    """Return the same from the sums of squares, in whatever order they were added."""
    found = np.sqrt(squares) * (1.0 + gamma(values.shape[1] + 4))
    rare = ~((squares > 2.0**-900) & (squares < 2.0**1000))
    if rare.any():
        found[rare] = norms_above(values[rare])
    return np.asarray(found)


def _scaled(values: FloatArray, shift: IndexArray) -> tuple[FloatArray, bool]:
    """Return values times powers of two, and whether some lost digits."""
    shift = np.clip(shift, -4000, 4000)
    with np.errstate(over="ignore", under="ignore"):
        found = np.ldexp(values, shift)
        return found, not np.array_equal(np.ldexp(found, -shift), values)


def _operator(step: Step, term: Term) -> _Operator:
    blocks, layout = term.blocks, step.layout
    if layout.n_sites == 1 and np.unique(term.site).size == term.site.size:
        matrix = blocks[term.block].reshape(-1, layout.n_channels)
        norms = norms_above(matrix, axis=0)
        if not matrix.size:
            return _Operator(np.zeros(layout.n_units), 0.0, 0.0)
        frobenius = float(norms_above(norms))
        if min(matrix.shape) <= _MOST_SQUARED:
            return _Operator(norms, frobenius, operator_norm_above(matrix))
    # Sums over taps of one input site may cancel, and those of absolute values do not.
    largest = float(np.abs(blocks).max(initial=0.0))
    if not largest or not np.isfinite(largest):
        size = np.inf if largest else 0.0
        return _Operator(np.full(layout.n_units, size), size, size)
    unit = float(np.ldexp(1.0, np.clip(int(np.frexp(largest)[1]), -1000, 1000)))
    sizes = np.abs(blocks / unit)
    n_inputs = int(term.site.max(initial=0)) + 1
    ones = {term.source: np.ones((1, n_inputs * blocks.shape[1]))}
    sums = apply_terms(Step((term._replace(blocks=sizes),), step.bias, layout), ones, 1)[0]
    columns = np.zeros((n_inputs, blocks.shape[1]))
    np.add.at(columns, term.site, sizes.sum(axis=2)[term.block])
    slack = 1.0 + gamma(sizes[0].size * max(1, term.site.size) + 8)
    # A row's norm is at most its sum; where sites are met once a tap it is that of its squares.
    squares = apply_terms(Step((term._replace(blocks=np.square(sizes)),), step.bias, layout), ones, 1)[0]
    once = all(
        np.unique(sites).size == sites.size for sites in np.split(term.site, term.offsets[1:-1]) if sites.size > 1
    )
    norms = np.sqrt(squares) + 2.0**-530 if once else sums
    frobenius = float(norms_above(norms)) * unit * slack
    operator = float(np.sqrt(sums.max() * columns.max())) * unit * slack
    return _Operator(np.where(sums > 0, norms, 0.0) * unit * slack, frobenius, min(operator, frobenius))


class FloatNetwork:
    """All steps of a network in floats."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.scales = graph, scales_of(graph)
        self._steps: dict[int, FloatStep] = {}

    @classmethod
    def of(cls, network: Network) -> FloatNetwork:
        """Return the network, which never changes; it is kept as long as that."""
        graph = network.graph
        found = _known.get(graph)
        if found is None:
            found = _known[graph] = cls(graph)
        return found

    def step(self, k: int) -> FloatStep:
        """Return a step."""
        found = self._steps.get(k)
        if found is None:
            found = self._steps[k] = FloatStep(self.graph.steps[k], self.scales, self.scales[k])
        return found

    def inputs(self, points: FloatArray) -> Rows:
        """Return rows of inputs, (R, n_in) in the user's order, which are exact."""
        values = points if _is_range(self.graph.input_layout.order) else points[:, self.graph.input_layout.order]
        return Rows(values, np.zeros(len(points)), norms_of(values))


_known: WeakKeyDictionary[Graph, FloatNetwork] = WeakKeyDictionary()


def _is_range(order: Sequence[int] | IndexArray) -> bool:
    return bool(np.array_equal(order, np.arange(len(order))))
