"""Boxes and balls: uniform points, ends of chords, sections by planes, messages."""

import numpy as np
import pytest

from linregions import Ball, Box
from linregions.domains.sections import random_directions, random_frames
from linregions.errors import InvalidValueError


@pytest.mark.parametrize(
    "solid", [Box([-1.0, 0.0, 2.0], [1.0, 0.5, 5.0]), Ball([1.0, 2.0, 3.0], 0.7)], ids=["box", "ball"]
)
def test_points_chords_and_sections_of_solids(solid):
    rng = np.random.default_rng(0)
    points = solid.uniform_points(4000, rng)
    if isinstance(solid, Box):
        assert np.all(points >= solid.low)
        assert np.all(points <= solid.high)
        second = (solid.high - solid.low) ** 2 / 12

        def excess(x):
            return np.maximum(solid.low - x, x - solid.high).max(axis=-1)

    else:
        second = np.full(3, 0.7**2 / 5)

        def excess(x):
            return np.linalg.norm(x - solid.center, axis=-1) - solid.radius

    np.testing.assert_allclose(points.mean(axis=0), solid.center, atol=0.06)
    np.testing.assert_allclose(points.var(axis=0), second, rtol=0.1)
    assert np.all(excess(points) <= 1e-12)
    directions = random_directions(4000, 3, rng)
    for t in solid.chord_ends(points, directions):
        np.testing.assert_allclose(excess(points + t[:, None] * directions), 0, atol=1e-9)
    for point, basis in zip(points[:50], random_frames(50, 2, 3, rng), strict=True):
        section = solid.section(point, basis)
        window = section.window
        if section.disc is None:
            np.testing.assert_allclose(excess(window.point(window.polygon)), 0, atol=1e-9)
            assert section.area == window.area
        else:
            center, radius = section.disc
            assert section.area == pytest.approx(np.pi * radius**2)
            assert np.all(np.linalg.norm(window.polygon - center, axis=1) > radius)
            np.testing.assert_allclose(excess(window.point([center[0] + radius, center[1]])), 0, atol=1e-9)


def test_sections_of_a_box_are_whole():
    # A point of the plane is in the polygon if and only if it is in the box.
    rng = np.random.default_rng(3)
    box = Box(-np.ones(6), np.arange(1.0, 7.0))
    for point, basis in zip(box.uniform_points(30, rng), random_frames(30, 2, 6, rng), strict=True):
        section = box.section(point, basis)
        polygon = section.window.polygon
        places = rng.uniform(polygon.min(axis=0) - 0.1, polygon.max(axis=0) + 0.1, size=(300, 2))
        x = section.window.point(places)
        in_box = np.all((box.low <= x) & (x <= box.high), axis=1)
        steps = np.roll(polygon, -1, axis=0) - polygon
        rel = places[:, None, :] - polygon
        in_polygon = np.all(steps[:, 0] * rel[..., 1] - steps[:, 1] * rel[..., 0] >= 0, axis=1)
        np.testing.assert_array_equal(in_box, in_polygon)


def test_a_part_of_a_larger_section_is_the_section():
    rng = np.random.default_rng(4)
    box = Box([-1.0, 0.0, 2.0], [1.0, 0.5, 5.0])
    wide = box.enlarged(0.5)
    np.testing.assert_allclose([wide.low, wide.high], [[-1.5, -0.125, 1.25], [1.5, 0.625, 5.75]])
    missed = 0
    for point, basis in zip(wide.uniform_points(200, rng), random_frames(200, 2, 3, rng), strict=True):
        part = box.part_of(wide.section(point, basis))
        inner = np.all((box.low < point) & (point < box.high))
        missed += part is None
        if inner:
            assert part.area == pytest.approx(box.section(point, basis).area, rel=1e-12)
        elif part is not None:
            corners = part.window.point(part.window.polygon)
            assert np.all((box.low - 1e-12 <= corners) & (corners <= box.high + 1e-12))
    assert 3 < missed < 50


def test_messages():
    with pytest.raises(InvalidValueError, match="`low, high` have 2 and 3 coordinates, but Box needs the same"):
        Box([0.0, 0.0], [1.0, 1.0, 1.0])
    with pytest.raises(InvalidValueError, match="`radius` is -1, but Ball needs a positive number"):
        Ball([0.0], -1.0)
    with pytest.raises(InvalidValueError, match="`center` is empty, but Ball needs at least one coordinate"):
        Ball([], 1.0)
