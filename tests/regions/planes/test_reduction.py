"""Networks reduced to regions of a plane, and the regions in which no output is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlanePartition, PlaneWindow
from linregions.domains.frames import frame_of
from linregions.regions.outputs import region_maps
from linregions.regions.planes import decision
from linregions.regions.planes.kernels import reduction
from linregions.regions.planes.scales import in_frame
from tests.fuzz.families import FIVE_BREAKPOINTS
from tests.support import zoo


def mixed_network() -> Network:
    net = zoo.float_network([2, 9, 7, 8, 3], np.random.default_rng(5))
    activations = [FIVE_BREAKPOINTS, lr.IDENTITY, lr.ABS]
    return Network.from_layers([(layer.weight, layer.bias) for layer in net.layers], activations)


CASES = {
    "linear": zoo.float_network([2, 4], np.random.default_rng(0)),
    "wide": zoo.float_network([2, 40, 5], np.random.default_rng(1)),
    "three layers": zoo.float_network([2, 12, 16, 11, 4], np.random.default_rng(2)),
    "deep": zoo.float_network([2, *[7] * 14, 3], np.random.default_rng(3)),
    "hard tanh": zoo.float_network([2, 8, 8, 8, 3], np.random.default_rng(8), lr.HARD_TANH, 1.0),
    "mixed": mixed_network(),
    "narrow": zoo.float_network([2, 12, 2, 12, 3], np.random.default_rng(14)),
}


def contested(
    part: PlanePartition, sizes: Sequence[int] = decision.REGIONS_AT_ONCE
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Network, np.ndarray]:
    """Return contested regions, maps, bands; and the network and the vertices in the frame."""
    frame = frame_of(part.window)
    network, points = in_frame(part.network, part.window, frame), frame.from_plane(part.vertices)
    return (*decision._contested(part, network, points, frame.grain(part.window), sizes), network, points)


@pytest.mark.parametrize("sizes", [(4096, 1024, 256, 64), (64, 16, 4), (1,), (30, 5)], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_contested_regions_and_their_maps(name: str, sizes: tuple[int, ...]) -> None:
    part = lr.partition(CASES[name], zoo.WIDE)
    faces, maps, band, network, points = contested(part, sizes)
    expected = region_maps(network, np.eye(3)[:, :2], part.pattern_words)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(maps, expected[faces], rtol=0, atol=1e-12 * scale)
    assert band.max() <= 1e-9 * scale
    assert band.min() > 0
    winner = np.argmax(network(points), axis=1)
    starts = part.face_offsets[:-1]
    corners = winner[part.face_vertices]
    differ = np.flatnonzero(np.minimum.reduceat(corners, starts) != np.maximum.reduceat(corners, starts))
    np.testing.assert_array_equal(faces, differ)  # since no two outputs nearly tie at a vertex
    assert differ.size == 1 if name == "linear" else 0 < differ.size < part.n_regions


def test_functions_of_deep_networks_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a layer has few units that are open, later ones are made of them instead of all those before."""
    kept: list[Any] = []

    def spy(*args: Any) -> Any:
        kept.append(made := reduction_made(*args))
        return made

    reduction_made = reduction.make_reduced
    monkeypatch.setattr(reduction, "make_reduced", spy)
    golden = zoo.golden("mnist_64x3_trained")
    for network, window, lowest in ((CASES["deep"], zoo.WIDE, 6), (golden.network, golden.window, 0)):
        contested(lr.partition(network, window))
        layout = kept.pop()[0].layout[1:]
        assert layout[-1, reduction.LOWEST, 1:-1].max() >= lowest
        assert lowest or layout[-1, reduction.LOWEST, 1:-1].max() == 0
        # Rows go on to the layer before at most, and the room is that of all levels.
        assert np.all(layout[:, reduction.LOWEST, 1:-1] < np.arange(1, layout.shape[2] - 1))
        assert np.all(np.diff(layout[:, reduction.PLACE, 1:], axis=1) >= 0)


def test_more_contested_regions_than_fit_at_once() -> None:
    """Three outputs that are nearly one: every region is contested."""
    net = zoo.float_network([2, 30, 30, 3], np.random.default_rng(7))
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[-1] = (np.repeat(layers[-1][0][:1], 3, axis=0), np.full(3, 0.25) + np.arange(3) * 2.0**-52)
    part = lr.partition(Network.from_layers(layers), zoo.WIDE)
    assert part.n_regions > 500
    faces, maps, _, network, _ = contested(part)
    np.testing.assert_array_equal(faces, np.arange(part.n_regions))
    expected = region_maps(network, np.eye(3)[:, :2], part.pattern_words)
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_regions_of_many_corners() -> None:
    """More vertices than are evaluated at once."""
    angles = np.linspace(0.0, 2 * np.pi, 400, endpoint=False)
    weight = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    net = Network.from_layers([(weight, np.full(400, -1.0)), ([[0.0] * 400, [1.0] * 400], [0.5, 0.0])])
    part = lr.partition(net, PlaneWindow.of_inputs([-1.5, -1.5], [1.5, 1.5]))
    assert np.diff(part.face_offsets).max() == 400
    faces, _, _, network, points = contested(part)
    winner = np.argmax(network(points), axis=1)
    mixed = [
        k
        for k in range(part.n_regions)
        if np.unique(winner[part.face_vertices[slice(*part.face_offsets[k : k + 2])]]).size > 1
    ]
    np.testing.assert_array_equal(faces, mixed)
    assert 0 < len(mixed) < part.n_regions
