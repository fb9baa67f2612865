"""What importers compute with: values as sums of matrices of earlier tensors, and the builder that makes steps of them.

A rule of an importer says what an operator is: a matrix, a gather, a scaling, a sum, an activation, a maximum. Linear
operators are composed on the way as long as that costs no more than a step between them would.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError, MemoryLimitError
from linregions.networks.activations import IDENTITY, RELU, PiecewiseLinear
from linregions.networks.graph import INPUT, Graph
from linregions.networks.importers.assembly import Assembly
from linregions.networks.importers.layouts import Draft, Shape
from linregions.networks.importers.matrices import IndexArray, Matrices, Matrix, is_range, n_entries, n_products
from linregions.networks.importers.site_matrix import SiteMatrix
from linregions.networks.importers.slots import SiteSlots, UnitSlots
from linregions.networks.importers.tournaments import Windows

#: A value of more numbers is refused: 512 MiB for each point.
MOST_UNITS = 1 << 26
# Entries a unit up to which a value is made anew for each that reads it: sums of a few tensors.
_CHEAP = 3


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the user's network at one point: matrices of earlier tensors and a bias, in its own flat order.

    Parameters
    ----------
    shape : tuple of int
        With the batch axis where the builder has one, which is 1 then.
    terms : dict of int to matrix
        For each tensor that it reads (a step's number, or INPUT), a CSR matrix or dense array (units, its units).
    bias : ndarray of float64, shape (units,)
    earlier : tuple of tuple of int
        Shapes that these numbers had, in the same order.
    """

    shape: Shape
    terms: dict[int, Matrix]
    bias: FloatArray
    earlier: tuple[Shape, ...] = ()

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.bias.size)

    @property
    def n_entries(self) -> int:
        """Numbers in its matrices."""
        return sum(map(n_entries, self.terms.values()))


#: What operators take: a value, or a constant.
Operand = Value | FloatArray


class Builder:
    """Makes a Graph of operators, in any order in which each comes after what it reads.

    Parameters
    ----------
    input_shapes : sequence of tuple of int
        With the batch axis, of size 1, if `batch`. Several inputs are concatenated flat, in order.
    who : str
        The importer, for messages.
    extra : str
        The extra of linregions that brings scipy for it.
    batch : bool
        Whether the first axis of inputs, and of all values as long as it is 1, is a batch of one point.
    """

    def __init__(self, input_shapes: Sequence[Shape], who: str, extra: str = "torch", batch: bool = False) -> None:
        self.who = who
        self.matrices = Matrices(who, extra)
        self.input_shapes = [tuple(map(int, shape)) for shape in input_shapes]
        self.n_in = sum(self._size(shape) for shape in self.input_shapes)
        self._batch = batch
        self._assembly = Assembly([self._unbatched(each) for each in self.input_shapes], self.n_in)
        # By the biases of their values, as long as these live: numbers of steps, and tensors made of values.
        self._own: dict[int, tuple[weakref.ref[FloatArray], int]] = {}
        self._tensors: dict[int, tuple[weakref.ref[FloatArray], Value]] = {}

    # ------------------------------------------------------------------------------------------------ values

    def inputs(self) -> list[Value]:
        """Return the inputs as values, one for each shape."""
        values, first = [], 0
        for shape in self.input_shapes:
            size = self._size(shape)
            matrix = self.matrices.selection(np.arange(first, first + size), self.n_in)
            values.append(Value(shape, {INPUT: matrix}, np.zeros(size)))
            first += size
        return values

    def constant(self, array: npt.ArrayLike) -> Value:
        """Return a constant as a value."""
        numbers = np.asarray(array, dtype=np.float64)
        return Value(numbers.shape, {}, numbers.ravel())

    def linear(
        self, value: Value, matrix: Matrix, shape: Shape, bias: FloatArray | None = None, name: str = ""
    ) -> Value:
        """Return ``matrix @ value + bias`` in another shape.

        The matrix has a column for each unit of `value` and a row for each of the result, both in flat order.
        """
        self._size(shape)
        if not self._composes(matrix, value):
            value = self.tensor(value, name)
        terms = {
            source: matrix if self._is_identity(term) else self.matrices.product(matrix, term)
            for source, term in value.terms.items()
        }
        total = np.asarray(matrix @ value.bias).ravel() if value.bias.any() else np.zeros(matrix.shape[0])
        return Value(tuple(shape), terms, total if bias is None else total + np.ravel(bias))

    def gather(self, value: Value, index: IndexArray, name: str = "") -> Value:
        """Return the value whose entries are those of `value` with the flat numbers ``index``; 0 for negative ones.

        The index has the shape of the result: any view, transpose, slice, flip, expansion, padding with zeros.
        """
        flat = np.ravel(index)
        self._size(index.shape)
        if is_range(flat, value.n_units):
            return self.reshape(value, index.shape)
        matrix = self.matrices.selection(flat, value.n_units)
        return self.linear(value, matrix, index.shape, name=name)

    def reshape(self, value: Value, shape: Shape) -> Value:
        """Return the same numbers in another shape."""
        if tuple(shape) == value.shape:
            return value
        own = self._own.get(id(value.bias))
        if own is not None and own[0]() is value.bias:  # how it is read later is a hint, too
            draft = self._assembly.drafts[own[1]]
            draft.shapes = tuple(dict.fromkeys((*draft.shapes, self._unbatched(tuple(shape)))))
        return Value(tuple(shape), value.terms, value.bias, (value.shape, *value.earlier))

    def index(self, value: Value) -> IndexArray:
        """Return the flat numbers of a value's entries, in its shape, to be sliced, transposed and so on."""
        return np.arange(value.n_units).reshape(value.shape)

    def expand(self, value: Value, shape: Shape, name: str = "") -> Value:
        """Return a value broadcast to a shape."""
        if tuple(shape) == value.shape:
            return value
        self._size(shape)
        return self.gather(value, np.broadcast_to(self.index(value), shape), name)

    def scale(self, value: Value, factors: npt.ArrayLike, name: str = "") -> Value:
        """Return a value times constants, each broadcast to the other."""
        numbers = np.asarray(factors, dtype=np.float64)
        value = self.expand(value, np.broadcast_shapes(value.shape, numbers.shape), name)
        flat = np.broadcast_to(numbers, value.shape).ravel()
        if np.all(flat == 1.0):
            return value
        terms = {source: self.matrices.scaled(term, flat) for source, term in value.terms.items()}
        return Value(value.shape, terms, value.bias * flat, value.earlier)

    def add(self, first: Operand, second: Operand, name: str = "") -> Value:
        """Return a sum, each broadcast to the other; at most one of them a constant."""
        left, right = self._value(first), self._value(second)
        shape = np.broadcast_shapes(left.shape, right.shape)
        left, right = self.expand(left, shape, name), self.expand(right, shape, name)
        terms = dict(left.terms)
        for source, term in right.terms.items():
            terms[source] = self.matrices.total(terms[source], term) if source in terms else term
        return Value(shape, terms, left.bias + right.bias, left.earlier or right.earlier)

    def subtract(self, first: Operand, second: Operand, name: str = "") -> Value:
        """Return a difference, each broadcast to the other."""
        return self.add(first, self.scale(self._value(second), -1.0), name)

    def concat(self, operands: Sequence[Operand], axis: int) -> Value:
        """Return values and constants one after the other along an axis."""
        values = [self._value(operand) for operand in operands]
        starts = np.cumsum([0, *(value.n_units for value in values)])
        indices = [self.index(value) + start for value, start in zip(values, starts[:-1], strict=True)]
        joined = np.concatenate(indices, axis=axis)
        self._size(joined.shape)
        values = [self.tensor(value) if self._by_sites(value) else value for value in values]
        heights = [value.n_units for value in values]
        terms = {}
        for source in sorted({source for value in values for source in value.terms}):
            parts = [value.terms.get(source) for value in values]
            pile = self.matrices.stacked(parts, heights, self._assembly.width(source))
            terms[source] = self.matrices.rows(pile, joined.ravel())
        return Value(joined.shape, terms, np.concatenate([value.bias for value in values])[joined.ravel()])

    # ------------------------------------------------------------------------------------------------ steps

    def tensor(self, value: Value, name: str = "") -> Value:
        """Return the value as a tensor of its own: itself if it is one, or else a step with the identity."""
        if len(value.terms) == 1 and not value.bias.any():
            (term,) = value.terms.values()
            if self._is_identity(term):
                return value
        known = self._tensors.get(id(value.bias))
        if known is None or known[0]() is not value.bias:
            known = (weakref.ref(value.bias), self._step(value, IDENTITY, name))
            self._tensors[id(value.bias)] = known
        return Value(value.shape, known[1].terms, known[1].bias, value.earlier)

    def shared(self, value: Value, name: str = "") -> Value:
        """Return a value that several operators read: as a tensor, unless it is as cheap to make anew for each."""
        return value if value.n_entries <= _CHEAP * value.n_units else self.tensor(value, name)

    def activation(self, value: Value, activation: PiecewiseLinear, name: str = "") -> Value:
        """Return an activation of all entries: a step. Of a constant it is a constant."""
        if not value.terms:
            return Value(value.shape, {}, activation(value.bias), value.earlier)
        if activation == IDENTITY:
            return value
        if not activation.n_breakpoints:  # affine
            slope, offset = activation.slopes[0], float(activation(0.0))
            return self.add(self.scale(value, slope), np.full(value.shape, offset))
        return self._step(value, activation, name)

    def maximum(self, first: Operand, second: Operand, name: str = "") -> Value:
        """Return the larger of two, entry by entry: windows of two where both vary, else switches at the constant."""
        left, right = self._value(first), self._value(second)
        shape = np.broadcast_shapes(left.shape, right.shape)
        left, right = self.expand(left, shape, name), self.expand(right, shape, name)
        if not right.terms:
            return self._at_least(left, right.bias, name)
        if not left.terms:
            return self._at_least(right, left.bias, name)
        left = self.shared(left, name)
        above = self._step(self.subtract(right, left), RELU, name)
        n, step = left.n_units, self._last
        self._assembly.windows.append(Windows.of_pairs(n, step, name))
        return self.add(left, above)

    def minimum(self, first: Operand, second: Operand, name: str = "") -> Value:
        """Return the smaller of two, entry by entry."""
        left, right = (self.scale(self._value(operand), -1.0) for operand in (first, second))
        return self.scale(self.maximum(left, right, name), -1.0)

    def max_over(self, value: Value, windows: IndexArray, shape: Shape, name: str = "", channels: int = 0) -> Value:
        """Return the largest entry of each window, a tournament of comparisons.

        `windows` has shape (outputs, entries): flat numbers of `value`'s entries, negative where there is none. With
        `channels` it is about the sites of a value of shape (channels, sites), the same for all channels.
        """
        self._size(shape)
        counts = (windows >= 0).sum(axis=1)
        if counts.size and counts.min() == 0:
            raise InvalidValueError(
                f"`model` takes the maximum of nothing at {name or 'a pool'}, but {self.who} needs an entry in each "
                "window. Use less padding."
            )
        entries = np.take_along_axis(windows, np.argsort(windows < 0, axis=1, kind="stable"), axis=1)
        entries = entries[:, : int(counts.max(initial=1))]
        if channels and (not value.terms or entries.shape[1] == 1):
            n_sites = value.n_units // channels
            by_unit = entries + np.arange(channels)[:, None, None] * n_sites
            return self.max_over(value, np.where(entries >= 0, by_unit, -1).reshape(-1, entries.shape[1]), shape, name)
        if not value.terms:
            filled = np.where(entries >= 0, value.bias[entries], -np.inf)
            return Value(tuple(shape), {}, filled.max(axis=1))
        if entries.shape[1] == 1:
            return self.gather(value, entries.reshape(shape))
        if value.n_entries > value.n_units or value.bias.any():
            value = self.tensor(value, name)
        self._size((entries.size,))
        by: UnitSlots | SiteSlots = UnitSlots(self.matrices, entries)
        if channels:
            value = self.tensor(value, name)
            by = SiteSlots(self.matrices, entries, channels, value.n_units // channels)
        steps = []
        # Slot by slot: the winners so far, those of slot s for all windows in rows [s * n, (s + 1) * n).
        slots, alive = entries.shape[1], by.sizes
        best = by.first(value.terms)
        while slots > 1:
            pairs = slots // 2
            left, right = (Value((pairs * by.n,), *by.picked(best, np.arange(side, 2 * pairs, 2))) for side in (0, 1))
            real = (np.arange(1, 2 * pairs, 2)[:, None] < alive).ravel()
            above = self._compare(left, right, real, self._round_shapes(pairs, shape), name)
            steps.append(self._last)
            winners = self.add(left, above)
            last = by.picked(best, np.array([slots - 1])) if slots % 2 else None
            best = winners.terms, winners.bias
            best = best if last is None else by.piled(best, last)
            slots, alive = (slots + 1) // 2, (alive + 1) // 2
        self._assembly.windows.append(Windows(by.sizes, tuple(steps), name))
        return Value(tuple(shape), *best)

    def finish(self, outputs: Value | Sequence[Value], name: str = "output") -> Graph:
        """Return the graph of one output, or of several concatenated flat, without steps that it does not need."""
        values = [outputs] if isinstance(outputs, Value) else list(outputs)
        shape = self._unbatched(values[0].shape) if len(values) == 1 else (sum(value.n_units for value in values),)
        value = values[0]
        if len(values) > 1:
            value = self.concat([self.reshape(each, (each.n_units,)) for each in values], axis=0)
        self._step(value, IDENTITY, name)
        return self._assembly.graph(shape)

    # ------------------------------------------------------------------------------------------------ inside

    def _step(self, value: Value, activation: PiecewiseLinear, name: str, shapes: tuple[Shape, ...] = ()) -> Value:
        known = shapes or (value.shape, *value.earlier)
        kept = tuple(dict.fromkeys(self._unbatched(shape) for shape in known))
        number = self._assembly.add(Draft(value.terms, value.bias, kept, activation, name))
        own = Value(
            value.shape, {number: self.matrices.identity(value.n_units)}, np.zeros(value.n_units), value.earlier
        )
        self._own[id(own.bias)] = (weakref.ref(own.bias), number)
        return own

    def _compare(
        self, left: Value, right: Value, real: npt.NDArray[np.bool_], shapes: tuple[Shape, ...], name: str
    ) -> Value:
        """Return relu(right - left) where there is a right, and a unit that is always off elsewhere."""
        difference = self.subtract(right, left)
        if not real.all():
            difference = self.scale(difference, real.astype(np.float64))
            difference = self.add(difference, np.where(real, 0.0, -1.0))
        return self._step(difference, RELU, name, shapes)

    def _at_least(self, value: Value, levels: FloatArray, name: str) -> Value:
        level = float(levels[0]) if levels.size else 0.0
        if np.all(levels == level):
            return self.activation(value, at_least(level), name)
        shifted = self.activation(self.subtract(value, levels.reshape(value.shape)), RELU, name)
        return self.add(shifted, levels.reshape(value.shape))

    def _round_shapes(self, pairs: int, shape: Shape) -> tuple[Shape, ...]:
        """Return how the comparisons of a round may be seen: as more channels, or as a new axis of them."""
        inner = self._unbatched(tuple(shape)) or (1,)
        shapes: list[Shape] = [(pairs * inner[0], *inner[1:]), (pairs, *inner)]
        return tuple(shapes if len(inner) != 2 else shapes[::-1])

    def _composes(self, matrix: Matrix, value: Value) -> bool:
        """Tell whether applying a matrix costs no more in one than after the value has become a tensor."""
        terms = value.terms.values()
        if isinstance(matrix, SiteMatrix):
            moves = [self.matrices.by_sites(term, matrix.channels[1]) for term in terms]
            return all(move is not None and move.reads_once and move.n_out == matrix.n_in for move in moves)
        if any(isinstance(term, SiteMatrix) for term in terms):
            return False
        if all(n_entries(term) <= term.shape[0] for term in terms) and len(value.terms) <= 1:
            return True
        if isinstance(matrix, np.ndarray) and any(isinstance(term, np.ndarray) for term in terms):
            return False  # two layers stay two layers, with their own weights
        return sum(n_products(matrix, term) for term in terms) <= n_entries(matrix) + value.n_entries

    @staticmethod
    def _by_sites(value: Value) -> bool:
        return any(isinstance(term, SiteMatrix) for term in value.terms.values())

    def _is_identity(self, term: Matrix) -> bool:
        n = term.shape[0]
        if isinstance(term, SiteMatrix) or not self.matrices.is_sparse(term) or term.shape[1] != n or term.nnz != n:
            return False
        return is_range(term.indices, n) and is_range(term.indptr, n + 1) and bool(np.all(term.data == 1.0))

    @property
    def _last(self) -> int:
        """Number of the latest step."""
        return len(self._assembly.drafts) - 1

    def _value(self, operand: Operand) -> Value:
        return operand if isinstance(operand, Value) else self.constant(operand)

    def _unbatched(self, shape: Shape) -> Shape:
        return shape[1:] if self._batch and len(shape) > 1 and shape[0] == 1 else shape

    def _size(self, shape: Sequence[int]) -> int:
        size = 1
        for length in shape:
            size *= int(length)
        if size > MOST_UNITS:
            raise MemoryLimitError(
                f"`model` holds a tensor of shape {tuple(shape)}, but {self.who} takes at most {MOST_UNITS:,} numbers "
                "a point. Give a model for smaller inputs."
            )
        return size


def at_least(level: float) -> PiecewiseLinear:
    """Return the activation ``max(t, level)``."""
    if level == 0.0:
        return RELU
    return PiecewiseLinear((level,), (0.0, 1.0), (level, level), name=f"at_least({level:g})")
