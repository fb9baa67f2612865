"""Graphs written down by hand, for tests: matrices in the user's order, cut to taps; maxima as tournaments.

Nothing here knows the importers. A value is a dict from tensors to matrices (outputs x units, both in the user's
order), with a bias; layouts are drawn at will, so that nothing hangs on the one that an importer would choose.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from linregions.networks.activations import IDENTITY, RELU, PiecewiseLinear
from linregions.networks.graph import INPUT, Graph, Layout, Maxima, Step, Term

Matrix = npt.NDArray[np.float64]


@dataclass
class Value:
    """A sum of matrices times tensors, and a bias."""

    terms: dict[int, Matrix]
    bias: Matrix

    def __add__(self, other: Value) -> Value:
        terms = dict(self.terms)
        for tensor, matrix in other.terms.items():
            terms[tensor] = terms[tensor] + matrix if tensor in terms else matrix
        return Value(terms, self.bias + other.bias)

    def map(self, matrix: Matrix, bias: Matrix | float = 0.0) -> Value:
        """Return a matrix times this, and a bias; exact where the numbers are small whole numbers or the like."""
        return Value({tensor: matrix @ m for tensor, m in self.terms.items()}, matrix @ self.bias + bias)

    def take(self, units: Sequence[int]) -> Value:
        """Return some of the units."""
        rows = list(units)
        return Value({tensor: m[rows] for tensor, m in self.terms.items()}, self.bias[rows])


def stack(*values: Value) -> Value:
    """Return the units of several values one after the other."""
    sizes = [value.bias.size for value in values]
    starts = np.cumsum([0, *sizes])
    tensors = {tensor: m.shape[1] for value in values for tensor, m in value.terms.items()}
    terms = {tensor: np.zeros((starts[-1], width)) for tensor, width in tensors.items()}
    for start, end, value in zip(starts, starts[1:], values, strict=False):
        for tensor, m in value.terms.items():
            terms[tensor][start:end] = m
    return Value(terms, np.concatenate([value.bias for value in values]))


def one_site(n: int) -> Layout:
    """Return the layout of a vector."""
    return Layout(1, n, np.arange(n))


def pixels(channels: int, n_sites: int) -> Layout:
    """Return the layout of an image whose user's order is channel by channel."""
    return Layout(n_sites, channels, np.arange(channels * n_sites).reshape(channels, n_sites).T.ravel())


def shuffled(n: int, rng: np.random.Generator) -> Layout:
    """Return any layout of n units."""
    sites = int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))
    return Layout(sites, n // sites, rng.permutation(n))


@dataclass
class Hand:
    """Steps of a graph as they are written down."""

    input_layout: Layout
    steps: list[Step] = field(default_factory=list)
    comparisons: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)

    @property
    def input(self) -> Value:
        """The network's input."""
        return self._tensor(INPUT)

    def _layout(self, tensor: int) -> Layout:
        return self.input_layout if tensor == INPUT else self.steps[tensor].layout

    def _tensor(self, tensor: int) -> Value:
        n = self._layout(tensor).n_units
        return Value({tensor: np.eye(n)}, np.zeros(n))

    def step(self, value: Value, activation: PiecewiseLinear = IDENTITY, layout: Layout | None = None) -> Value:
        """Make a tensor of a value: one step more."""
        layout = one_site(value.bias.size) if layout is None else layout
        terms = tuple(term(source, m, layout, self._layout(source)) for source, m in value.terms.items())
        self.steps.append(Step(terms, value.bias[layout.order].copy(), layout, activation, f"step {len(self.steps)}"))
        return self._tensor(len(self.steps) - 1)

    def largest(
        self, entries: Value, windows: Sequence[Sequence[int]], rng: np.random.Generator | None = None
    ) -> Value:
        """Return the maximum of each window, by rounds of comparisons; every other time a round makes a tensor."""
        first_window, follows = len(self.sizes), len(self.steps) - 1
        self.sizes += [len(window) for window in windows]
        self.after += [follows] * len(windows)
        flat = [e for window in windows for e in window]
        value = entries.take(flat)
        starts = np.cumsum([0, *(len(window) for window in windows)])
        sides = [list(range(len(window))) for window in windows]  # entries, or ~comparison
        units = [list(range(start, end)) for start, end in itertools.pairwise(starts)]
        done = [0] * len(windows)
        while any(len(side) > 1 for side in sides):
            pairs = [(w, i) for w, side in enumerate(sides) for i in range(0, len(side) - 1, 2)]
            low = value.take([units[w][i] for w, i in pairs])
            high = value.take([units[w][i + 1] for w, i in pairs])
            layout = one_site(len(pairs)) if rng is None else shuffled(len(pairs), rng)
            above = self.step(high + low.map(-np.eye(len(pairs))), RELU, layout)
            place = np.argsort(layout.order)
            step = len(self.steps) - 1
            for number, (w, i) in enumerate(pairs):
                row = (first_window + w, step, int(place[number]), sides[w][i], sides[w][i + 1])
                self.comparisons.append(row)
            rest = [(w, len(side) - 1) for w, side in enumerate(sides) if len(side) % 2]
            won = low + above
            value = stack(won, value.take([units[w][i] for w, i in rest]))
            if rng is not None and rng.integers(2):
                value = self.step(value, layout=shuffled(value.bias.size, rng))
            where = {pair: number for number, pair in enumerate([*pairs, *rest])}
            for w, side in enumerate(sides):
                units[w] = [where[w, i] for i in range(0, len(side), 2)]
                new = [~(done[w] + j) for j in range(len(side) // 2)]
                done[w] += len(new)
                sides[w] = new + ([side[-1]] if len(side) % 2 else [])
        return value.take([unit[0] for unit in units])

    def finish(self, output: Value, input_shape: tuple[int, ...], layout: Layout | None = None) -> Graph:
        """Return the graph with this output."""
        self.step(output, layout=layout)
        rows = np.array(self.comparisons, dtype=np.int64).reshape(-1, 5).T
        maxima = Maxima(*(np.ascontiguousarray(row) for row in rows), np.array(self.sizes), np.array(self.after))
        return Graph(self.input_layout, tuple(self.steps), input_shape, (output.bias.size,), maxima)


def term(source: int, matrix: Matrix, layout: Layout, input_layout: Layout) -> Term:
    """Return a matrix in the user's order as taps, equal blocks shared."""
    m = matrix[layout.order][:, input_layout.order]
    cut = m.reshape(layout.n_sites, layout.n_channels, input_layout.n_sites, input_layout.n_channels)
    offsets, sites, numbers = [0], [], []
    blocks: dict[bytes, tuple[int, Matrix]] = {}
    for s in range(layout.n_sites):
        for t in range(input_layout.n_sites):
            block = np.ascontiguousarray(cut[s, :, t, :].T)
            if block.any():
                number, _ = blocks.setdefault(block.tobytes(), (len(blocks), block))
                sites.append(t)
                numbers.append(number)
        offsets.append(len(sites))
    kept = np.array([block for _, block in blocks.values()], dtype=np.float64)
    shape = (len(blocks), input_layout.n_channels, layout.n_channels)
    whole = [np.array(numbers_, dtype=np.int64) for numbers_ in (offsets, sites, numbers)]
    return Term(source, *whole, kept.reshape(shape))
