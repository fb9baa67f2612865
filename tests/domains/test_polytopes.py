"""Polytopes: their corners against all solutions of d equations, and what is refused."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError


def corners_by_solving(polytope: lr.Polytope) -> np.ndarray:
    """Return the corners by solving every d equations of sides."""
    d, box = polytope.n_in, polytope.box
    normals = np.concatenate([np.eye(d), -np.eye(d), polytope.normals])
    offsets = np.concatenate([box.high, -box.low, polytope.offsets])
    found = []
    for rows in map(list, itertools.combinations(range(len(offsets)), d)):
        if abs(np.linalg.det(normals[rows])) > 1e-9:
            point = np.linalg.solve(normals[rows], offsets[rows])
            if (normals @ point <= offsets + 1e-9).all():
                found.append(point)
    return np.unique(np.round(found, 9) + 0.0, axis=0)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_corners_are_the_solutions(d: int) -> None:
    rng = np.random.default_rng(d)
    for _ in range(5):
        normals = rng.normal(size=(4, d))
        polytope = lr.Polytope(normals, rng.uniform(0.1, 0.8, 4), within=lr.Box(-np.ones(d), np.ones(d)))
        expected = corners_by_solving(polytope)
        np.testing.assert_allclose(np.unique(np.round(polytope.vertices, 9) + 0.0, axis=0), expected, atol=2e-9)
        assert polytope.contains(polytope.vertices).all()
        assert not polytope.contains(1.01 * polytope.vertices).any()  # the origin is inside


def test_half_spaces_through_corners_and_edges_of_the_box() -> None:
    cube = lr.Box(np.zeros(3), np.ones(3))
    octant = lr.Polytope([[1, -1, 0], [0, 1, -1], [1, 1, 1]], [0, 0, 3], within=cube)  # 0 <= x <= y <= z <= 1
    assert sorted(octant.vertices.tolist()) == [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]]


def test_a_last_bit_decides_whether_a_corner_is_cut_off() -> None:
    low, high = np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.9, 1.1])
    normal = np.array([0.3, 0.7, 0.1])
    reached = sum((Fraction(a) * Fraction(b) for a, b in zip(normal.tolist(), high.tolist(), strict=True)), Fraction(0))
    for offset in (np.nextafter(float(reached), 0), float(reached), np.nextafter(float(reached), 2)):
        polytope = lr.Polytope([normal], [offset], within=lr.Box(low, high))
        touching = polytope.incidence[:, 6]
        assert polytope.incidence[:, :6].sum(axis=1).tolist() == [3 - (t and len(touching) > 8) for t in touching]
        if Fraction(float(offset)) < reached:
            assert (len(touching), sum(touching)) == (10, 3)
        else:
            assert (len(touching), sum(touching)) == (8, int(Fraction(float(offset)) == reached))


def test_half_spaces_that_bound_need_no_box() -> None:
    simplex = lr.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    np.testing.assert_allclose(sorted(simplex.vertices.tolist()), [[0, 0], [0, 1], [1, 0]], atol=1e-15)


@pytest.mark.parametrize(
    ("normals", "offsets", "match"),
    [
        ([[1.0, 0.0], [-1.0, 0.0]], [-2.0, 1.0], "met by no point, .* neither empty nor flat.*planes.*densities"),
        ([[1.0, 0.0], [-1.0, 0.0]], [0.5, -0.5], "without inner points.*planes.*densities"),
        ([[1.0, 1.0]], [-2.0], "without inner points"),
        ([[0.0, 0.0]], [1.0], "zero in row 0"),
        ([[1.0, 0.0]], [1.0, 2.0], "`offsets` has 2 numbers"),
        (np.ones((1, 6)), [1.0], "`normals` has 6 coordinates.*1 to 5.*lines, planes.*densities"),
    ],
)
def test_what_is_refused(normals: list[list[float]], offsets: list[float], match: str) -> None:
    with pytest.raises(InvalidValueError, match=match):
        lr.Polytope(normals, offsets, within=lr.Box([-1.0, -1.0], [1.0, 1.0]))


def test_what_has_no_bounds_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"coordinate 1 unbounded.*`within`.*lines.*planes.*densities"):
        lr.Polytope([[1.0, 0.0], [-1.0, 0.0]], [1.0, 1.0])
    with pytest.raises(InvalidValueError, match="met by no point"):
        lr.Polytope([[1.0, 0.0], [-1.0, 0.0]], [-2.0, 1.0])
    with pytest.raises(InvalidTypeError, match="`within` is tuple"):
        lr.Polytope([[1.0, 0.0]], [1.0], within=(0, 1))  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="`within` has 3 coordinates"):
        lr.Polytope([[1.0, 0.0]], [1.0], within=lr.Box(np.zeros(3), np.ones(3)))
