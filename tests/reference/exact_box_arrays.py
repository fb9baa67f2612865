"""The exact twin of boxes as the flat arrays that the engine collects, for tests of what follows from those."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from linregions.networks.switches import pack_patterns
from linregions.regions.boxes.arrays import BoxCells
from tests.reference.exact_bodies import determinant, position
from tests.reference.exact_boxes import ExactBoxes, ExactFacet, Face, members


def as_box_cells(exact: ExactBoxes) -> BoxCells:
    """Return the flat arrays; cells, vertices and facets come in the twin's order."""
    cells = [members(body) for body in exact.bodies]
    facets = exact.facets
    corners = [in_order(exact, facet) for facet in facets]
    patterns = np.array(exact.patterns, dtype=np.uint8).reshape(len(cells), exact.network.n_neurons)
    return BoxCells(
        vertices=np.array([position(corner) for corner in exact.corners], dtype=float),
        cell_offsets=_offsets(cells),
        cell_vertices=np.array([k for cell in cells for k in cell], dtype=np.int32),
        pattern_words=pack_patterns(exact.network, patterns),
        volumes=exact.rounded_volumes,
        centroids=np.array([centroid(exact, body) for body in exact.bodies]),
        facet_cells=np.array([facet.cells for facet in facets], dtype=np.int64),
        facet_neuron=np.array([facet.neurons[0] if facet.neurons else -1 for facet in facets], dtype=np.int32),
        facet_breakpoint=np.array([facet.breakpoint for facet in facets], dtype=np.int16),
        facet_side=np.array([facet.side for facet in facets], dtype=np.int16),
        facet_volumes=exact.measures([facet.face for facet in facets], exact.dimension - 1),
        facet_offsets=_offsets(corners),
        facet_vertices=np.array([k for facet in corners for k in facet], dtype=np.int32),
        strata_activation=exact.strata(),
        face_counts=np.array(exact.face_counts, dtype=np.int64),
        diagnostics={"undecided": 0},
    )


def centroid(exact: ExactBoxes, body: Face) -> Any:
    """Return the centre of mass of a cell, shape (d,)."""
    points = np.array([[position(exact.corners[k]) for k in simplex] for simplex in exact.simplices(body)])
    parts = exact.volumes_of_simplices[exact.bodies.index(body)]
    return np.average(points.mean(axis=1), axis=0, weights=[above / below for above, below in parts])


def in_order(exact: ExactBoxes, facet: ExactFacet) -> list[int]:
    """Return the corners of a facet: in three dimensions in turn, counter-clockwise from where its neuron is higher.

    On the domain's sides that is from outside.
    """
    if exact.dimension != 3:
        return members(facet.face)
    ends = [members(edge) for edge in exact.below(facet.face)]
    turn = list(ends.pop())
    while ends:
        onward = next(end for end in ends if turn[-1] in end)
        ends.remove(onward)
        turn.append(onward[1] if onward[0] == turn[-1] else onward[0])
    assert turn.pop() == turn[0], "the sides of a facet are one closed curve"
    seen = facet.cells[0] if facet.side >= 0 else facet.cells[1]
    beside = next(k for k in members(exact.bodies[seen]) if not facet.face >> k & 1)
    # Positive where the fourth point lies below the first three, seen counter-clockwise.
    below = determinant([exact.corners[k] for k in (*turn[:3], beside)]) > 0
    return turn if below == (facet.side >= 0) else turn[::-1]


def _offsets(parts: list[list[int]]) -> Any:
    return np.array([0, *accumulate(map(len, parts))], dtype=np.int64)
