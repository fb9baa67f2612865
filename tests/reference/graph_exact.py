"""Graphs evaluated exactly, slowly: dense matrices made from the taps, in rational numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from linregions.networks.graph import INPUT, Graph, Term

Row = list[Fraction]


def dense_of(term: Term, n_in: int, n_out: int) -> list[Row]:
    """Return the matrix of a term, outputs x inputs by unit."""
    matrix = [[Fraction(0)] * n_in for _ in range(n_out)]
    _, n_channels, n_own = term.blocks.shape
    for out in range(len(term.offsets) - 1):
        for tap in range(int(term.offsets[out]), int(term.offsets[out + 1])):
            block, site = term.blocks[term.block[tap]], int(term.site[tap])
            for i in range(n_channels):
                for j in range(n_own):
                    matrix[out * n_own + j][site * n_channels + i] += Fraction(float(block[i, j]))
    return matrix


def apply_exactly(activation: Any, t: Fraction) -> Fraction:
    """Return the activation at a number, from its breakpoints, slopes and anchor."""
    points = [Fraction(p) for p in activation.breakpoints]
    slopes = [Fraction(s) for s in activation.slopes]

    def integral(x: Fraction) -> Fraction:
        """Return the rise from the first breakpoint, or from 0."""
        if not points:
            return slopes[0] * x
        if x <= points[0]:
            return slopes[0] * (x - points[0])
        total = Fraction(0)
        for j, left in enumerate(points):
            right = points[j + 1] if j + 1 < len(points) else x
            total += slopes[j + 1] * (min(x, right) - left)
            if x <= right:
                break
        return total

    anchor, height = (Fraction(number) for number in activation.anchor)
    return height + integral(t) - integral(anchor)


class ExactGraph:
    """A graph with dense matrices of rational numbers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        sizes = {INPUT: graph.n_in} | {k: step.layout.n_units for k, step in enumerate(graph.steps)}
        self.matrices = [
            [(term.source, dense_of(term, sizes[term.source], step.layout.n_units)) for term in step.terms]
            for step in graph.steps
        ]

    def sums(self, point: Sequence[Any]) -> list[Row]:
        """Return the sums of all steps by unit, at a point in the user's order."""
        numbers = [Fraction(x) for x in point]
        tensors = {INPUT: [numbers[i] for i in self.graph.input_layout.order]}
        result = []
        for k, step in enumerate(self.graph.steps):
            z = [Fraction(float(b)) for b in step.bias]
            for source, matrix in self.matrices[k]:
                for j, row in enumerate(matrix):
                    z[j] += sum((w * v for w, v in zip(row, tensors[source], strict=True) if w), Fraction(0))
            result.append(z)
            tensors[k] = [apply_exactly(step.activation, value) for value in z]
        return result

    def output(self, point: Sequence[Any]) -> Row:
        """Return the output in the user's order."""
        last = self.sums(point)[-1]
        result = [Fraction(0)] * len(last)
        for unit, number in enumerate(self.graph.steps[-1].layout.order):
            result[number] = last[unit]
        return result

    def pattern(self, point: Sequence[Any]) -> list[int]:
        """Return the piece of every neuron: steps in order in the user's order, windows where they belong."""
        return self.pattern_of(self.sums(point))

    def pattern_of(self, sums: Sequence[Row]) -> list[int]:
        """Return the same from the sums of all steps."""
        maxima, result = self.graph.maxima, []
        comparing = {int(k) for k in maxima.step}
        winners = self._winners(sums)
        for k in range(-1, len(self.graph.steps)):
            if k >= 0 and self.graph.steps[k].activation.breakpoints and k not in comparing:
                step = self.graph.steps[k]
                pieces = {
                    int(step.layout.order[unit]): sum(z > Fraction(p) for p in step.activation.breakpoints)
                    for unit, z in enumerate(sums[k])
                }
                result += [pieces[number] for number in range(len(pieces))]
            result += [winner for winner, after in zip(winners, maxima.after, strict=True) if after == k]
        return result

    def _winners(self, sums: Sequence[Row]) -> list[int]:
        maxima, winners = self.graph.maxima, []
        for window in range(len(maxima.size)):
            own: list[int] = []
            for c in range(len(maxima.window)):
                if maxima.window[c] == window:
                    sides = [int(side) if side >= 0 else own[~int(side)] for side in (maxima.left[c], maxima.right[c])]
                    own.append(sides[sums[int(maxima.step[c])][int(maxima.unit[c])] > 0])
            winners.append(own[-1] if own else 0)
        return winners

    def good_neurons(self, point: Sequence[Any]) -> list[bool]:
        """Return for each neuron whether it is good at a point, in the order of `pattern`.

        The sums of each step are written as combinations of the units that it reads, with comparisons multiplied out
        exactly. From an output, or a good and open unit that compares nothing, a path leads to every unit with a
        coefficient.
        """
        graph, sums = self.graph, self.sums(point)
        comparing = {int(k) for k in graph.maxima.step}
        rows: list[list[dict[tuple[int, int], Fraction]]] = []
        for k, step in enumerate(graph.steps):
            own: list[dict[tuple[int, int], Fraction]] = [{} for _ in range(step.layout.n_units)]
            for source, matrix in self.matrices[k]:
                if source == INPUT:
                    continue
                for j, row in enumerate(matrix):
                    for i, weight in enumerate(row):
                        if not weight:
                            continue
                        own[j][source, i] = own[j].get((source, i), Fraction(0)) + weight
                        if source in comparing and sums[source][i] > 0:
                            for key, coefficient in rows[source][i].items():
                                own[j][key] = own[j].get(key, Fraction(0)) + weight * coefficient
            rows.append(own)
        last = len(graph.steps) - 1
        good = {(last, j) for j in range(graph.n_out)}
        for k in range(last, -1, -1):
            step = graph.steps[k]
            for j, row in enumerate(rows[k]):
                if (k, j) not in good or k in comparing:
                    continue
                piece = sum(sums[k][j] > Fraction(p) for p in step.activation.breakpoints)
                if step.activation.slopes[piece]:
                    good |= {key for key, coefficient in row.items() if coefficient}
        result = []
        for k in range(-1, len(graph.steps)):
            if k >= 0 and graph.steps[k].activation.breakpoints and k not in comparing:
                units = {int(number): unit for unit, number in enumerate(graph.steps[k].layout.order)}
                result += [(k, units[number]) in good for number in range(len(units))]
            for window, after in enumerate(graph.maxima.after):
                if after == k:
                    last_one = [c for c in range(len(graph.maxima.window)) if graph.maxima.window[c] == window][-1:]
                    place = [(int(graph.maxima.step[c]), int(graph.maxima.unit[c])) for c in last_one]
                    result.append(bool(place) and place[0] in good)
        return result

    def gradient(self, point: Sequence[Any]) -> list[Row]:
        """Return the derivatives of all outputs, by unit, by all inputs, by unit, on the piece of a point."""
        graph, sums = self.graph, self.sums(point)
        unit = [[Fraction(i == j) for j in range(graph.n_in)] for i in range(graph.n_in)]
        tensors: dict[int, list[Row]] = {INPUT: unit}
        for k, step in enumerate(graph.steps):
            rows = []
            for j, z in enumerate(sums[k]):
                slope = Fraction(step.activation.slopes[sum(z > Fraction(p) for p in step.activation.breakpoints)])
                row = [Fraction(0)] * graph.n_in
                for source, matrix in self.matrices[k]:
                    for weight, before in zip(matrix[j], tensors[source], strict=True):
                        if weight and slope:
                            row = [have + slope * weight * more for have, more in zip(row, before, strict=True)]
                rows.append(row)
            tensors[k] = rows
        return tensors[len(graph.steps) - 1]
