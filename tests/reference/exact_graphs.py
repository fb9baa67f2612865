"""The slow, exact twin of networks of any connectivity: the records of a graph as they stand, in whole numbers.

A maximum is not followed through the tournament that it was lowered to. Its comparisons are unknowns until all of them
have been met; what they compare then tells the differences of its entries, the parts of a cell where each entry is the
largest are found one by one, and the unknowns follow from the winner. A graph whose comparisons do not add up to the
maximum that its record promises is an error here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from linregions.networks.graph import INPUT, Graph
from tests.reference.exact_cells import Cell, pieces_on, winners_on
from tests.reference.exact_forms import ONE, Column, Form, dyadic, form, substituted, total, unit
from tests.reference.lines_exact import ExactActivation

C = TypeVar("C", bound=Cell)
T = TypeVar("T")
# Bits that a sum of rounded products is right to.
_ROUNDING = 40
Place = tuple[int, int]  # a step and a unit of its layout; the column of a comparison that is not decided yet


class Row(NamedTuple):
    """What a unit sums: whole numbers over ``2**exponent``."""

    weights: tuple[tuple[int, int, int], ...]  # tensor, unit, weight
    bias: int
    exponent: int


class Comparison(NamedTuple):
    """A comparison of a window: an entry, or ``~k`` for the winner of the window's own comparison k."""

    place: Place
    left: int
    right: int


class Entry(NamedTuple):
    """An entry of a window less another: what the comparisons at some places compare, and signed ReLUs of others."""

    sums: tuple[Place, ...]
    relus: tuple[tuple[int, Place], ...]


@dataclass(frozen=True)
class Window:
    """A maximum of several entries, and the tree of its comparisons."""

    comparisons: tuple[Comparison, ...]

    @property
    def last_step(self) -> int:
        """The step that ends its tournament."""
        return max((c.place[0] for c in self.comparisons), default=-1)

    def chain(self, side: int) -> tuple[int, list[Place]]:
        """Return entry e and comparisons with ``side = e + sum of relu(comparison)``."""
        if side >= 0:
            return side, []
        entry, places = self.chain(self.comparisons[~side].left)
        return entry, [*places, self.comparisons[~side].place]

    @cached_property
    def root(self) -> list[Place]:
        """The comparisons whose ReLUs are what the maximum is above the first entry."""
        read = {side for c in self.comparisons for side in (c.left, c.right)}
        (root,) = {~k for k in range(len(self.comparisons))} - read
        return self.chain(root)[1]

    @cached_property
    def entries(self) -> dict[int, Entry]:
        """What each entry is above the first: a sum of what is compared, and of ReLUs of it."""
        known: dict[int, Entry] = {}
        for c in reversed(self.comparisons):  # those that read a comparison come after it
            (low, before), (high, beyond) = self.chain(c.left), self.chain(c.right)
            sums, relus = known.setdefault(low, Entry((), ()))
            known[high] = Entry((*sums, c.place), (*relus, *((1, p) for p in before), *((-1, p) for p in beyond)))
        return dict(sorted(known.items()))


class State(NamedTuple):
    """What is known on the way through the steps, on a cell or for a pattern."""

    tensors: dict[int, list[Form]]
    sums: dict[Column, Form]  # what the comparisons met so far compare
    solved: dict[Column, Form]  # comparisons that a winner has made known


@dataclass(frozen=True)
class Found(Generic[C]):
    """A cell on which every neuron stays on its piece, with the outputs there, in the user's order."""

    cell: C
    pattern: tuple[int, ...]
    outputs: tuple[Form, ...]


class ExactGraph:
    """A graph in exact arithmetic: evaluation, partition of cells, gradients and good neurons of a pattern."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rows = [list(_rows(graph, k)) for k in range(len(graph.steps))]
        self.activations = [ExactActivation(step.activation) for step in graph.steps]
        self.windows = _windows(graph)
        self.comparing = {c.place for window in self.windows for c in window.comparisons}
        self.comparing_steps = {k for k, _ in self.comparing}
        for k in self.comparing_steps:
            activation = graph.steps[k].activation
            assert activation.breakpoints == (0.0,), "comparisons are ReLUs"
            assert activation.slopes == (0.0, 1.0), "comparisons are ReLUs"
        self.numbers, self.window_numbers = self._numbered()

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.numbers) + len(self.windows)

    @cached_property
    def limits(self) -> list[int]:
        """How many pieces each neuron has."""
        found = [0] * self.n_neurons
        for (k, _), neuron in self.numbers.items():
            found[neuron] = len(self.activations[k].slopes)
        for w, neuron in enumerate(self.window_numbers):
            found[neuron] = int(self.graph.maxima.size[w])
        return found

    def _numbered(self) -> tuple[dict[Place, int], list[int]]:
        """Number units by step in the user's order, and windows after the step that they follow.

        Units of a comparing step that compare nothing fill its layout: they are constant and no neurons.
        """
        maxima = self.graph.maxima
        numbers: dict[Place, int] = {}
        windows = [-1] * len(self.windows)
        count = 0
        for k in range(-1, len(self.graph.steps)):
            if k >= 0:
                order = self.graph.steps[k].layout.order.tolist()
                units = sorted(range(len(order)), key=order.__getitem__)
                if self.activations[k].breakpoints and k not in self.comparing_steps:
                    numbers |= {(k, u): count + i for i, u in enumerate(units)}
                    count += len(units)
            for w in range(len(self.windows)):
                if maxima.after[w] == k:
                    windows[w] = count
                    count += 1
        return numbers, windows

    def evaluate(self, point: Sequence[Fraction]) -> tuple[list[int], list[Fraction]]:
        """Return the pattern and the outputs at a point, both in the user's order, by a plain forward pass."""
        tensors: dict[int, list[Fraction]] = {INPUT: [point[i] for i in self.graph.input_layout.order]}
        sums: dict[Place, Fraction] = {}
        pattern = [0] * self.n_neurons
        for k, rows in enumerate(self.rows):
            tensors[k] = []
            for u, row in enumerate(rows):
                z = sum((w * tensors[source][i] for source, i, w in row.weights), Fraction(row.bias))
                sums[k, u] = z = z / (1 << row.exponent)
                tensors[k].append(self.activations[k](z))
                if (k, u) in self.numbers:
                    pattern[self.numbers[k, u]] = self.activations[k].piece(z)
        for neuron, window in zip(self.window_numbers, self.windows, strict=True):
            values = {
                e: sum((sums[p] for p in entry.sums), Fraction(0))
                + sum((sign * tensors[p[0]][p[1]] for sign, p in entry.relus), Fraction(0))
                for e, entry in window.entries.items()
            }
            pattern[neuron] = max(values, key=values.__getitem__, default=0)  # of equals the first, which is the lowest
        return pattern, in_order(self.graph, tensors[len(self.rows) - 1])

    def partition(self, cell: C, inputs: Sequence[Form], columns: Sequence[Column]) -> list[Found[C]]:
        """Return the cells of a cell, with inputs (in the user's order) that are forms in its coordinates."""
        start = State({INPUT: [inputs[i] for i in self.graph.input_layout.order]}, {}, {})
        parts: list[tuple[C, State, dict[int, int]]] = [(cell, start, {})]
        for k in range(len(self.rows)):
            parts = [
                (inner, self._activated(k, zs, state, more), pieces | more)
                for whole, state, pieces in parts
                for zs in (self._sums(k, state),)
                for inner, more in self._cuts(k, zs, whole, state, columns)
            ]
        found = []
        for inner, state, pieces in parts:
            outputs = in_order(self.graph, state.tensors[len(self.rows) - 1])
            pattern = tuple(pieces.get(neuron, 0) for neuron in range(self.n_neurons))
            found.append(Found(inner, pattern, tuple(outputs)))
        return found

    def gradient(self, pattern: Sequence[int]) -> tuple[Fraction, ...]:
        """Return the gradient of every output in every input, one output after the other, where the pattern is this."""
        inputs = [unit(i) for i in range(self.graph.n_in)]
        state = State({INPUT: [inputs[i] for i in self.graph.input_layout.order]}, {}, {})
        pieces = dict(enumerate(pattern))
        for k in range(len(self.rows)):
            state = self._activated(k, self._sums(k, state), state, pieces)
        outputs = in_order(self.graph, state.tensors[len(self.rows) - 1])
        assert all(f.parts.keys() <= {ONE, *range(self.graph.n_in)} for f in outputs)
        return tuple(f[i] for f in outputs for i in range(self.graph.n_in))

    def good(self, pattern: Sequence[int]) -> list[bool]:
        """Tell of each neuron whether an open path leads from it to an output, where the pattern is this.

        A path passes a unit whose piece has a slope, and a maximum by its winner alone; the maximum itself is open.
        Losers that only the rounding of composed weights keeps from cancelling are no paths.
        """
        state, pieces = State({INPUT: [Form({})] * self.graph.n_in}, {}, {}), dict(enumerate(pattern))
        reads: dict[Column, set[Column]] = {}
        for k, activation in enumerate(self.activations):
            zs = self._sums(k, state, _ROUNDING)
            state = self._activated(k, zs, state, pieces, _ROUNDING, marked=True)
            for u, z in enumerate(zs):
                if z.parts.keys() & self.comparing or (k, u) in self.comparing:
                    continue  # a part of a maximum
                number = self.numbers.get((k, u))
                is_open = activation.slopes[0 if number is None else pattern[number]] != 0
                reads["unit", k, u] = set(z.parts) - {ONE} if is_open else set()
                state.tensors[k][u] = unit(("unit", k, u))
        last = len(self.rows) - 1
        reached: set[Column] = set()
        waiting: list[Column] = [("unit", last, u) for u in range(self.graph.n_out)]
        while waiting:
            column = waiting.pop()
            if column not in reached:
                reached.add(column)
                waiting += reads.get(column, set())
        good = [False] * self.n_neurons
        for (k, u), neuron in self.numbers.items():
            piece = pattern[neuron]
            good[neuron] = ("unit", k, u) in reached and self.activations[k].slopes[piece] != 0
        for w, neuron in enumerate(self.window_numbers):
            good[neuron] = ("window", w) in reached
        return good

    def _sums(self, k: int, state: State, rounding: int = 0) -> list[Form]:
        """Return what the units of a step sum."""
        forms = []
        for row in self.rows[k]:
            terms = [(w, state.tensors[source][i]) for source, i, w in row.weights]
            forms.append(substituted(total(terms, row.bias, row.exponent, rounding), state.solved, rounding))
        return forms

    def _above_first(
        self, window: Window, state: State, sums: dict[Column, Form], rounding: int = 0
    ) -> dict[int, Form]:
        """Return what each entry of a window is above the first."""
        known = state.sums | sums
        forms = {}
        for e, entry in window.entries.items():
            terms = [(1, known[p]) for p in entry.sums] + [(sign, unit(p)) for sign, p in entry.relus]
            forms[e] = substituted(total(terms, 0, 0, rounding), state.solved, rounding)
        return forms

    def _comparing_sums(self, k: int, zs: Sequence[Form]) -> dict[Column, Form]:
        return {(k, u): z for u, z in enumerate(zs) if (k, u) in self.comparing}

    def _cuts(
        self, k: int, zs: Sequence[Form], cell: C, state: State, columns: Sequence[Column]
    ) -> Iterator[tuple[C, dict[int, int]]]:
        """Cut a cell by all that switches in a step; yield the parts with the pieces there."""
        parts: list[tuple[C, dict[int, int]]] = [(cell, {})]
        levels = self.activations[k].breakpoints
        for u, z in enumerate(zs):
            if (k, u) not in self.numbers:
                continue
            above = {level: (z - form({ONE: level})).whole(columns) for level in levels}
            number = self.numbers[k, u]
            parts = [
                (inner, pieces | {number: piece})
                for whole, pieces in parts
                for inner, piece in pieces_on(whole, above.__getitem__, levels)
            ]
        for number, window in zip(self.window_numbers, self.windows, strict=True):
            if window.last_step != k:
                continue
            entries = self._above_first(window, state, self._comparing_sums(k, zs))
            parts = [
                (inner, pieces | {number: winner})
                for whole, pieces in parts
                for inner, winner in winners_on(whole, entries, lambda a, b: (a - b).whole(columns))
            ]
        yield from parts

    def _activated(
        self,
        k: int,
        zs: Sequence[Form],
        state: State,
        pieces: Mapping[int, int],
        rounding: int = 0,
        *,
        marked: bool = False,
    ) -> State:
        """Return what is known after a step, given the pieces of all that switches in it."""
        phi, values = self.activations[k], []
        sums = self._comparing_sums(k, zs)
        for u, z in enumerate(zs):
            if (k, u) in sums:
                values.append(unit((k, u)))
            else:
                piece = pieces[self.numbers[k, u]] if (k, u) in self.numbers else 0
                if k in self.comparing_steps:  # it fills the layout
                    (constant,) = z.whole(())
                    piece = int(constant > 0)
                values.append(_on_piece(z, phi.slopes[piece], phi.intercepts[piece]))
        solved = dict(state.solved)
        for w, (number, window) in enumerate(zip(self.window_numbers, self.windows, strict=True)):
            if window.last_step == k:
                *others, last = window.root
                winner = self._above_first(window, state, sums, rounding)[pieces[number]]
                mark = [(1, unit(("window", w)))] if marked else []
                solved[last] = total([(1, winner), *mark, *((-1, unit(p)) for p in others)])
        return State(state.tensors | {k: values}, state.sums | sums, solved)


def _rows(graph: Graph, k: int) -> Iterator[Row]:
    """Yield what each unit of a step sums: the taps of its site, times the columns of their blocks."""
    step = graph.steps[k]
    n_channels = step.layout.n_channels
    for u in range(step.layout.n_units):
        site, channel = divmod(u, n_channels)
        weights: dict[Place, Fraction] = {}
        for term in step.terms:
            for tap in range(int(term.offsets[site]), int(term.offsets[site + 1])):
                column = term.blocks[int(term.block[tap])][:, channel].tolist()
                first = int(term.site[tap]) * len(column)
                for i, weight in enumerate(column, first):
                    place = (int(term.source), i)
                    weights[place] = weights.get(place, Fraction(0)) + Fraction(weight)
        (*numbers, bias), exponent = dyadic([*weights.values(), float(step.bias[u])])
        yield Row(tuple((*p, n) for p, n in zip(weights, numbers, strict=True) if n), bias, exponent)


def _windows(graph: Graph) -> list[Window]:
    m = graph.maxima
    comparisons: list[list[Comparison]] = [[] for _ in m.size]
    for window, step, number, left, right in zip(
        *(part.tolist() for part in (m.window, m.step, m.unit, m.left, m.right)), strict=True
    ):
        comparisons[window].append(Comparison((step, number), left, right))
    return [Window(tuple(found)) for found in comparisons]


def _on_piece(z: Form, slope: Fraction, intercept: Fraction) -> Form:
    (slope_whole, intercept_whole), exponent = dyadic([slope, intercept])
    return total([(slope_whole, z)], intercept_whole, exponent)


def in_order(graph: Graph, values: Sequence[T]) -> list[T]:
    """Return the values of the last step's units in the user's order."""
    order = graph.steps[-1].layout.order.tolist()
    return [value for _, value in sorted(zip(order, values, strict=True), key=lambda pair: pair[0])]
