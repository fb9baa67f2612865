"""The slow, exact twin of boxes: cells and faces of every dimension, in whole numbers, without rounding or tolerance.

Layer by layer and neuron by neuron, every cell is cut where the neuron's function takes both signs. Then all is known
of corners, which are the same tuples in every cell: a face is the set of corners that lie on some switches and sides,
found by intersection, and named by the signs of all switches inside it. Nothing follows from general position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from linregions import Box, Network, PiecewiseLinear
from tests.reference.exact_bodies import Body, Point, Row, at, box, rank, simplex_volume, step, whole
from tests.reference.planes_exact import Dyadic, exact_intercepts, good_neurons

#: A set of corners, a bit for each.
Face = int


class Switch(NamedTuple):
    """A neuron at a breakpoint."""

    neuron: int
    breakpoint: int


class ExactCell(NamedTuple):
    """A cell, the piece of every neuron, what exceeds the breakpoint of every switch, and the outputs."""

    body: Body
    pattern: tuple[int, ...]
    functions: tuple[Row, ...]  # positive multiples, in whole numbers
    outputs: tuple[tuple[Fraction, ...], ...]  # coefficients and constant of each


class ExactFacet(NamedTuple):
    """What separates two cells, or a cell from the outside (-1)."""

    face: Face
    cells: tuple[int, int]  # where the neuron is lower and where it is higher; a cell and -1 on the domain's sides
    neurons: tuple[int, ...]  # those that switch, ascending; none on the domain's sides
    breakpoint: int  # of the first of them; -1 on the domain's sides
    side: int  # the first side of the domain on which it lies, or -1
    is_linear_boundary: bool


@dataclass(frozen=True)
class ExactBoxes:
    """All cells of a network in a box, or a polytope in it, and what follows from them."""

    network: Network
    switches: tuple[Switch, ...]
    sides: tuple[Row, ...]  # not above zero inside
    cells: tuple[ExactCell, ...]

    @property
    def dimension(self) -> int:
        """Number of inputs."""
        return self.network.n_in

    @property
    def patterns(self) -> list[tuple[int, ...]]:
        """Pattern of each cell."""
        return [cell.pattern for cell in self.cells]

    # ---- corners -----------------------------------------------------------------------------------------------------

    @cached_property
    def numbers(self) -> dict[Point, int]:
        """Number of each corner, in the order in which cells meet them."""
        found: dict[Point, int] = {}
        for cell in self.cells:
            for corner in cell.body.corners:
                found.setdefault(corner, len(found))
        return found

    @cached_property
    def corners(self) -> list[Point]:
        """Corners of cells, each once."""
        return list(self.numbers)

    @cached_property
    def signs(self) -> list[tuple[int, ...]]:
        """Sign of every switch at every corner, by the first cell that has it (all agree: networks are continuous)."""
        made: dict[Point, tuple[int, ...]] = {}
        for cell in self.cells:
            for corner in cell.body.corners:
                if corner not in made:
                    values = [at(row, corner) for row in cell.functions]
                    made[corner] = tuple((value > 0) - (value < 0) for value in values)
        return [made[corner] for corner in self.corners]

    @cached_property
    def side_faces(self) -> list[Face]:
        """The corners on each side of the domain."""
        return [_set(k for k, corner in enumerate(self.corners) if at(row, corner) == 0) for row in self.sides]

    @cached_property
    def _walls(self) -> list[Face]:
        zeros = [_set(k for k, signs in enumerate(self.signs) if signs[s] == 0) for s in range(len(self.switches))]
        return [wall for wall in dict.fromkeys([*zeros, *self.side_faces]) if wall]

    # ---- faces -------------------------------------------------------------------------------------------------------

    @cached_property
    def bodies(self) -> list[Face]:
        """The corners of each cell."""
        return [_set(self.numbers[corner] for corner in cell.body.corners) for cell in self.cells]

    @cached_property
    def _below(self) -> dict[Face, list[Face]]:
        return {}

    def below(self, face: Face) -> list[Face]:
        """Return the faces of a face that have one dimension less."""
        if face not in self._below:
            smaller = {face & wall for wall in self._walls} - {0, face}
            kept: list[Face] = []
            for part in sorted(smaller, key=int.bit_count, reverse=True):
                if not any(part & other == part for other in kept):
                    kept.append(part)
            self._below[face] = kept
        return self._below[face]

    @cached_property
    def faces(self) -> list[list[Face]]:
        """All faces by codimension, from cells to vertices."""
        levels = [list(dict.fromkeys(self.bodies))]
        for _ in range(self.dimension):
            levels.append(list(dict.fromkeys(part for face in levels[-1] for part in self.below(face))))
        return levels

    @property
    def face_counts(self) -> list[int]:
        """Number of vertices, edges, ..., cells, those on sides of the domain included."""
        return [len(level) for level in reversed(self.faces)]

    def is_inner(self, face: Face) -> bool:
        """Whether a face lies on no side of the domain."""
        return not any(face & side == face for side in self.side_faces)

    def ternary(self, face: Face) -> tuple[int, ...]:
        """Return the sign of every switch inside a face."""
        signs = [self.signs[k] for k in members(face)]
        return tuple(max(column) or min(column) for column in zip(*signs, strict=True)) if self.switches else ()

    # ---- measures ----------------------------------------------------------------------------------------------------

    @cached_property
    def _simplices(self) -> dict[Face, list[tuple[int, ...]]]:
        return {}

    def simplices(self, face: Face) -> list[tuple[int, ...]]:
        """Return the corners of simplices that fill a face: from its first corner to those of its faces without it."""
        if face not in self._simplices:
            first = face & -face
            number = first.bit_length() - 1
            self._simplices[face] = (
                [(number, *rest) for part in self.below(face) if not part & first for rest in self.simplices(part)]
                if face != first
                else [(number,)]
            )
        return self._simplices[face]

    @cached_property
    def volumes_of_simplices(self) -> list[list[tuple[int, int]]]:
        """Numerators and denominators of the volumes of the simplices that fill each cell."""
        return [[simplex_volume([self.corners[k] for k in s]) for s in self.simplices(body)] for body in self.bodies]

    @property
    def volumes(self) -> list[Fraction]:
        """Volume of each cell; sums of fractions are slow."""
        return [sum((Fraction(*part) for part in parts), Fraction(0)) for parts in self.volumes_of_simplices]

    @property
    def rounded_volumes(self) -> Any:
        """The same, of simplices that were rounded once, shape (C,)."""
        return np.array([sum(above / below for above, below in parts) for parts in self.volumes_of_simplices])

    def measures(self, faces: list[Face], dimension: int) -> Any:
        """Return the volumes that faces of a dimension have in it, each difference of corners rounded once."""
        made = np.zeros(len(faces))
        owners, steps = [], []
        for number, face in enumerate(faces):
            for first, *others in self.simplices(face):
                owners.append(number)
                steps.append([step(self.corners[first], self.corners[k]) for k in others])
        if dimension == 0:
            return made + 1.0
        if owners:
            triangles = np.linalg.qr(np.array(steps, dtype=float).transpose(0, 2, 1), mode="r")
            sizes = np.abs(np.diagonal(triangles, axis1=1, axis2=2))
            np.add.at(made, owners, np.prod(sizes / np.arange(1, dimension + 1), axis=1))
        return made

    def strata(self, kind: str = "activation") -> Any:
        """Return the volume of the faces of each codimension that lie on no side of the domain, shape (d + 1,).

        Of kind "linear" those count that lie in boundaries of linear regions with so many independent normals; of kind
        "good" those in boundaries of at least so many neurons, which are more where planes are concurrent.
        """
        made = []
        for k, level in enumerate(self.faces):
            inner = [face for face in level if self.is_inner(face)]
            if kind == "linear":
                inner = [face for face in inner if rank(sorted({row for _, row in self.boundaries.get(face, ())})) == k]
            elif kind == "good":
                inner = [face for face in inner if len({neuron for neuron, _ in self.boundaries.get(face, ())}) >= k]
            made.append(float(self.measures(inner, self.dimension - k).sum()))
        return np.array(made)

    # ---- facets ------------------------------------------------------------------------------------------------------

    @cached_property
    def facets(self) -> list[ExactFacet]:
        """The faces of codimension 1, with the cells that they separate."""
        of_face: dict[Face, list[int]] = {face: [] for face in self.faces[1]}
        for number, body in enumerate(self.bodies):
            for face in self.below(body):
                of_face[face].append(number)
        good = [good_neurons(self.network, pattern) for pattern in self.patterns]
        return [self._facet(face, cells, good) for face, cells in of_face.items()]

    def _facet(self, face: Face, cells: list[int], good: list[list[bool]]) -> ExactFacet:
        if len(cells) == 1:
            side = next(k for k, of_side in enumerate(self.side_faces) if face & of_side == face)
            return ExactFacet(face, (cells[0], -1), (), -1, side, False)
        low, high = cells  # a ValueError: the complex is not face to face
        neurons = tuple(
            k for k, (a, b) in enumerate(zip(self.patterns[low], self.patterns[high], strict=True)) if a != b
        )
        if self.patterns[low][neurons[0]] > self.patterns[high][neurons[0]]:
            low, high = high, low
        assert self.is_inner(face)
        boundary = any(good[low][k] or good[high][k] for k in neurons)
        return ExactFacet(face, (low, high), neurons, self.patterns[low][neurons[0]], -1, boundary)

    def labels(self, kind: str) -> list[int]:
        """Return the "linear" or "gradient" region of each cell: those joined by facets that are no boundary of it."""
        parent = list(range(len(self.cells)))

        def root(k: int) -> int:
            while parent[k] != k:
                k = parent[k]
            return k

        for facet in self.facets:
            if facet.side < 0 and not self.is_boundary(facet, kind):
                parent[root(facet.cells[0])] = root(facet.cells[1])
        labels: dict[int, int] = {}
        return [labels.setdefault(root(k), len(labels)) for k in range(len(self.cells))]

    def is_boundary(self, facet: ExactFacet, kind: str) -> bool:
        """Whether good neurons switch on a facet, or the gradient jumps there."""
        one, other = (self.cells[cell].outputs for cell in facet.cells)
        return facet.is_linear_boundary if kind == "linear" else one != other

    @property
    def linear_labels(self) -> list[int]:
        """Linear region of each cell."""
        return self.labels("linear")

    @property
    def n_linear_regions(self) -> int:
        """Number of linear regions."""
        return len(set(self.linear_labels))

    @property
    def n_gradient_regions(self) -> int:
        """Number of regions in which the gradient is constant."""
        return len(set(self.labels("gradient")))

    @cached_property
    def boundaries(self) -> dict[Face, set[tuple[int, Row]]]:
        """Neurons and normals of the boundaries of linear regions that contain a face, by face."""
        made: dict[Face, set[tuple[int, Row]]] = {}
        for facet in self.facets:
            if facet.is_linear_boundary:
                made[facet.face] = {(facet.neurons[0], self._normal(facet))}
        for level in self.faces[1:-1]:
            for face in level:
                for part in self.below(face) if face in made else ():
                    made.setdefault(part, set()).update(made[face])
        return made

    def _normal(self, facet: ExactFacet) -> Row:
        number = self.switches.index(Switch(facet.neurons[0], facet.breakpoint))
        normals = [whole(self.cells[cell].functions[number][:-1]) for cell in facet.cells]
        normal = next(row for row in normals if any(row))
        return max(normal, tuple(-x for x in normal))


def exact_boxes(network: Network, domain: Any) -> ExactBoxes:
    """Return the exact cells of a box, or of a polytope in it (`normals`, `offsets`, `within`)."""
    around: Box = getattr(domain, "within", domain)
    sides = []
    for i, (low, high) in enumerate(zip(around.low, around.high, strict=True)):
        unit = [Fraction(int(i == j)) for j in range(around.n_in)]
        sides += [whole([*(-x for x in unit), Fraction(low)]), whole([*unit, -Fraction(high)])]
    body: Body = box(list(around.low), list(around.high))
    if around is not domain:
        for normal, offset in zip(domain.normals, domain.offsets, strict=True):
            sides.append(whole([*(Fraction(x) for x in normal), -Fraction(offset)]))
            (body,) = [part for part, above in body.cut(sides[-1]) if not above]
    switches = tuple(
        Switch(neuron, level)
        for k, activation in enumerate(network.activations)
        for neuron in range(*network.neuron_offsets[k : k + 2])
        for level in range(activation.n_breakpoints)
    )
    return ExactBoxes(network, switches, tuple(sides), tuple(_cells(network, body)))


def _cells(network: Network, body: Body) -> Iterator[ExactCell]:
    d = network.n_in
    steps = [(Dyadic.of(layer.weight), Dyadic.of(layer.bias)) for layer in network.layers]
    found: list[tuple[Body, tuple[int, ...], tuple[Row, ...], Dyadic]]
    found = [(body, (), (), Dyadic(np.eye(d, d + 1, dtype=object), 0))]
    for one, activation in zip(steps[:-1], network.activations, strict=True):
        found = [
            (part, pattern + more, functions + rows, after)
            for whole_body, pattern, functions, tensor in found
            for part, more, rows, after in _through_layer(whole_body, _affine(one, tensor), activation)
        ]
    for part, pattern, functions, tensor in found:
        outputs = _affine(steps[-1], tensor)
        unit = 1 << outputs.exponent
        yield ExactCell(
            part, pattern, functions, tuple(tuple(Fraction(x, unit) for x in row) for row in outputs.values)
        )


def _through_layer(
    body: Body, before: Dyadic, activation: PiecewiseLinear
) -> Iterator[tuple[Body, tuple[int, ...], tuple[Row, ...], Dyadic]]:
    levels = Dyadic.of(activation.breakpoints)
    common = max(before.exponent, levels.exponent)
    rows: list[Row] = []
    parts: list[tuple[Body, tuple[int, ...]]] = [(body, ())]
    for values in before.at(common):
        counted = [(part, pieces, 0) for part, pieces in parts]
        for threshold in levels.at(common):
            rows.append(whole([*values[:-1], values[-1] - threshold]))
            counted = [
                (inner, pieces, piece + above) for part, pieces, piece in counted for inner, above in part.cut(rows[-1])
            ]
        parts = [(part, (*pieces, piece)) for part, pieces, piece in counted]
    slopes, intercepts = Dyadic.of(activation.slopes), Dyadic.of(exact_intercepts(activation))
    exponent = max(before.exponent + slopes.exponent, intercepts.exponent)
    scaled = before.at(exponent - slopes.exponent)
    for part, pieces in parts:
        tensor = slopes.values[list(pieces)][:, None] * scaled
        tensor[:, -1] += intercepts.at(exponent)[list(pieces)]
        yield part, pieces if activation.n_breakpoints else (), tuple(rows), Dyadic(tensor, exponent)


def _affine(one: tuple[Dyadic, Dyadic], tensor: Dyadic) -> Dyadic:
    weight, bias = one
    exponent = max(weight.exponent + tensor.exponent, bias.exponent)
    values = weight.values @ tensor.at(exponent - weight.exponent)
    values[:, -1] += bias.at(exponent)
    return Dyadic(values, exponent)


def _set(numbers: Iterable[int]) -> Face:
    return sum(1 << k for k in numbers)


def members(face: Face) -> list[int]:
    """Return the numbers of the corners of a face, ascending."""
    return [k for k in range(face.bit_length()) if face >> k & 1]
