"""The slow, exact twin of plane partitions: whole-number arithmetic only, no rounding and no tolerance.

It follows section 3.3 of Hanin & Rolnick (2019): start with the window, add the neurons one by one, and cut every
region on which the neuron's affine function takes both signs. Every float is a dyadic rational, so weights, biases,
slopes, breakpoints, the plane and the window are whole numbers over powers of two. Points are homogeneous whole numbers
(X, Y, W), W > 0, in lowest terms, for the plane coordinates (X / W, Y / W).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from linregions import Network, PiecewiseLinear, PlaneWindow

Point = tuple[int, int, int]
Polygon = tuple[Point, ...]


@dataclass(frozen=True)
class Dyadic:
    """An array of numbers ``values / 2**exponent`` with whole `values` (dtype object)."""

    values: Any
    exponent: int

    @classmethod
    def of(cls, array: Any) -> Dyadic:
        """Convert floats or dyadic fractions without rounding."""
        source = np.asarray(array, dtype=object)
        fractions = [Fraction(x) for x in source.ravel()]
        exponent = max((f.denominator.bit_length() - 1 for f in fractions), default=0)
        values = np.empty(len(fractions), dtype=object)
        values[:] = [f.numerator * ((1 << exponent) // f.denominator) for f in fractions]
        return cls(values.reshape(source.shape), exponent)

    def at(self, exponent: int) -> Any:
        """Return the whole numbers that belong to a larger exponent."""
        return self.values * (1 << (exponent - self.exponent))


Step = tuple[Dyadic, Dyadic]


@dataclass(frozen=True)
class ExactRegion:
    """One activation region: its corners (counter-clockwise), its pattern, and the affine map of the network on it."""

    polygon: Polygon
    pattern: tuple[int, ...]
    tensor: Dyadic  # coefficients of u, v and 1 for each unit; at the end those of the outputs

    @property
    def area(self) -> Fraction:
        """Area in plane coordinates."""
        return area(self.polygon)

    @property
    def centre(self) -> tuple[Fraction, Fraction]:
        """Mean of the corners, a point of the interior."""
        return centre(self.polygon)

    @property
    def affine_map(self) -> Any:
        """The map rounded to floats, shape (n_out, 3)."""
        return np.array([[float(Fraction(x, 1 << self.tensor.exponent)) for x in row] for row in self.tensor.values])


@dataclass(frozen=True)
class ExactEdge:
    """A piece of boundary between two adjacent vertices; `left` and `right` are faces, -1 outside the window."""

    ends: tuple[int, int]
    left: int
    right: int
    neurons: tuple[int, ...]  # those that switch here, ascending; none on the border
    breakpoint: int  # of the first of them; -1 on the border
    is_linear_boundary: bool

    @property
    def is_border(self) -> bool:
        """Whether it lies on the border of the window."""
        return min(self.left, self.right) < 0


class ExactPiece(NamedTuple):
    """A piece of a boundary between two classes, the smaller number first, and the region on the side of the first."""

    classes: tuple[int, int]
    region: int
    length: float


@dataclass(frozen=True)
class ExactPartition:
    """All activation regions of a network in a window, and what follows from them."""

    network: Network
    window: PlaneWindow
    regions: tuple[ExactRegion, ...]

    @property
    def n_regions(self) -> int:
        """Number of activation regions."""
        return len(self.regions)

    @property
    def patterns(self) -> list[tuple[int, ...]]:
        """Pattern of each region."""
        return [region.pattern for region in self.regions]

    @cached_property
    def vertices(self) -> list[Point]:
        """Corners of regions, each once."""
        return corners([region.polygon for region in self.regions])

    @property
    def vertex_positions(self) -> Any:
        """The vertices rounded to floats, shape (V, 2)."""
        return np.array([[float(x) for x in rational(point)] for point in self.vertices])

    @cached_property
    def edges(self) -> list[ExactEdge]:
        """The sides of regions, cut at every vertex that lies on them."""
        good = [self.good(pattern) for pattern in self.patterns]
        edges = []
        for ends, left, right in sides([region.polygon for region in self.regions], self.vertices):
            neurons: tuple[int, ...] = ()
            lower, boundary = -1, False
            if left >= 0 and right >= 0:
                one, other = self.patterns[left], self.patterns[right]
                neurons = tuple(k for k, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
                lower = min(one[neurons[0]], other[neurons[0]])
                boundary = any(good[left][k] or good[right][k] for k in neurons)
            edges.append(ExactEdge(ends, left, right, neurons, lower, boundary))
        return edges

    def good(self, pattern: Sequence[int]) -> list[bool]:
        """Tell of each neuron whether an open path leads from it to an output, where the pattern is this."""
        return good_neurons(self.network, pattern)

    @cached_property
    def linear_labels(self) -> list[int]:
        """Linear region of each activation region: those connected through edges that are no boundary of it."""
        parent = list(range(self.n_regions))

        def root(k: int) -> int:
            while parent[k] != k:
                k = parent[k]
            return k

        for edge in self.edges:
            if not edge.is_border and not edge.is_linear_boundary:
                parent[root(edge.left)] = root(edge.right)
        labels: dict[int, int] = {}
        return [labels.setdefault(root(k), len(labels)) for k in range(self.n_regions)]

    @property
    def n_linear_regions(self) -> int:
        """Number of linear regions."""
        return len(set(self.linear_labels))

    @property
    def boundary_length(self) -> float:
        """Euclidean length of all boundaries between regions."""
        return length(self.window, self.vertices, [edge.ends for edge in self.edges if not edge.is_border])

    def decision_pieces(self, decision: str = "argmax") -> list[ExactPiece]:
        """Return the pieces of the curve where the arg-max of the outputs (the first of equals) changes.

        One output is compared with the constant 0, which comes first.
        """
        sign = -1 if decision == "argmin" else 1
        compared = [sign * region.tensor.values for region in self.regions]
        if self.network.n_out == 1:
            compared = [np.concatenate([0 * outputs, outputs]) for outputs in compared]
        return self._pieces_between_winners(compared)

    def level_pieces(self, output: int, level: float) -> list[ExactPiece]:
        """Return the pieces of the boundary of where an output is above a level."""
        compared = []
        for region in self.regions:
            common = max(region.tensor.exponent, Dyadic.of([level]).exponent)
            row = region.tensor.at(common)[output]
            height = np.array([0, 0, int(Dyadic.of([level]).at(common)[0])], dtype=object)
            compared.append(np.array([height, row], dtype=object))
        return self._pieces_between_winners(compared)

    def decision_length(self, decision: str = "argmax") -> float:
        """Euclidean length of all `decision_pieces`."""
        return sum(piece.length for piece in self.decision_pieces(decision))

    def level_length(self, output: int, level: float) -> float:
        """Euclidean length of all `level_pieces`."""
        return sum(piece.length for piece in self.level_pieces(output, level))

    def _pieces_between_winners(self, compared: Sequence[Any]) -> list[ExactPiece]:
        cells: list[Polygon] = []
        owners: list[tuple[int, int]] = []  # class and region of each cell
        for number, (region, outputs) in enumerate(zip(self.regions, compared, strict=True)):
            for c in range(len(outputs)):
                cell = _where_largest(region.polygon, outputs, c)
                if cell is not None:
                    cells.append(cell)
                    owners.append((c, number))
        vertices = corners(cells)
        pieces = []
        for ends, left, right in sides(cells, vertices):
            if min(left, right) >= 0 and owners[left][0] != owners[right][0]:
                (low, region_of_low), (high, _) = sorted((owners[left], owners[right]))
                pieces.append(ExactPiece((low, high), region_of_low, length(self.window, vertices, [ends])))
        return pieces


def _where_largest(polygon: Polygon, outputs: Any, c: int) -> Polygon | None:
    """Return the part of a polygon where output c is the largest, of equals the first; None if it has no interior."""
    for d in range(len(outputs)):
        difference = outputs[c] - outputs[d]
        if d == c or (d > c and not any(difference)):
            continue
        above = [part for part, is_above in cut(polygon, difference) if is_above]
        if not above:
            return None
        (polygon,) = above
    return polygon


def partition_exactly(net: Network, window: PlaneWindow) -> ExactPartition:
    """Return the exact partition of a window into activation regions."""
    polygon = tuple(homogeneous(Fraction(float(u)), Fraction(float(v))) for u, v in window.polygon)
    inputs = Dyadic.of(np.stack([window.basis[0], window.basis[1], window.origin], axis=1))
    regions = [ExactRegion(polygon, (), inputs)]
    steps = [(Dyadic.of(layer.weight), Dyadic.of(layer.bias)) for layer in net.layers]
    for step, activation in zip(steps[:-1], net.activations, strict=True):
        regions = [part for region in regions for part in _through_layer(region, step, activation)]
    outputs = [ExactRegion(r.polygon, r.pattern, affine(steps[-1], r.tensor)) for r in regions]
    return ExactPartition(net, window, tuple(outputs))


def _through_layer(region: ExactRegion, step: Step, activation: PiecewiseLinear) -> Iterable[ExactRegion]:
    before = affine(step, region.tensor)
    levels = Dyadic.of(activation.breakpoints)
    common = max(before.exponent, levels.exponent)
    rows, thresholds = before.at(common), levels.at(common)
    parts: list[tuple[Polygon, tuple[int, ...]]] = [(region.polygon, ())]
    for row in rows:
        counted = [(polygon, pieces, 0) for polygon, pieces in parts]
        for threshold in thresholds:  # a cut for each breakpoint; the piece is the number of those passed
            shifted = row - np.array([0, 0, threshold], dtype=object)
            counted = [
                (part, pieces, piece + above)
                for polygon, pieces, piece in counted
                for part, above in cut(polygon, shifted)
            ]
        parts = [(polygon, (*pieces, piece)) for polygon, pieces, piece in counted]
    slopes, intercepts = Dyadic.of(activation.slopes), Dyadic.of(exact_intercepts(activation))
    exponent = max(before.exponent + slopes.exponent, intercepts.exponent)
    scaled = before.at(exponent - slopes.exponent)
    for polygon, pieces in parts:
        tensor = np.array([slopes.values[piece] * row for piece, row in zip(pieces, scaled, strict=True)], dtype=object)
        tensor[:, 2] += intercepts.at(exponent)[list(pieces)]
        pattern = region.pattern + (pieces if activation.n_breakpoints else ())
        yield ExactRegion(polygon, pattern, Dyadic(tensor, exponent))


def affine(step: Step, tensor: Dyadic) -> Dyadic:
    """Apply an affine step to a stack of affine functions."""
    weight, bias = step
    exponent = max(weight.exponent + tensor.exponent, bias.exponent)
    values = weight.values @ tensor.at(exponent - weight.exponent)
    values[:, 2] += bias.at(exponent)
    return Dyadic(values, exponent)


def exact_intercepts(activation: PiecewiseLinear) -> list[Fraction]:
    """Intercepts of the pieces, by continuity from the anchor."""
    points, slopes = [Fraction(x) for x in activation.breakpoints], [Fraction(q) for q in activation.slopes]
    t, value = (Fraction(x) for x in activation.anchor)
    home = sum(point < t for point in points)
    intercepts = [Fraction(0)] * len(slopes)
    intercepts[home] = value - slopes[home] * t
    for j in range(home, len(points)):  # both pieces agree at the breakpoint between them
        intercepts[j + 1] = intercepts[j] + (slopes[j] - slopes[j + 1]) * points[j]
    for j in range(home, 0, -1):
        intercepts[j - 1] = intercepts[j] + (slopes[j] - slopes[j - 1]) * points[j - 1]
    return intercepts


def good_neurons(net: Network, pattern: Sequence[int]) -> list[bool]:
    """Tell of each neuron whether a path of open neurons, it included, leads from it to an output (sec. 5)."""
    reaches = [True] * net.n_out
    good = [False] * net.n_neurons
    for k in range(len(net.layers) - 2, -1, -1):
        weight, activation = net.layers[k + 1].weight, net.activations[k]
        onward = reaches
        reaches = []
        for i in range(weight.shape[1]):
            neuron = net.neuron_offsets[k] + i
            piece = pattern[neuron] if activation.n_breakpoints else 0
            leads = any(w != 0 and on for w, on in zip(weight[:, i], onward, strict=True))
            reaches.append(leads and activation.slopes[piece] != 0)
            if activation.n_breakpoints:
                good[neuron] = reaches[-1]
    return good


def evaluate_exactly(net: Network, window: PlaneWindow, u: Fraction, v: Fraction) -> tuple[list[int], list[Fraction]]:
    """Return pattern and outputs at one point of the plane by a plain forward pass, independent of the partition."""
    columns = zip(window.origin, window.basis[0], window.basis[1], strict=True)
    return forward_exactly(net, [Fraction(o) + u * Fraction(a) + v * Fraction(b) for o, a, b in columns])


def forward_exactly(net: Network, point: Sequence[Fraction]) -> tuple[list[int], list[Fraction]]:
    """Return pattern and outputs at a point of the input space by a plain forward pass."""
    values = list(point)
    pattern: list[int] = []
    for k, layer in enumerate(net.layers):
        values = [
            Fraction(bias) + sum((Fraction(w) * x for w, x in zip(row, values, strict=True)), Fraction(0))
            for row, bias in zip(layer.weight, layer.bias, strict=True)
        ]
        if k < len(net.activations):
            activation, intercepts = net.activations[k], exact_intercepts(net.activations[k])
            pieces = [sum(z > Fraction(point) for point in activation.breakpoints) for z in values]
            values = [Fraction(activation.slopes[j]) * z + intercepts[j] for j, z in zip(pieces, values, strict=True)]
            pattern += pieces if activation.n_breakpoints else []
    return pattern, values


def homogeneous(u: Fraction, v: Fraction) -> Point:
    """Return the point in homogeneous whole numbers."""
    return _lowest(u.numerator * v.denominator, v.numerator * u.denominator, u.denominator * v.denominator)


def rational(point: Point) -> tuple[Fraction, Fraction]:
    """Return the plane coordinates of a point."""
    return Fraction(point[0], point[2]), Fraction(point[1], point[2])


def _lowest(x: int, y: int, w: int) -> Point:
    divisor = gcd(x, y, w)
    return (x // divisor, y // divisor, w // divisor)


def cut(polygon: Polygon, function: Sequence[int]) -> list[tuple[Polygon, int]]:
    """Split a convex polygon where ``a u + b v + c`` changes sign; 1 marks the part above zero, 0 any other.

    The parts are strictly convex when the polygon is; a function that is zero on all of it is not above zero.
    """
    a, b, c = function
    values = [a * x + b * y + c * w for x, y, w in polygon]
    if not (min(values) < 0 < max(values)):
        return [(polygon, int(max(values) > 0))]
    above: list[Point] = []
    below: list[Point] = []
    for k, (point, value) in enumerate(zip(polygon, values, strict=True)):
        previous, last = polygon[k - 1], values[k - 1]
        if (last < 0 < value) or (value < 0 < last):
            x, y, w = (value * p - last * q for p, q in zip(previous, point, strict=True))
            crossing = _lowest(x, y, w) if w > 0 else _lowest(-x, -y, -w)
            above.append(crossing)
            below.append(crossing)
        if value >= 0:
            above.append(point)
        if value <= 0:
            below.append(point)
    return [(tuple(above), 1), (tuple(below), 0)]


def area(polygon: Polygon) -> Fraction:
    """Return the area in plane coordinates, positive when counter-clockwise."""
    points = [rational(point) for point in polygon]
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return sum((a[0] * b[1] - b[0] * a[1] for a, b in pairs), Fraction(0)) / 2


def centre(polygon: Polygon) -> tuple[Fraction, Fraction]:
    """Return the mean of the corners."""
    points = [rational(point) for point in polygon]
    return sum((p[0] for p in points), Fraction(0)) / len(points), sum((p[1] for p in points), Fraction(0)) / len(
        points
    )


def corners(polygons: Iterable[Polygon]) -> list[Point]:
    """Return every corner once."""
    return sorted({point for polygon in polygons for point in polygon})


def sides(polygons: Sequence[Polygon], vertices: Sequence[Point]) -> list[tuple[tuple[int, int], int, int]]:
    """Return the edges of the subdivision: (two adjacent vertices, polygon on the left, on the right), -1 = none."""
    number = {point: k for k, point in enumerate(vertices)}
    by_line: dict[Point, list[tuple[Point, Point, int]]] = defaultdict(list)
    for face, polygon in enumerate(polygons):
        for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            x, y, w = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
            sign = 1 if (x, y) > (0, 0) else -1
            by_line[_lowest(sign * x, sign * y, sign * w)].append((a, b, face))
    found: dict[tuple[int, int], list[int]] = {}
    for line, members in by_line.items():
        # A vertex inside a side is a corner of two polygons beyond it, so it ends sides on this same line.
        axis = 0 if line[1] else 1
        ordered = sorted((rational(p)[axis], p) for p in {p for a, b, _ in members for p in (a, b)})
        place = {point: k for k, (_, point) in enumerate(ordered)}
        for a, b, face in members:
            low, high = sorted((place[a], place[b]))
            for (_, p), (_, q) in itertools.pairwise(ordered[low : high + 1]):
                found.setdefault((number[p], number[q]), [-1, -1])[0 if place[a] < place[b] else 1] = face
    return [(ends, left, right) for ends, (left, right) in found.items()]


def length(window: PlaneWindow, vertices: Sequence[Point], pairs: Iterable[tuple[int, int]]) -> float:
    """Return the sum of Euclidean distances between pairs of vertices."""
    total = 0.0
    for i, j in pairs:
        (a, b), (c, d) = rational(vertices[i]), rational(vertices[j])
        total += float(np.linalg.norm(float(c - a) * window.basis[0] + float(d - b) * window.basis[1]))
    return total
