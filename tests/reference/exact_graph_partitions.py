"""Exact partitions of lines and planes by networks of any connectivity, in the form of the twins of chains."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from linregions import Line, Path, PlaneWindow, Ray, Segment
from linregions.networks.graph import Graph
from tests.reference.exact_cells import Face, Interval
from tests.reference.exact_forms import ONE, form
from tests.reference.exact_graphs import ExactGraph
from tests.reference.lines_exact import ExactLine, ExactPiece, legs, summary
from tests.reference.planes_exact import Dyadic, ExactPartition, ExactRegion, homogeneous


@dataclass(frozen=True)
class ExactGraphPartition(ExactPartition):
    """All activation regions of a graph in a window; good neurons and gradients follow the graph."""

    exact: ExactGraph

    def good(self, pattern: Sequence[int]) -> list[bool]:
        """Tell of each neuron whether an open path leads from it to an output, where the pattern is this."""
        return self.exact.good(pattern)

    @cached_property
    def gradients(self) -> list[tuple[Fraction, ...]]:
        """Gradient of all outputs in all inputs, of each region."""
        return [self.exact.gradient(pattern) for pattern in self.patterns]

    @cached_property
    def gradient_labels(self) -> list[int]:
        """Gradient region of each activation region: neighbours with equal affine maps are one."""
        return joined(
            self.n_regions,
            [
                (edge.left, edge.right)
                for edge in self.edges
                if not edge.is_border and self.gradients[edge.left] == self.gradients[edge.right]
            ],
        )

    @property
    def n_gradient_regions(self) -> int:
        """Number of gradient regions."""
        return len(set(self.gradient_labels))


def joined(n: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the number of the component of each of n things, in order of appearance."""
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for a, b in pairs:
        neighbours[a].append(b)
        neighbours[b].append(a)
    labels = [-1] * n
    for start in range(n):
        if labels[start] < 0:
            label, waiting = max(labels) + 1, [start]
            while waiting:
                k = waiting.pop()
                if labels[k] < 0:
                    labels[k] = label
                    waiting += neighbours[k]
    return labels


def graph_plane(graph: Graph, window: PlaneWindow, network: Any = None) -> ExactGraphPartition:
    """Return the exact partition of a window into activation regions; `network` is what results shall name."""
    exact = ExactGraph(graph)
    origin, first, second = window.origin.tolist(), *window.basis.tolist()
    inputs = [form({0: u, 1: v, ONE: o}) for u, v, o in zip(first, second, origin, strict=True)]
    polygon = tuple(homogeneous(Fraction(float(u)), Fraction(float(v))) for u, v in window.polygon)
    regions = []
    for found in exact.partition(Face(polygon), inputs, (0, 1)):
        common = max(f.exponent for f in found.outputs)
        rows = [[n << (common - f.exponent) for n in f.whole((0, 1))] for f in found.outputs]
        tensor = Dyadic(np.array(rows, dtype=object), common)
        regions.append(ExactRegion(found.cell.polygon, found.pattern, tensor))
    return ExactGraphPartition(network, window, tuple(regions), exact)


def graph_line(graph: Graph, domain: Segment | Ray | Line | Path) -> ExactLine:
    """Return the exact regions of a graph along a line or a path."""
    exact = ExactGraph(graph)
    pieces = []
    for low, high, coordinates in legs(domain):
        inputs = [form({0: change, ONE: value}) for value, change in coordinates]
        for found in exact.partition(Interval(low, high), inputs, (0,)):
            outputs = tuple((f[ONE], f[0]) for f in found.outputs)
            pieces.append(ExactPiece(found.cell.low, found.cell.high, found.pattern, outputs))
    pieces.sort(key=lambda piece: (piece.low is not None, piece.low or Fraction(0)))
    return summary(tuple(pieces), exact.good)


def graph_line_gradient_boundaries(graph: Graph, line: ExactLine) -> list[bool]:
    """Tell for each breakpoint whether the gradient in all inputs differs on its two sides."""
    exact = ExactGraph(graph)
    return [a != b for a, b in itertools.pairwise(exact.gradient(pattern) for pattern in line.patterns)]
