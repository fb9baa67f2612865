"""Largest balls in cells, against scipy's linear programs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

import linregions as lr
from linregions.errors import NumericalError
from linregions.regions.boxes.arrays import BoxCells
from linregions.regions.boxes.flat import FacetsOfCells, facet_planes
from linregions.regions.boxes.inscribed import inscribed_balls
from tests.reference.exact_boxes import exact_boxes
from tests.support.box_cases import arrangement, cube, reflections
from tests.support.box_families import EXACT, make
from tests.support.exact_box_batches import exact_cells
from tests.support.examples import pairs


def check_balls(cells: BoxCells) -> None:
    normals, offsets = facet_planes(cells)
    radii, centers = inscribed_balls(cells, normals, offsets)
    facets = FacetsOfCells.of(cells)
    for c, center in enumerate(centers):
        own = facets.facet[facets.offsets[c] : facets.offsets[c + 1]]
        sign = np.where(cells.facet_cells[own, 0] == c, 1.0, -1.0)
        rows, right = sign[:, None] * normals[own], sign * offsets[own]
        assert (right - rows @ center).min() == pytest.approx(radii[c], rel=1e-9, abs=1e-12)
        best = linprog(
            [0.0] * center.size + [-1.0],
            np.column_stack([rows, np.ones(len(own))]),
            right,
            bounds=(None, None),
            method="highs-ds",
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
        )
        assert radii[c] == pytest.approx(-best.fun, rel=1e-6)


CASES = {f"{family} {d} {number}": (family, d, number) for number in range(2) for d in range(1, 6) for family in EXACT}


@pytest.mark.parametrize("name", pairs(CASES, [()], 28))
def test_balls_are_as_large_as_linear_programs_find(name: str) -> None:
    network, domain = make(16, *CASES[name])
    check_balls(exact_cells(exact_boxes(network, domain)))


def test_balls_of_cubes_and_chambers() -> None:
    for d in range(1, 6):
        cells = exact_cells(exact_boxes(arrangement(np.zeros((1, d)), np.ones(1)), cube(d)))
        radii, centers = inscribed_balls(cells, *facet_planes(cells))
        np.testing.assert_allclose(radii, [1.0])
        np.testing.assert_allclose(centers, np.zeros((1, d)), atol=1e-15)
    for d in (2, 3, 4):
        cells = exact_cells(exact_boxes(arrangement(reflections(d), np.zeros(d * d)), cube(d)))
        radii, _ = inscribed_balls(cells, *facet_planes(cells))
        # In 0 <= x_1 <= ... <= x_d <= 1 the coordinates of the centre are r, r + sqrt(2) r, ... and the last is 1 - r.
        np.testing.assert_allclose(radii, 1 / (2 + np.sqrt(2) * (d - 1)), rtol=1e-12)


def test_thin_wedges() -> None:
    # Between two planes at an angle of 2e-7 the radius grows by a ten-millionth of the way.
    slope = 1e-7
    net = lr.Network.from_layers([([[slope, -1.0], [-slope, -1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    cells = exact_cells(exact_boxes(net, cube(2)))
    radii, _ = inscribed_balls(cells, *facet_planes(cells))
    wedge = np.argsort(cells.volumes)[:2]
    # x - r is 0 at the tip: the ball touches both planes and the side x = 1 if it is not too far for that.
    size = np.hypot(1.0, slope)
    np.testing.assert_allclose(radii[wedge], slope / (size + slope), rtol=1e-6)


def test_balls_that_are_not_found_are_no_result() -> None:
    cells = exact_cells(exact_boxes(arrangement(np.array([[1.0, 0.5]]), np.zeros(1)), cube(2)))
    normals, offsets = facet_planes(cells)
    with pytest.raises(NumericalError, match="too flat for their largest ball"):
        inscribed_balls(cells, np.full_like(normals, np.nan), offsets)
