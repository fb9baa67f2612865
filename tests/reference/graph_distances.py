"""The slow, exact twin of distances of graphs: the gradient of every sum and every entry in fractions, at a point.

What an entry of a window is above another follows from what the comparisons of its tournament compare, as in
`exact_graphs`; nothing here follows a winner from comparison to comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from linregions.networks.graph import INPUT, Graph
from tests.reference.distance_exact import ExactDistance
from tests.reference.exact_graphs import ExactGraph


class Local(NamedTuple):
    """A function at a point: its value and its gradient."""

    value: Fraction
    gradient: tuple[Fraction, ...]

    def __add__(self, other: Local) -> Local:  # type: ignore[override]
        return Local(self.value + other.value, tuple(a + b for a, b in zip(self.gradient, other.gradient, strict=True)))

    def times(self, factor: Fraction | int, constant: Fraction | int = 0) -> Local:
        """Return a multiple plus a constant."""
        return Local(self.value * factor + constant, tuple(a * factor for a in self.gradient))


class ExactGraphDistances:
    """Distances of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.exact = ExactGraph(graph)
        self.graph = graph

    def squared(self, point: Sequence[float]) -> ExactDistance:
        """Return the exact squared distance of a point, and all neurons that attain it."""
        best: Fraction | None = None
        neurons: set[int] = set()
        for neuron, height in self._heights(point):
            norm = sum((g * g for g in height.gradient), Fraction(0))
            if not norm:
                continue
            squared = height.value * height.value / norm
            if best is None or squared < best:
                best, neurons = squared, set()
            if squared == best:
                neurons.add(neuron)
        return ExactDistance(best, tuple(sorted(neurons)))

    def _heights(self, point: Sequence[float]) -> Iterator[tuple[int, Local]]:
        """Yield the neurons and what is zero where they switch."""
        exact, n = self.exact, len(point)
        zero = Local(Fraction(0), (Fraction(0),) * n)
        axes = [Local(Fraction(x), tuple(Fraction(int(i == k)) for k in range(n))) for i, x in enumerate(point)]
        tensors = {INPUT: [axes[i] for i in self.graph.input_layout.order]}
        sums: dict[tuple[int, int], Local] = {}
        for k, rows in enumerate(exact.rows):
            phi = exact.activations[k]
            tensors[k] = []
            for u, row in enumerate(rows):
                z = zero
                for source, i, weight in row.weights:
                    z = z + tensors[source][i].times(weight)
                z = z.times(Fraction(1, 1 << row.exponent), Fraction(row.bias, 1 << row.exponent))
                piece = phi.piece(z.value)
                sums[k, u] = z
                tensors[k].append(z.times(phi.slopes[piece], phi.intercepts[piece]))
                if (k, u) in exact.numbers:
                    for level in phi.breakpoints:
                        yield exact.numbers[k, u], z.times(1, -level)
        for neuron, window in zip(exact.window_numbers, exact.windows, strict=True):
            entries = {}
            for e, entry in window.entries.items():
                height = zero
                for place in entry.sums:
                    height = height + sums[place]
                for sign, (k, u) in entry.relus:
                    height = height + tensors[k][u].times(sign)
                entries[e] = height
            if not entries:
                continue
            winner = max(entries, key=lambda e: entries[e].value)  # of equals the lowest
            for e, height in entries.items():
                if e != winner:
                    yield neuron, height + entries[winner].times(-1)
