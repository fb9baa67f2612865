"""Networks that nobody here made: imported and compared with onnxruntime, or refused with the remedy."""

import json
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.errors import UnsupportedModuleError

onnx = pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import by_runtime  # noqa: E402

MODELS = Path(__file__).resolve().parents[4] / "shared" / "models"
FILES = sorted(MODELS.glob("*.onnx")) + sorted(MODELS.glob("layer-zoo/*.onnx"))
REFUSED = {
    "softmax-last-layer.onnx": r'node 7 \(Softmax .* is not piecewise linear.* `drop_last="softmax"`',
    "self-attention-mnist-pgd-medium-sim.onnx": r"combines two activations by MatMul.* without attention and gates",
    "sigmoid.onnx": r'node 0 \(Sigmoid\) is not piecewise linear.* `drop_last="sigmoid"`',
    "tanh.onnx": r"node 0 \(Tanh\) is not piecewise linear.* `linregions.approximate`",
    "dropout_training_mode_true.onnx": r"node 0 \(Dropout\) is in training mode.* call `module.eval\(\)` first",
}

pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of models is not there")


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in REFUSED], ids=lambda path: path.name)
def test_files_are_imported(path):
    pytest.importorskip("onnxruntime")
    network = lr.Network.load(path)
    model = onnx.load(path)
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(size=(8, network.n_in)), rng.normal(size=(8, network.n_in))])
    points = points.astype(np.float32)
    theirs = by_runtime(model, points)
    np.testing.assert_allclose(network(points), theirs, rtol=1e-4, atol=1e-5 * (1 + np.abs(theirs).max()))


@pytest.mark.parametrize("name", REFUSED)
def test_files_are_refused(name):
    path = next(path for path in FILES if path.name == name)
    with pytest.raises(UnsupportedModuleError, match=REFUSED[name]):
        lr.Network.load(path)


def test_the_logits_of_a_softmax():
    network = lr.from_onnx(MODELS / "softmax-last-layer.onnx", drop_last="softmax")
    points = np.random.default_rng(0).uniform(size=(8, network.n_in)).astype(np.float32)
    powers = np.exp(network(points) - network(points).max(axis=1, keepdims=True))
    theirs = by_runtime(onnx.load(MODELS / "softmax-last-layer.onnx"), points)
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("reference", "file", "most"),
    [
        ("tinytaxi.json", "KJ_TinyTaxiNet.onnx", 3),
        ("mnist5x20_leaky.json", "mnist5x20_leaky_relu.onnx", 3),
        ("cnn_max_mninst2.json", "cnn_max_mninst2.onnx", 1),
        pytest.param("cnn_max_mninst2.json", "cnn_max_mninst2.onnx", 3, marks=pytest.mark.slow),
    ],
)
def test_patterns_change_at_the_breakpoints_of_another_walker(reference, file, most):
    network = lr.from_onnx(MODELS / file)
    found = json.loads((MODELS / "reference" / reference).read_text())
    rng = np.random.default_rng(found["seed"])
    for segment in found["segments"][:most]:
        start = rng.uniform(found["lo"], found["hi"], network.n_in)
        end = rng.uniform(found["lo"], found["hi"], network.n_in)
        t = np.array([0.0, *segment["t"], 1.0])
        assert len(segment["t"]) == segment["breakpoints"] > 0
        # Far apart ones only: others come in one step.
        inside = np.concatenate([t[:-1] + share * np.diff(t) for share in (0.1, 0.5, 0.9)]).reshape(3, -1)
        points = start + (inside.ravel() * found["length"])[:, None] * (end - start)
        patterns = network.patterns(points).reshape(3, t.size - 1, -1)
        wide = np.diff(t) > 1e-9
        assert np.array_equal(patterns[0][wide], patterns[1][wide])
        assert np.array_equal(patterns[0][wide], patterns[2][wide])
        assert np.all(np.any(patterns[1][1:] != patterns[1][:-1], axis=1)[wide[1:] & wide[:-1]])


def test_an_nnet_file_is_evaluated_as_its_format_says():
    network = lr.from_nnet(MODELS / "TestNetwork.nnet")
    lines = [line for line in (MODELS / "TestNetwork.nnet").read_text().splitlines() if not line.startswith("//")]
    rows = [[float(word) for word in line.rstrip(",").split(",")] for line in lines]
    low, high, means, ranges = rows[3], rows[4], np.array(rows[5]), np.array(rows[6])
    points = np.random.default_rng(0).uniform(low, high, size=(50, 5))
    values = (points - means[:-1]) / ranges[:-1]
    place = 7
    for width in (int(w) for w in rows[1][1:]):
        weight, bias = np.array(rows[place : place + width]), np.array(rows[place + width : place + 2 * width])[:, 0]
        place += 2 * width
        values = values @ weight.T + bias
        if place < len(rows):
            values = np.maximum(values, 0)
    np.testing.assert_allclose(network(points), values * ranges[-1] + means[-1], rtol=1e-9, atol=1e-7)
    assert network.n_neurons == 300
    plain = lr.from_nnet(MODELS / "TestNetwork.nnet", normalisation=False)
    np.testing.assert_allclose(
        plain((points - means[:-1]) / ranges[:-1]) * ranges[-1] + means[-1], network(points), rtol=1e-9, atol=1e-7
    )
