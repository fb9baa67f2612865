"""One face of a window cut by the chords of some switches, combinatorially; only crossings ask for a sign."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

#: Corners, and the edge from each to the next, counter-clockwise.
Face = tuple[list[int], list[int]]


class Edges:
    """All edges of a window: two ends, and the line that each is on."""

    def __init__(self) -> None:
        self.first: list[int] = []
        self.second: list[int] = []
        self.line: list[int] = []

    def __len__(self) -> int:
        return len(self.line)

    def add(self, first: int, second: int, line: int) -> int:
        """Return the number of a new edge."""
        self.first.append(first)
        self.second.append(second)
        self.line.append(line)
        return len(self.line) - 1


class Cuts(NamedTuple):
    """What cuts a face: bit b of a mask stands for its b-th switch."""

    above: dict[int, int]  # for each point the mask of switches that are positive there
    below: dict[int, int]
    line: Callable[[int], int]  # number of the line of the b-th switch
    crossing: Callable[[int, int], int]  # number of a new point, where an edge meets the line of the b-th switch
    sign: Callable[[int, int], int]  # of the b-th switch at a new point


def cut_face(face: Face, n_switches: int, edges: Edges, cuts: Cuts) -> list[tuple[Face, int]]:
    """Cut a face by switches that are positive somewhere on it and negative elsewhere.

    Its own edges are cut already. Returns the faces that it falls into, each with the mask of switches that are
    positive on it.
    """
    split: dict[int, tuple[int, int, int]] = {}
    faces = [face]
    for b in range(n_switches):
        bit, parts = 1 << b, []
        for part in faces:
            corners, sides = _with_splits(part, split, edges) if split else part
            if any(cuts.above[v] & bit for v in corners) and any(cuts.below[v] & bit for v in corners):
                parts += _cut((corners, sides), b, edges, cuts, split)
            else:
                parts.append((corners, sides))
        faces = parts
    found = []
    for part in faces:
        corners, sides = _with_splits(part, split, edges) if split else part
        mask = 0
        for v in corners:
            mask |= cuts.above[v]
        found.append(((corners, sides), mask))
    return found


def _cut(face: Face, b: int, edges: Edges, cuts: Cuts, split: dict[int, tuple[int, int, int]]) -> list[Face]:
    corners, sides = face
    bit, above, below = 1 << b, cuts.above, cuts.below
    around: list[int] = []
    along: list[int] = []
    ends: list[int] = []
    for k, (v, side) in enumerate(zip(corners, sides, strict=True)):
        w = corners[k + 1] if k + 1 < len(corners) else corners[0]
        if not (above[v] | below[v]) & bit:
            ends.append(len(around))
        around.append(v)
        if (above[v] & below[w] | below[v] & above[w]) & bit:
            middle, first, second = _split(side, b, edges, cuts)
            split[side] = (middle, first, second)
            ends.append(len(around))
            around.append(middle)
            along += [first, second] if edges.first[side] == v else [second, first]
        else:
            along.append(side)
    if len(ends) != 2:
        raise AssertionError(f"a chord of a convex face has {len(ends)} ends")
    i, j = ends
    chord = edges.add(around[i], around[j], cuts.line(b))
    return [
        (around[i : j + 1], [*along[i:j], chord]),
        (around[j:] + around[: i + 1], [*along[j:], *along[:i], chord]),
    ]


def _split(side: int, b: int, edges: Edges, cuts: Cuts) -> tuple[int, int, int]:
    """Cut an edge inside the face where a switch is zero, and find on which side of later switches that is."""
    above, below = cuts.above, cuts.below
    v, w = edges.first[side], edges.second[side]
    middle = cuts.crossing(side, b)
    up, down = above[v] | above[w], below[v] | below[w]
    contested = up & down
    positive, negative = up & ~contested, down & ~contested
    rest = contested >> (b + 1) << (b + 1)
    while rest:
        lowest = rest & -rest
        found = cuts.sign(middle, lowest.bit_length() - 1)
        if found > 0:
            positive |= lowest
        elif found < 0:
            negative |= lowest
        rest ^= lowest
    above[middle], below[middle] = positive, negative
    line = edges.line[side]
    return middle, edges.add(v, middle, line), edges.add(middle, w, line)


def _with_splits(face: Face, split: dict[int, tuple[int, int, int]], edges: Edges) -> Face:
    """Return a face with those of its edges cut that were so from the other side."""
    corners, sides = face
    if not any(side in split for side in sides):
        return face
    around, along = [], []
    for v, side in zip(corners, sides, strict=True):
        waiting, at = [side], v
        while waiting:
            edge = waiting.pop()
            if edge in split:
                _, first, second = split[edge]
                waiting += [second, first] if edges.first[edge] == at else [first, second]
            else:
                around.append(at)
                along.append(edge)
                at = edges.second[edge] if edges.first[edge] == at else edges.first[edge]
    return around, along
