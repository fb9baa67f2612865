"""The checks of boxes, and the families, on the exact twin itself: they pass, and fail where something is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linregions.networks.switches import pack_patterns, unpack_patterns
from linregions.regions.boxes.arrays import BoxCells
from tests.reference.exact_box_arrays import as_box_cells
from tests.reference.exact_boxes import ExactBoxes, exact_boxes
from tests.support.box_checks import check_cells, check_invariants, check_places
from tests.support.box_families import EXACT, FAMILIES, make
from tests.support.examples import pairs


@pytest.mark.parametrize(("family", "d"), pairs(FAMILIES, [1, 2, 3, 4, 5], 4))
def test_the_twin_passes_in_all_families(family: str, d: int) -> None:
    problem = make(7, family, d, 0)
    exact = exact_boxes(problem.network, problem.domain)
    cells = as_box_cells(exact)
    volume = float(np.prod(problem.domain.high - problem.domain.low))
    check_invariants(cells, problem.network, volume)
    match = check_cells(cells, exact)
    assert match == list(range(len(exact.cells)))
    if family in EXACT:
        check_places(cells, exact, match)


def test_most_exact_families_are_degenerate() -> None:
    for d in (3, 4, 5):
        degenerate = 0
        for family in EXACT:
            for number in range(3):
                exact = exact_boxes(*make(0, family, d, number))
                zeros = np.count_nonzero(np.array(exact.signs).reshape(len(exact.corners), -1) == 0, axis=1)
                for side in exact.side_faces:
                    zeros += np.array([side >> k & 1 for k in range(len(exact.corners))])
                degenerate += bool(np.any(zeros > d))
        assert degenerate >= len(EXACT) * 3 / 2


@pytest.fixture(scope="module")
def known() -> tuple[ExactBoxes, BoxCells]:
    exact = exact_boxes(*make(0, "lattice", 3, 0))
    return exact, as_box_cells(exact)


def broken(cells: BoxCells, exact: ExactBoxes) -> dict[str, BoxCells]:
    patterns = unpack_patterns(exact.network, cells.pattern_words)
    patterns[0] ^= 1
    moved = cells.vertices.copy()
    moved[0] += 1e-6
    swapped = cells.facet_cells.copy()
    inner = int(np.flatnonzero(cells.facet_side < 0)[0])
    swapped[inner] = swapped[inner, ::-1]
    corners = cells.cell_vertices.copy()
    corners[0] = next(k for k in range(len(cells.vertices)) if k not in corners[: cells.cell_offsets[1]])
    counts = cells.face_counts.copy()
    counts[1:3] += 1  # of the same Euler characteristic
    areas = cells.facet_volumes.copy()
    areas[inner] *= 1.0 + 1e-6
    neurons = cells.facet_neuron.copy()
    neurons[inner] = (neurons[inner] + 1) % exact.network.n_neurons
    return {
        "pattern": replace(cells, pattern_words=pack_patterns(exact.network, patterns)),
        "place": replace(cells, vertices=moved),
        "sides of a facet": replace(cells, facet_cells=swapped),
        "corner": replace(cells, cell_vertices=corners),
        "edges": replace(cells, face_counts=counts),
        "area": replace(cells, facet_volumes=areas),
        "neuron": replace(cells, facet_neuron=neurons),
        "volume": replace(cells, volumes=cells.volumes * (1.0 + 1e-6 * np.arange(len(cells.volumes)))),
        "length": replace(cells, strata_activation=cells.strata_activation * [1.0, 1.0, 1.0 + 1e-6, 1.0]),
    }


@pytest.mark.parametrize(
    "what", ["pattern", "place", "sides of a facet", "corner", "edges", "area", "neuron", "volume", "length"]
)
def test_checks_see_what_is_wrong(known: tuple[ExactBoxes, BoxCells], what: str) -> None:
    exact, cells = known
    wrong = broken(cells, exact)[what]
    with pytest.raises((AssertionError, KeyError)):
        check_places(wrong, exact, check_cells(wrong, exact))
