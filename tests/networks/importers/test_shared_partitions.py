"""Partitions of networks that nobody here made: every file of theirs that is piecewise linear."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.errors import LinRegionsError
from tests.support.plane_checks import check_geometry, check_incidence, check_shapes, face_means

MODELS = Path(__file__).resolve().parents[4] / "shared" / "models"
FILES = sorted(path for path in MODELS.rglob("*") if path.suffix in (".onnx", ".nnet", ".npz"))
#: What is no piecewise-linear network of ours, and a part of why.
REFUSED = {
    "softmax-last-layer.onnx": "drop_last",
    "self-attention-mnist-pgd-medium-sim.onnx": "without attention",
    "sigmoid.onnx": "drop_last",
    "tanh.onnx": 'approximate.path, activation="tanh"',
    "dropout_training_mode_true.onnx": "module.eval",
    "fox.npz": "Network.save",
    "hammer.npz": "Network.save",
}
#: The size of the window, where the usual one would hold too many regions.
RADII = {"cifar_base_kw.onnx": 0.02, "cnn_max_mninst2.onnx": 0.01, "model-german-traffic-sign-fast.onnx": 0.01}

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of models is not there")


def test_all_files_are_tried_and_some_are_refused():
    assert len(FILES) > 40
    assert set(REFUSED) <= {path.name for path in FILES}


def loaded(path):
    if path.suffix == ".onnx":
        pytest.importorskip("onnx")
        pytest.importorskip("scipy")
    return lr.Network.load(path)


@pytest.mark.parametrize("path", [path for path in FILES if path.name in REFUSED], ids=lambda path: path.name)
def test_refusals(path):
    with pytest.raises(LinRegionsError, match=REFUSED[path.name]):
        loaded(path)


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in REFUSED], ids=lambda path: path.name)
def test_planes_and_lines(path):
    network = loaded(path)
    rng = np.random.default_rng(0)
    center, first, second = rng.uniform(size=(3, network.n_in))
    radius = RADII.get(path.name, 0.3)
    line = lr.Segment(center, center + 4 * radius * (first - 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lr.errors.UndecidedWarning)
        check_line(lr.partition(network, line))
        if network.n_in > 1:
            window = lr.PlaneWindow.through(center, center + radius * (first - 0.5), center + radius * (second - 0.5))
            check_plane(
                lr.partition(network, window), lr.partition(network, lr.Segment(*window.point(window.polygon[:2])))
            )


def check_line(line):
    network, t = line.network, line.breakpoints
    inner = t[(t > 0) & (t < 1)]
    ends = np.concatenate([[0.0], inner, [1.0]])
    wide = np.diff(ends) > 1e-7
    middles = ((ends[:-1] + ends[1:]) / 2)[wide]
    low, high = ends[:-1][wide], ends[1:][wide]
    # The pattern is the same everywhere within a piece, and three points of it are on one line.
    quarter = network.patterns(line.domain.point(low + 0.25 * (high - low)))
    assert np.array_equal(network.patterns(line.domain.point(middles)), quarter)
    values = [network(line.domain.point(low + share * (high - low))) for share in (0.25, 0.5, 0.75)]
    size = 1.0 + np.abs(values).max()
    np.testing.assert_allclose(values[1], (values[0] + values[2]) / 2, atol=1e-10 * size)
    assert line.n_regions == t.size + 1


def check_plane(plane, side):
    network, window = plane.network, plane.window
    check_shapes(plane)
    check_incidence(plane)
    check_geometry(plane, 1e-8)
    assert len(np.unique(plane.patterns, axis=0)) == plane.n_regions
    means = face_means(plane)
    deep = plane.areas > 1e-9 * plane.areas.sum()
    assert np.mean(np.any(network.patterns(window.point(means[deep])) != plane.patterns[deep], axis=1)) < 0.01
    rows = np.concatenate([means, np.ones((len(means), 1))], axis=1)
    got, expected = np.einsum("foc,fc->fo", plane.affine_maps, rows), network(window.point(means))
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8 * (1 + np.abs(expected).max(initial=0.0)))
    # The side of the window is a line: it crosses as many regions as border it there.
    border = plane.edges[plane.edge_neuron < 0]
    on_side = np.all(
        np.abs(plane.vertices[border] @ normal_of(window.polygon) - level_of(window.polygon)) < 1e-9, axis=1
    )
    assert on_side.sum() == side.n_regions


def normal_of(polygon):
    along = polygon[1] - polygon[0]
    return np.array([-along[1], along[0]]) / np.linalg.norm(along)


def level_of(polygon):
    return polygon[0] @ normal_of(polygon)
