"""Betti numbers of what networks make of a box, by gudhi from the exact regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import require
from linregions.errors import InvalidValueError
from linregions.regions.boxes.compared import Compared
from linregions.regions.boxes.surfaces import classes_of_parts
from linregions.regions.boxes.triangulation import simplices_between, simplices_of
from linregions.regions.outputs import Comparison

IndexArray = npt.NDArray[np.int64]
Partition = Any  # a BoxPartition, which has what is here as methods
Betti = tuple[int, ...]


def sublevel_betti_numbers(part: Partition, output: int, level: float, who: str) -> Betti:
    """Return the Betti numbers of where an output is at most a level.

    The output is affine on every simplex of the regions, so that this set shrinks, without tearing, to the simplices
    all of whose vertices are in it.
    """
    compared = Compared(part, Comparison.of_level(part.network.n_out, output, level, who))
    n = len(part.vertices)
    compared.refine(np.arange(n))
    inside = compared.signs(1, np.ones(n))[1] <= 0 if compared.n > 1 else np.ones(n, dtype=bool)
    simplices = simplices_of(part)
    return betti_numbers(_within(simplices, inside), part.n_in, who)


def class_betti_numbers(part: Partition, decision: str, who: str) -> dict[int, Betti]:
    """Return the Betti numbers of the closure of each class, for three inputs."""
    if part.n_in != 3:
        raise InvalidValueError(
            f"`self` has {part.n_in} inputs, but {who} needs three. Of a single output take `betti_numbers`, which "
            "any number of inputs has."
        )
    comparison = Comparison.of_classes(part.network.n_out, decision, who)
    polygons, names = classes_of_parts(part, comparison)
    simplices, cells = simplices_between(polygons.offsets, polygons.corners, polygons.beside, polygons.parent.size, 3)
    labels = names[polygons.label]
    return {int(name): betti_numbers([simplices[labels[cells] == name]], 3, who) for name in np.unique(labels).tolist()}


def persistence(part: Partition, output: int, who: str) -> list[tuple[int, tuple[float, float]]]:
    """Return the persistence diagram of an output: dimension, and the levels at which a class is born and dies."""
    Comparison.of_level(part.network.n_out, output, 0.0, who)  # checks the number
    values = part.network(part.vertices)[:, output]
    tree = _tree([simplices_of(part)], who)
    for k, value in enumerate(values.tolist()):
        tree.assign_filtration([k], value)
    for simplex, _ in tree.get_skeleton(part.n_in):
        if len(simplex) > 1:
            tree.assign_filtration(simplex, float(values[simplex].max()))
    found = tree.persistence(min_persistence=0.0)
    return [(int(k), (float(a), float(b))) for k, (a, b) in found]


def betti_numbers(pieces: list[IndexArray], d: int, who: str) -> Betti:
    """Return the Betti numbers b_0 to b_(d - 1) of a complex of simplices, given by its largest ones of each size."""
    tree = _tree(pieces, who)
    if not tree.num_simplices():
        return (0,) * d
    tree.compute_persistence(min_persistence=-1.0, persistence_dim_max=True)
    found = [*tree.betti_numbers(), *[0] * d]
    return tuple(int(number) for number in found[:d])


def _tree(pieces: list[IndexArray], who: str) -> Any:
    gudhi = require("gudhi", "topology", who, lambda: __import__("gudhi"))
    tree = gudhi.SimplexTree()
    for rows in pieces:
        if len(rows):
            tree.insert_batch(np.ascontiguousarray(rows.T, dtype=np.int32), np.zeros(len(rows)))
    return tree


def _within(simplices: IndexArray, inside: npt.NDArray[np.bool_]) -> list[IndexArray]:
    """Return the largest faces of simplices all of whose vertices are inside, those of each size together."""
    chosen = inside[simplices]
    counts = chosen.sum(axis=1)
    found = []
    for size in range(1, simplices.shape[1] + 1):
        rows = counts == size
        if rows.any():
            found.append(np.unique(np.sort(simplices[rows][chosen[rows]].reshape(-1, size), axis=1), axis=0))
    return found
