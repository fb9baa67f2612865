"""Level sets and decision boundaries in other than three inputs, against surfaces, planes, lines and samples."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow, Segment
from linregions.regions.boxes.pieces import BoundaryPieces, pieces_of
from linregions.regions.outputs import Comparison
from tests.support.box_cases import cube
from tests.support.engine_partitions import engine_partition


def check_sides(network: Network, pieces: BoundaryPieces) -> None:
    """Check that outputs tie at corners, and that the class changes across the middle of each piece."""
    for k in range(len(pieces)):
        middle = pieces.piece(k).mean(axis=0)
        normal = np.linalg.svd(np.vstack([pieces.piece(k) - middle, np.zeros((network.n_in, network.n_in))]))[2][-1]
        both = network(np.stack([middle - 1e-7 * normal, middle + 1e-7 * normal]))
        names = (both[:, 0] > 0).astype(int) if network.n_out == 1 else both.argmax(axis=1)
        assert sorted(names.tolist()) == pieces.classes[k].tolist()
        assert pieces.volumes[k] > 0


@pytest.mark.parametrize("n_out", [1, 2, 4])
def test_two_inputs_are_the_plane(n_out: int) -> None:
    network = lr.random_network([2, 10, 8, n_out], 3, bias_variance=0.2)
    part, plane = (
        engine_partition(network, cube(2)),
        lr.partition(network, PlaneWindow.of_inputs([-1, -1], [1, 1])),
    )
    level = float(np.median(network(part.vertices)[:, 0]))
    for found, expected in (
        (part.decision_boundary(), plane.decision_boundary()),
        (part.level_set(level=level), plane.level_set(level=level)),
    ):
        assert len(found) == len(expected.segments)
        lengths = np.linalg.norm(expected.segments[:, 1] - expected.segments[:, 0], axis=1)
        np.testing.assert_allclose(np.sort(found.volumes), np.sort(lengths), atol=1e-12)
        np.testing.assert_array_equal(
            np.unique(found.classes, axis=0, return_counts=True)[1],
            np.unique(expected.classes, axis=0, return_counts=True)[1],
        )
        assert sum(found.class_volumes.values()) == pytest.approx(4.0)
    check_sides(network, part.decision_boundary())


def test_one_input_is_the_line() -> None:
    network = centred(lr.random_network([1, 12, 10, 3], 5, bias_variance=0.5))
    found = engine_partition(network, cube(1)).decision_boundary()
    line = lr.partition(network, Segment([-1.0], [1.0])).decision_points()
    assert len(found)
    np.testing.assert_allclose(np.sort(found.points[:, 0]), 2 * line.t - 1, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_three_inputs_are_the_surface(seed: int) -> None:
    rng = np.random.default_rng(seed)
    if seed % 2:
        network = lr.random_network([3, 8, 6, 3], rng, bias_variance=0.2)
    else:  # ties at corners and on walls
        layers = [(rng.integers(-2, 3, (b, a)), rng.integers(-1, 2, b)) for a, b in ((3, 6), (6, 4), (4, 3))]
        network = Network.from_layers(layers)
    part = engine_partition(network, cube(3))
    surface = part.decision_boundary()
    pieces = pieces_of(part, Comparison.of_classes(3, "argmax", "test"))
    assert pieces.volume == pytest.approx(surface.area)
    assert len(pieces) == len(surface)
    for k, volume in pieces.class_volumes.items():
        assert surface.capped(k).signed_volume == pytest.approx(volume)
    for classes in np.unique(surface.classes, axis=0):
        one, other = ((each.classes == classes).all(axis=1) for each in (surface, pieces))
        assert pieces.volumes[other].sum() == pytest.approx(surface.areas[one].sum())


def centred(network: Network) -> Network:
    """Return the network with every output of median 0."""
    *layers, last = ((each.weight, each.bias) for each in network.layers)
    outputs = network(np.random.default_rng(1).uniform(-1, 1, (1000, network.n_in)))
    return Network.from_layers([*layers, (last[0], last[1] - np.median(outputs, axis=0))], network.activations)


@pytest.mark.parametrize(("d", "n_out"), [(4, 1), (4, 3), (5, 2)])
def test_more_inputs(d: int, n_out: int) -> None:
    network = lr.random_network([d, 5, 4, n_out], 11, bias_variance=0.3)
    part = engine_partition(centred(network), cube(d))
    network = part.network
    pieces = part.decision_boundary()
    assert len(pieces)
    check_sides(network, pieces)
    assert sum(pieces.class_volumes.values()) == pytest.approx(2.0**d)
    outputs = network(np.random.default_rng(0).uniform(-1, 1, (40_000, d)))
    names = (outputs[:, 0] > 0).astype(int) if n_out == 1 else outputs.argmax(axis=1)
    for k in range(max(2, n_out)):
        share = pieces.class_volumes.get(k, 0.0) / 2.0**d
        assert share == pytest.approx(np.mean(names == k), abs=5 * np.sqrt(0.25 / 40_000))


def test_a_hyperplane_and_a_cross_polytope() -> None:
    for d in (2, 4, 5):
        network = Network.from_layers([(np.eye(d), np.zeros(d)), (np.ones((1, d)), [-1.0])], lr.ABS)
        pieces = engine_partition(network, cube(d)).level_set()
        assert len(pieces) == 2**d
        facet = np.sqrt(d) / np.prod(np.arange(1, d))
        np.testing.assert_allclose(pieces.volumes, facet)
        assert pieces.class_volumes[0] == pytest.approx(2.0**d / np.prod(np.arange(1, d + 1)))
