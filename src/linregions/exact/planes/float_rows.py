"""What every unit of a step computes on cells of a plane, in floats with a bound on what rounding did."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, TINY, U, cut, gamma, leading_digits, norms_above
from linregions.exact.forms import exact_intercepts
from linregions.exact.integers import quotient
from linregions.networks.activations import RELU
from linregions.networks.graph import INPUT, Graph, Step, Term, apply_terms, parts_of
from linregions.networks.numbering import LayerSwitches

#: No bound is below this where there is something to bound, so that none vanishes by underflow.
LEAST = 2.0**-1000
# Nor is a norm, whose squares may vanish, below this.
_LEAST_NORM = 2.0**-400


class Tensor(NamedTuple):
    """Rows of some cells: ``values[3 f + c]`` are the coefficients of column c, of 1, s and t."""

    values: FloatArray  # (3 F, units)
    error: FloatArray  # (F, 3) bound on the norm, over all units, of the error of a column
    norm: FloatArray  # (F, 3) bound on the norm of a column

    def of(self, cells: npt.NDArray[np.intp]) -> Tensor:
        """Return those of some cells, or of one that stands for many."""
        values = self.values.reshape(self.error.shape[0], 3, -1)[cells]
        return Tensor(values.reshape(-1, values.shape[2]), self.error[cells], self.norm[cells])


class Sums(NamedTuple):
    """The forms of a step on cells: unit j has ``values[f, :, j] . (1, s, t)``.

    A coefficient in column c is off by at most ``share[f, c] norms[j]``, that of 1 by 8 U times the unit's bias more;
    but for the bias, it is at most ``norm[f, c] norms[j]``.
    """

    values: FloatArray  # (F, 3, units)
    share: FloatArray  # (F, 3)
    norm: FloatArray  # (F, 3)
    norms: FloatArray  # (units,) of the weights
    bias: FloatArray  # (units,) absolute values


class Rows(NamedTuple):
    """The forms ``values[f, j] . (1, s, t)`` of cells, each coefficient off by at most `error`."""

    values: FloatArray  # (F, units, 3)
    error: FloatArray  # (F, units, 3)


class _Sizes(NamedTuple):
    """Of a step: norms of the weights of its units, how many products a sum has, and how often a term reads a site."""

    norms: FloatArray  # (units,)
    products: int
    repeats: tuple[int, ...]
    heights: FloatArray  # (pieces,)
    slope_is_exact: bool
    matrix: FloatArray | None  # of a dense layer alone
    is_relu: bool
    leading: FloatArray | None  # the leading digits of the matrix
    part_left: float  # by what part of its norm the weights of a unit are more


# Of steps of graphs, which never change; kept as long as these.
_known: WeakKeyDictionary[Graph, dict[int, _Sizes]] = WeakKeyDictionary()


class FloatRows:
    """A graph on a plane whose inputs are ``rows[0] + s rows[1] + t rows[2]``, each off by half a unit at most."""

    def __init__(self, graph: Graph, layout: tuple[LayerSwitches, ...], rows: FloatArray) -> None:
        self.graph, self.layout = graph, layout
        with np.errstate(all="ignore"):
            rows = rows[:, graph.input_layout.order]
            norm = _norms(rows[None])
            self.input = Tensor(rows, 2 * U * norm, norm)
        self._sizes = _known.setdefault(graph, {})
        self._needed: dict[int, list[int]] = {}

    def at(self, k: int, bits: npt.NDArray[np.uint8]) -> Rows:
        """Return the forms of step k on cells with the bits of all earlier switches given, (F, switches)."""
        with np.errstate(all="ignore"):
            found = self._at(k, bits)
            off = found.share[:, :, None] * found.norms
            off += np.where(off > 0, LEAST, 0.0)
            off[:, 0] += 8 * U * found.bias + np.where(found.bias > 0, LEAST, 0.0)
            rows = found.values.transpose(0, 2, 1), off.transpose(0, 2, 1) * SLACK
            if found.values.shape[0] == bits.shape[0]:
                return Rows(*rows)
            return Rows(*(np.broadcast_to(array, (bits.shape[0], *array.shape[1:])) for array in rows))

    def _at(self, k: int, bits: npt.NDArray[np.uint8]) -> Sums:
        tensors = {INPUT: self.input}
        needed = self._ancestors(k)
        for number in needed[:-1]:
            found = self.sums(number, tensors)
            depends = self.layout[number].n_breakpoints or found.values.shape[0] > 1
            tensors[number] = self.activated(number, found, bits if depends else bits[:1])
        return self.sums(k, tensors)

    def _ancestors(self, k: int) -> list[int]:
        """Return the steps that a step depends on, in order, and itself."""
        if k not in self._needed:
            found = {k}
            for number in range(k, -1, -1):
                if number in found:
                    found |= {term.source for term in self.graph.steps[number].terms if term.source != INPUT}
            self._needed[k] = sorted(found)
        return self._needed[k]

    def sums(self, k: int, tensors: dict[int, Tensor]) -> Sums:
        """Return the forms of a step from the tensors that it reads; one cell stands for all there."""
        step, sizes = self.graph.steps[k], self._sizes_of(k)
        n_cells = max([tensors[term.source].error.shape[0] for term in step.terms], default=1)
        read, error, square = {}, np.zeros((n_cells, 3)), np.zeros((n_cells, 3))
        for term, repeats in zip(step.terms, sizes.repeats, strict=True):
            tensor = tensors[term.source]
            values = tensor.values
            if values.shape[0] != 3 * n_cells:
                values = np.tile(values, (n_cells, 1))
            read[term.source] = values
            error = error + repeats * tensor.error**2
            square = square + repeats * tensor.norm**2
        lost = gamma(sizes.products + 4) * np.sqrt(square)
        # A layer may read one of several sites.
        is_matrix = sizes.matrix is not None and read[step.terms[0].source].shape[1] == sizes.matrix.shape[0]
        if is_matrix and sizes.leading is not None and step.terms[0].source == INPUT:
            values, lost = _product_of_inputs(self.input, sizes)
        elif sizes.matrix is None or not is_matrix:
            values = apply_terms(step, read, 3 * n_cells).reshape(n_cells, 3, -1)
        else:
            values = (read[step.terms[0].source] @ sizes.matrix).reshape(n_cells, 3, -1)
        values[:, 0] += step.bias
        # Cauchy-Schwarz: a sum of products is off by no more than this times the norm of the weights. The bias may add
        # 2 U times the sum, which is no more than what is bounded here and the bias.
        norm = np.sqrt(square) * SLACK
        share = (np.sqrt(error) + lost + 4 * U * norm) * SLACK
        share, norm = (np.where(array > 0, np.maximum(array, _LEAST_NORM), array) for array in (share, norm))
        return Sums(values, share, norm, sizes.norms, np.abs(step.bias))

    def activated(self, k: int, found: Sums, bits: npt.NDArray[np.uint8]) -> Tensor:
        """Return the tensor of a step on cells with the bits of switches given, whose forms are `found`."""
        sizes, own = self._sizes_of(k), self.layout[k]
        if own.n_breakpoints == 1:
            pieces = bits[:, own.own]
        elif own.n_breakpoints:
            pieces = bits[:, own.own].reshape(-1, own.n_units, own.n_breakpoints).sum(axis=2, dtype=np.uint8)
        else:
            pieces = np.zeros((bits.shape[0], own.n_units), dtype=np.uint8)
        slopes = self.graph.steps[k].activation.table.slopes
        slope = pieces.astype(np.float64) if sizes.is_relu else slopes[pieces]
        values = found.values * slope[:, None, :]
        weights = np.sqrt(np.square(slope) @ np.square(found.norms)) * (1 + gamma(own.n_units + 8)) + _LEAST_NORM
        weights = np.where((slope != 0).any(axis=1), weights, 0.0)
        error = found.share * weights[:, None] * SLACK
        steepest = 1.0 if sizes.is_relu else np.abs(slope).max(axis=1, initial=0.0)
        error[:, 0] += 8 * U * float(_norms(found.bias)) * steepest
        norm = _norms(values)
        if not sizes.slope_is_exact:
            error += 4 * U * norm
        if sizes.heights.any():
            heights = sizes.heights[pieces]
            values[:, 0] += heights
            norm = _norms(values)
            error[:, 0] += 4 * U * (norm[:, 0] + _norms(heights))
        # Squares of what is there must not vanish.
        error = np.where(error > 0, np.maximum(error, _LEAST_NORM), error)
        return Tensor(values.reshape(-1, values.shape[2]), error, norm)

    def matrix(self, k: int) -> FloatArray | None:
        """Return the weights of a step, (inputs, units), if it is one matrix."""
        return self._sizes_of(k).matrix

    def norms(self, k: int) -> FloatArray:
        """Return bounds on the norms of the weights of a step's units."""
        return self._sizes_of(k).norms

    def _sizes_of(self, k: int) -> _Sizes:
        if k not in self._sizes:
            self._sizes[k] = _sizes(self.graph.steps[k])
        return self._sizes[k]


def _product_of_inputs(inputs: Tensor, sizes: _Sizes) -> tuple[FloatArray, FloatArray]:
    """Return products of rows of inputs, many of them perhaps, with a matrix, to nearly all digits, and what is lost.

    Products of leading digits are whole numbers in some unit, and so are their sums, which no order of adding rounds;
    what is left is so small that its rounding hardly counts. Products that underflow are covered by `_LEAST_NORM`.
    """
    assert sizes.matrix is not None
    assert sizes.leading is not None
    rows, depth = inputs.values, sizes.matrix.shape[0]
    own = cut(rows, np.abs(rows).max(axis=1)[:, None], leading_digits(depth))
    small, rest = rows - own, sizes.matrix - sizes.leading
    values = own @ sizes.leading
    more = own @ rest + small @ sizes.matrix
    lost = gamma(2 * depth + 8) * (_norms(own) * sizes.part_left + _norms(small))
    # The last sum is rounded, and is no more than the norm and what is lost.
    lost = (lost + 2 * U * (_norms(rows) + lost)) * SLACK
    return (values + more).reshape(1, 3, -1), lost[None]


def not_vanishing(number: Fraction) -> float:
    """Return the nearest float, but none that is zero where the number is not."""
    found = quotient(number.numerator, number.denominator)
    return found if found or not number else (TINY if number > 0 else -TINY)


def _norms(columns: FloatArray) -> FloatArray:
    """Return bounds on norms along the last axis; zero where all is."""
    found = np.sqrt(np.einsum("...j,...j->...", columns, columns)) * (1.0 + gamma(columns.shape[-1] + 8))
    return np.where((found == 0) & ~columns.any(axis=-1), 0.0, found + _LEAST_NORM)


def _sizes(step: Step) -> _Sizes:
    sites, channels = step.layout.n_sites, step.layout.n_channels
    squares, products, nonzero = np.zeros((sites, channels)), np.zeros(sites), np.zeros((sites, channels), dtype=bool)
    for term, parts in zip(step.terms, parts_of(step), strict=True):
        for part in parts:
            weight = term.blocks[part.block].reshape(-1, channels)
            squares[part.out] += np.square(norms_above(weight, axis=0))
            products[part.out] += weight.shape[0] + 1
            nonzero[part.out] |= weight.any(axis=0)
    norms = np.where(nonzero, np.sqrt(squares) * (1.0 + gamma(len(step.terms) + 8)) + _LEAST_NORM, 0.0)
    heights = np.array([not_vanishing(height) for height in exact_intercepts(step.activation)])
    exact = set(step.activation.slopes) <= {0.0, 1.0, -1.0}
    repeats = tuple(_repeats(term) for term in step.terms)
    dense = sites == 1 and len(step.terms) == 1 and step.terms[0].site.size == 1
    matrix = np.ascontiguousarray(step.terms[0].blocks[step.terms[0].block[0]]) if dense else None
    if dense and (step.terms[0].site[0] != 0 or products[0] != step.terms[0].blocks.shape[1] + 1):
        matrix = None
    leading, part_left = None, 0.0
    if matrix is not None and matrix.size and np.isfinite(matrix).all():
        leading = cut(matrix, np.abs(matrix).max(axis=0), leading_digits(matrix.shape[0]))
        rest = norms_above(matrix - leading, axis=0)
        part_left = float((rest / np.where(norms.reshape(-1) > 0, norms.reshape(-1), 1.0)).max(initial=0.0)) * SLACK
    return _Sizes(
        norms.reshape(-1), int(products.max(initial=0)), repeats, heights, exact, matrix, step.activation == RELU,
        leading, part_left,
    )  # fmt: skip


def _repeats(term: Term) -> int:
    """Return how often one output site reads the same input site at most."""
    out = np.repeat(np.arange(term.offsets.size - 1), np.diff(term.offsets))
    if not out.size:
        return 1
    _, counts = np.unique(np.stack([out, term.site], axis=1), axis=0, return_counts=True)
    return int(counts.max())
