"""Surfaces in boxes of three inputs: closed, of the right area and volume, and where the output says."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions import BoxPartition, Network, PlaneWindow
from linregions.errors import InvalidValueError, NumericalError
from linregions.regions.boxes.surfaces import Surface
from tests.support.box_cases import cube
from tests.support.box_families import FAMILIES, make
from tests.support.engine_partitions import engine_partition
from tests.support.examples import pairs
from tests.support.twin_partitions import twin_partition

ABS_SUM = Network.from_layers([(np.eye(3), np.zeros(3)), (np.ones((1, 3)), [0.0])], lr.ABS)


def random_case(number: int) -> Network:
    """Return a random network, every other one with small integers, whose outputs tie at corners."""
    rng = np.random.default_rng([5, number])
    n_out = int(rng.integers(2, 5)) if number % 2 else 1
    widths = [3, *(int(rng.integers(4, 13)) for _ in range(rng.integers(1, 4))), n_out]
    if number % 4 < 2:
        return lr.random_network(widths, rng, bias_variance=0.1)
    sizes = itertools.pairwise(widths)
    return Network.from_layers([(rng.integers(-2, 3, (b, a)), rng.integers(-1, 2, b)) for a, b in sizes])


def check_classes(surface: Surface, n_classes: int, volume: float) -> None:
    """Check that every class is bounded by a closed surface, and that they fill the domain."""
    capped = [surface.capped(k) for k in range(n_classes)]
    assert all(each.is_closed for each in capped)
    volumes = [each.signed_volume for each in capped]
    assert min(volumes) > -1e-9 * volume
    assert sum(volumes) == pytest.approx(volume)


@pytest.mark.parametrize(("row", "kind"), pairs(range(50), range(4), 10))
def test_random_networks_have_watertight_surfaces(row: int, kind: int) -> None:
    number = 4 * row + kind
    network = random_case(number)
    part = engine_partition(network, cube(3))
    level = float(np.median(network(part.vertices)[:, 0]))
    if number % 4 >= 2:
        level = float(np.round(level))  # so that it is met at corners
    surface = part.level_set(level=level)
    check_classes(surface, 2, 8.0)
    np.testing.assert_allclose(network(surface.vertices[np.unique(surface.corners)])[:, 0], level, atol=1e-9)
    check_classes(part.decision_boundary(), max(2, network.n_out), 8.0)


@pytest.mark.parametrize(("family", "number"), pairs(FAMILIES, range(5), 5))
def test_surfaces_of_degenerate_networks_are_watertight(family: str, number: int) -> None:
    problem = make(7, family, 3, number)
    try:
        part = engine_partition(problem.network, problem.domain)
    except NumericalError:
        pytest.skip("the engine refuses it")
    values = problem.network(part.vertices)[:, 0]
    for level in (float(np.median(values)), float(values[len(values) // 3]), 0.0):  # met at corners
        check_classes(part.level_set(level=level), 2, float(part.volumes.sum()))
    check_classes(part.decision_boundary(), max(2, problem.network.n_out), float(part.volumes.sum()))


@cache
def classifier() -> BoxPartition:
    return twin_partition(lr.random_network([3, 5, 4, 3], 8, bias_variance=0.1), cube(3))


def test_classes_on_both_sides_of_polygons() -> None:
    part = classifier()
    boundary = part.decision_boundary()
    assert len(boundary) > 5
    for k in range(len(boundary)):
        middle, normal = boundary.polygon(k).mean(axis=0), boundary._area_vectors[k]
        step = 1e-6 * normal / np.linalg.norm(normal)
        outputs = part.network(np.stack([middle - step, middle + step]))
        np.testing.assert_array_equal(outputs.argmax(axis=1), boundary.classes[k])
        np.testing.assert_array_equal(part.locate([middle - step, middle + step]), boundary.regions[k])
        own = boundary.polygon(k) - middle
        assert np.abs(own @ normal).max() < 1e-12  # flat
    pairs_in_regions = np.column_stack([boundary.classes, boundary.regions])
    assert len(np.unique(pairs_in_regions, axis=0)) == len(boundary)  # none is left in parts


def test_smallest_outputs() -> None:
    part = classifier()
    turned = Network.from_layers(
        [*((each.weight, each.bias) for each in part.network.layers[:-1]),
         (-part.network.layers[-1].weight, -part.network.layers[-1].bias)]
    )  # fmt: skip
    other = twin_partition(turned, cube(3))
    one, two = part.decision_boundary("argmin"), other.decision_boundary()
    assert one.area == pytest.approx(two.area)
    np.testing.assert_array_equal(one.classes, two.classes)


def test_an_octahedron() -> None:
    part = engine_partition(ABS_SUM, cube(3))
    surface = part.level_set(level=0.5)
    assert len(surface) == 8
    assert surface.is_closed
    assert surface.is_manifold
    assert (surface.n_components, surface.euler_characteristic, len(surface.edges)) == (1, 2, 12)
    assert surface.area == pytest.approx(np.sqrt(3))
    assert surface.signed_volume == pytest.approx(1 / 6)
    assert surface.enclosed_volume == pytest.approx(1 / 6)
    assert sorted(map(tuple, surface.vertices[: surface.corners.max() + 1].tolist())) == sorted(
        tuple(sign * row) for row in 0.5 * np.eye(3) for sign in (-1, 1)
    )
    corners = part.level_set(level=2.0)  # the cube without its eight corners, cut where its edges have their middle
    assert not corners.is_closed
    assert corners.n_components == 8
    assert corners.enclosed_volume == pytest.approx(8 - 8 / 6)
    assert corners.capped(1).euler_characteristic == 4  # eight pyramids that share twelve corners
    assert part.level_set(level=2.5).capped(1).euler_characteristic == 16


@pytest.mark.parametrize(
    ("weights", "level", "area", "manifold"),
    [
        ([1.0, 0.0], 0.0, 4.0, True),  # relu(x): a side of two regions
        ([-1.0, 0.0], 0.0, 0.0, True),  # nowhere above
        ([1.0, 1.0], 0.0, 0.0, True),  # |x| touches from above
        ([1.0, -1.0], 0.0, 4.0, True),  # x itself
        ([-1.0, -1.0], -1.0, 0.0, True),  # only on the sides of the box
    ],
)
def test_ties_with_regions(weights: list[float], level: float, area: float, manifold: bool) -> None:
    network = Network.from_layers([([[1.0, 0, 0], [-1.0, 0, 0]], [0.0, 0.0]), ([weights], [0.0])])
    for partition_by in (engine_partition, twin_partition):
        surface = partition_by(network, cube(3)).level_set(level=level)
        assert surface.area == pytest.approx(area)
        assert surface.is_manifold == manifold
        check_classes(surface, 2, 8.0)
        assert surface.diagnostics["undecided"] == 0


def test_sheets_that_touch() -> None:
    saddle = Network.from_layers([(np.eye(3)[:2], np.zeros(2)), ([[1.0, -1.0]], [0.0])], lr.ABS)  # |x| - |y|
    surface = engine_partition(saddle, cube(3)).level_set()
    assert surface.area == pytest.approx(2 * 2 * 2 * np.sqrt(2))
    assert not surface.is_manifold  # four sheets meet on the z axis
    check_classes(surface, 2, 8.0)
    assert surface.enclosed_volume == pytest.approx(4.0)


def test_slices_are_level_sets_of_planes() -> None:
    part = classifier()
    for axis in range(3):
        window = PlaneWindow.of_features(*(i for i in range(3) if i != axis), at=[0.1] * 3, low=-1.0, high=1.0)
        expected = lr.partition(part.network, window).level_set(level=0.2).segments
        length = np.linalg.norm(expected[:, 1] - expected[:, 0], axis=1).sum()
        surface = part.level_set(level=0.2)
        found = 0.0
        for k in range(len(surface)):
            found += _length_in_plane(surface.polygon(k), axis, 0.1)
        assert found == pytest.approx(length)


def _length_in_plane(polygon: np.ndarray, axis: int, height: float) -> float:
    """Return the length of a convex polygon's meeting with an axis-parallel plane."""
    above = polygon[:, axis] - height
    ends = []
    for a, b, u, v in zip(polygon, np.roll(polygon, -1, axis=0), above, np.roll(above, -1), strict=True):
        if u * v < 0:
            ends.append(a + u / (u - v) * (b - a))
    return float(np.linalg.norm(ends[1] - ends[0])) if ends else 0.0


@pytest.mark.parametrize("ending", ["ply", "obj", "stl"])
def test_files_of_meshes(ending: str, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    surface = engine_partition(ABS_SUM, cube(3)).level_set(level=1.5).capped()
    path = tmp_path / f"part.{ending}"
    surface.save(path)
    mesh = trimesh.load(path)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(surface.signed_volume, rel=1e-5)  # some formats are of single precision
    assert surface.to_trimesh().is_watertight
    assert surface.to_trimesh().volume == pytest.approx(surface.signed_volume)


def test_what_is_refused(tmp_path: Path) -> None:
    surface = classifier().level_set(level=0.2)
    with pytest.raises(InvalidValueError, match=r"`path` is .*part.xyz.*PLY, OBJ and STL"):
        surface.save(tmp_path / "part.xyz")
    with pytest.raises(InvalidValueError, match=r"`self` ends on \d+ edges.*`enclosed_volume`"):
        _ = surface.signed_volume
    with pytest.raises(InvalidValueError, match="`self` has its sides already"):
        surface.capped().capped()
    with pytest.raises(InvalidValueError, match="`output` is 3"):
        classifier().level_set(3)
    with pytest.raises(InvalidValueError, match="`decision`"):
        classifier().decision_boundary("largest")
