"""The MODEL argument: files of other programs, and what is left out of them or done before."""

import json

import numpy as np
import pytest

from linregions.cli import main

onnx = pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import helper, model_of, saved  # noqa: E402

node = helper.make_node


@pytest.fixture
def classifier(tmp_path):
    """Two inputs, six neurons, three classes."""
    rng = np.random.default_rng(0)
    weights = {
        "a": rng.normal(size=(2, 6)).astype(np.float32),
        "b": rng.normal(size=6).astype(np.float32),
        "c": rng.normal(size=(6, 3)).astype(np.float32),
    }
    nodes = [
        node("Gemm", ["x", "a", "b"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "c"], ["z"]),
        node("Softmax", ["z"], ["y"]),
    ]
    return saved(model_of(nodes, {"x": ["N", 2]}, ["y"], weights), tmp_path, "classifier.onnx")


def test_a_softmax_is_left_out_and_inputs_are_normalised(classifier, tmp_path, capsys):
    box = ["--low", "0", "0", "--high", "255", "255"]
    options = ["--drop-last", "softmax", "--input-scale", "0.0078431372549", "--input-shift", "-1"]
    for command in (["info", str(classifier)], ["plane", str(classifier), *box]):
        assert main(command) == 2
        assert '`drop_last="softmax"` (`--drop-last softmax`)' in capsys.readouterr().err
    assert main(["info", str(classifier), *options]) == 0
    assert "2 inputs, 3 outputs, 6 neurons" in capsys.readouterr().out
    out = ["--out", str(tmp_path / "out"), "--format", "none", "-q"]
    assert main(["plane", str(classifier), *box, *options, *out]) == 0
    box = ["--low", "-1", "-1", "--high", "1", "1"]
    assert main(["plane", str(classifier), *box, "--drop-last", "softmax", *out, "--name", "plain"]) == 0
    raw, plain = (
        json.loads((tmp_path / "out" / f"{name}.json").read_text())["results"]["regions"]
        for name in ("classifier-plane", "plain")
    )
    assert raw == plain > 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--drop-last", "argmax"], "`drop_last` is 'argmax', but the model ends with Softmax"),
        (["--drop-last", "softmax", "--input-scale", "x"], "`--input-scale` is 'x', but linregions needs numbers"),
        (["--drop-last", "softmax", "--input-scale", "1,2,3"], "`scale` has shape (3,), but from_onnx needs a number"),
        (["--drop-last", "softmax", "--input-scale", "0"], "`scale` has a zero"),
    ],
)
def test_mistakes(options, message, classifier, capsys):
    assert main(["info", str(classifier), *options]) == 2
    assert message in capsys.readouterr().err


def test_numbers_for_each_input_come_from_a_list_or_a_file(classifier, tmp_path, capsys):
    np.savetxt(tmp_path / "scale.txt", [[0.5, 2.0]])
    for given in ("0.5,2", str(tmp_path / "scale.txt")):
        assert main(["info", str(classifier), "--drop-last", "softmax", "--input-scale", given]) == 0
    capsys.readouterr()


def test_options_of_onnx_files_are_for_them_alone(tmp_path, capsys):
    import linregions as lr

    lr.random_network([2, 3, 1], 0).save(tmp_path / "a.npz")
    assert main(["info", str(tmp_path / "a.npz"), "--input-scale", "2"]) == 2
    assert "`--input-scale` is given with" in capsys.readouterr().err


def test_info_tells_the_steps_of_a_graph(tmp_path, capsys):
    weights = {"w": np.ones((3, 1, 2, 2), np.float32)}
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2]),
    ]
    path = saved(model_of(nodes, {"x": ["N", 1, 5, 5]}, ["y"], weights), tmp_path)
    assert main(["info", str(path)]) == 0
    told = capsys.readouterr().out
    assert "inputs of shape 1 x 5 x 5 and outputs of shape 3 x 3 x 3, 75 neurons, 27 of them maxima" in told
