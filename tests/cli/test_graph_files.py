"""Every command on files of a convolutional network: saved graph, ONNX, exported program; images as points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main

pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import helper, model_of, saved

ENDINGS = (".npz", ".onnx", ".pt2")
QUIET = ["--format", "none", "-q", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a network of two colours, 4 x 4 pixels, in three kinds of file, and points."""
    torch = pytest.importorskip("torch")
    made = tmp_path_factory.mktemp("graph_files")
    rng = np.random.default_rng(0)
    weight, last = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 2, 3, 3), (12, 2)))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["y"]),
    ]
    path = saved(model_of(nodes, {"x": ["N", 2, 4, 4]}, ["y"], {"w": weight, "v": last}), made, "model.onnx")
    lr.Network.load(path).save(made / "model.npz")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding=1, bias=False),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 2, bias=False),
    )
    module[0].weight.data, module[4].weight.data = torch.from_numpy(weight), torch.from_numpy(last.T.copy())
    torch.export.save(torch.export.export(module.eval(), (torch.zeros(1, 2, 4, 4),)), made / "model.pt2")
    images = rng.normal(size=(3, 2, 4, 4))
    np.save(made / "images.npy", images)
    np.savez(made / "images.npz", images)
    np.savez(made / "labelled.npz", images=images, labels=np.arange(3))
    np.save(made / "one.npy", images[0])
    np.save(made / "other.npy", images[1])
    np.save(made / "last.npy", np.moveaxis(images, 1, -1))
    np.save(made / "large.npy", rng.normal(size=(3, 2, 5, 5)))
    return made


def results(folder: Path, command: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / f"model-{command}.json").read_text())["results"]
    return found


@pytest.mark.parametrize("points", ["images.npy", "images.npz"])
def test_all_kinds_of_file_give_the_same(points: str, folder: Path, tmp_path: Path) -> None:
    told: list[list[object]] = []
    for ending in ENDINGS:
        model, out = str(folder / f"model{ending}"), tmp_path / ending[1:]
        where = [str(folder / points), "--out", str(out), *QUIET]
        assert main(["plane", model, "--points", *where]) == 0
        assert main(["line", model, "--path", *where]) == 0
        assert main(["distance", model, "--points", *where]) == 0
        told.append([results(out, "plane")["regions"], results(out, "line")["regions"]])
        told[-1].append(pytest.approx(results(out, "distance")["mean"], rel=1e-9))
        assert results(out, "plane")["undecided"] == 0
    images = np.load(folder / "images.npy")
    network = lr.Network.load(folder / "model.npz")
    assert told[0][0] == lr.count_regions(network, lr.PlaneWindow.through(*images)) > 50
    assert told[0] == told[1] == told[2]


def test_images_as_ends_and_corners(folder: Path, tmp_path: Path) -> None:
    model, out = str(folder / "model.npz"), ["--out", str(tmp_path), "-q", "--threads", "1"]
    ends = ["--from", str(folder / "one.npy"), "--to", str(folder / "other.npy")]
    assert main(["line", model, *ends, *out, "--format", "none"]) == 0
    assert main(["density", model, "--ball", str(folder / "one.npy"), "0.5", "-n", "20", *out]) == 0
    assert results(tmp_path, "density")["density"] > 0  # type: ignore[operator]


def test_info_tells_the_cost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ENDINGS:
        where = ["--points", str(folder / "images.npz")]
        assert main(["info", str(folder / f"model{ending}"), *where]) == 0
        assert "inputs of shape 2 x 4 x 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["bounds", "model.npz"], "whose layers are not fully connected ones in a row, but linregions bounds needs"),
        (["plane", "model.onnx", "--points", "large.npy"], "needs shape (N, 32) or (N, 2, 4, 4). Reshape it."),
        (["line", "model.npz", "--path", "large.npy"], "needs shape (N, 32) or (N, 2, 4, 4). Reshape it."),
        (["distance", "model.npz", "--points", "large.npy"], "needs shape (N, 32) or (N, 2, 4, 4). Reshape it."),
        (["distance", "model.npz", "--points", "last.npy"], "needs images of the model's own shape, (2, 4, 4). Move"),
        (["plane", "model.npz", "--points", "last.npy"], "needs images of the model's own shape, (2, 4, 4). Move"),
        (["distance", "model.npz", "--points", "labelled.npz"], "it is an archive of 2 arrays: images, labels"),
        (["plane", "model.npz", "--low", "0", "0", "--high", "1", "1"], "`--low` gives a box of two inputs, but the"),
        (["density", "model.npz", "--low", "large.npy", "--high", "1"], "needs shape (N, 32) or (N, 2, 4, 4)"),
    ],
)
def test_mistakes(
    command: list[str], message: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(command) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("linregions: error:") == 1


def test_networks_refuse_images_whose_axes_have_another_order(folder: Path) -> None:
    network, images = lr.Network.load(folder / "model.npz"), np.load(folder / "last.npy")
    assert network(np.moveaxis(images, -1, 1)).shape == (3, 2)
    with pytest.raises(lr.errors.InvalidValueError, match=r"`x` has shape \(3, 4, 4, 2\), but Network needs images of"):
        network(images)
    with pytest.raises(lr.errors.InvalidValueError, match=r"`points` has shape .* but boundary_distance needs images"):
        lr.boundary_distance(network, images)
