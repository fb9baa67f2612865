"""Sections of boxes by planes: the plane's partition is what half-spaces of the box's regions leave of the window."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Box, PlaneWindow, Polytope
from linregions.domains.solids import cut_polygon
from linregions.errors import InvalidTypeError, InvalidValueError
from tests.support.box_cases import cube


def area(polygon: np.ndarray) -> float:
    u, v = (polygon - polygon[:1]).T if len(polygon) else np.zeros((2, 1))
    return float(0.5 * np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v))


@pytest.mark.parametrize("d", [3, 4, 5])
def test_areas_are_those_of_half_spaces(d: int) -> None:
    rng = np.random.default_rng(d)
    network = lr.random_network([d, *{3: (10, 8), 4: (6, 5), 5: (5, 4)}[d], 2], rng, bias_variance=0.1)
    domain = Polytope([np.ones(d)], [0.5], within=cube(d)) if d == 4 else cube(d)
    part = lr.partition(network, domain)
    basis = np.linalg.qr(rng.normal(size=(d, 2)))[0].T
    window = PlaneWindow.square(0.1 * rng.normal(size=d), basis, 0.9)
    section = part.section(window)
    found = np.zeros(len(part))
    np.add.at(found, section.regions, section.plane.areas)
    expected = np.zeros(len(part))
    for region in part:
        polygon = window.polygon
        normals, offsets = region.halfspaces
        for normal, offset in zip(normals, offsets, strict=True):
            if len(polygon):
                polygon = cut_polygon(polygon, window.basis @ normal, float(offset - normal @ window.origin))
        expected[region.index] = area(polygon)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert len(np.unique(section.regions)) == len(section.regions) == section.plane.n_regions
    np.testing.assert_array_equal(part.patterns[section.regions], section.plane.patterns)


def test_windows_in_the_box_are_partitioned_whole() -> None:
    network = lr.random_network([3, 10, 8, 1], 1, bias_variance=0.1)
    part = lr.partition(network, cube(3))
    window = PlaneWindow.of_features(0, 2, at=np.full(3, 0.25), low=-0.5, high=0.5)
    section = part.section(window)
    plane = lr.partition(network, window)
    assert section.plane.n_regions == plane.n_regions
    np.testing.assert_array_equal(section.plane.vertices, plane.vertices)


def test_what_is_refused() -> None:
    part = lr.partition(lr.random_network([3, 4, 1], 0), Box(np.zeros(3), np.ones(3)))
    with pytest.raises(InvalidTypeError, match="`window` is Box"):
        part.section(cube(3))  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="`window` lies in 2 dimensions"):
        part.section(PlaneWindow.of_inputs([0, 0], [1, 1]))
    with pytest.raises(InvalidValueError, match="`window` does not meet the domain"):
        part.section(PlaneWindow.square([5.0, 5.0, 5.0], np.eye(3)[:2], 1.0))
