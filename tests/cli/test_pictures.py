"""What the command line lets one choose of a picture."""

import json

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main

matplotlib = pytest.importorskip("matplotlib")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture
def model(tmp_path):
    lr.random_network([2, 8, 8, 3], 0, bias_variance=0.2).save(tmp_path / "net.npz")
    return str(tmp_path / "net.npz")


COMMANDS = {
    "plane": ["--low", "-1", "-1", "--high", "1", "1", "--color-by", "area", "--colormap", "magma"],
    "line": ["--from", "-1", "-1", "--to", "1", "1"],
    "distance": ["--points", "points.csv"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_size_resolution_and_title(command, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("x,y\n0,0\n0.5,-0.25\n")
    titles = []
    monkeypatch.setattr(matplotlib.axes.Axes, "set_title", lambda self, text, **_: titles.append(text))
    words = [command, model, *COMMANDS[command], "--out", "out", "--size", "4", "3", "--dpi", "50", "--title", "Mine"]
    assert main([*words, "--quiet"]) == 0
    (picture,) = (tmp_path / "out").glob("*.png")
    assert plt.imread(picture).shape[:2] == (150, 200)
    assert "Mine" in titles
    settings = json.loads((tmp_path / "out" / f"net-{command}.json").read_text())["settings"]
    assert (settings["size"], settings["dpi"], settings["title"]) == ([4.0, 3.0], 50.0, "Mine")


def test_another_look_is_no_other_result(model, tmp_path):
    """So it replaces the picture without being forced to."""
    words = ["plane", model, *COMMANDS["plane"], "--out", str(tmp_path / "out"), "--quiet"]
    assert main([*words, "--dpi", "20"]) == 0
    assert main([*words, "--dpi", "10", "--title", "x", "--size", "3", "3", "--colormap", "viridis"]) == 0
    (picture,) = (tmp_path / "out").glob("*.png")
    assert plt.imread(picture).shape[:2] == (30, 30)


@pytest.mark.parametrize("words", [["--dpi", "0"], ["--size", "3", "-1"], ["--size", "inf", "1"], ["--dpi", "nan"]])
def test_sizes_are_positive(words, model, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plane", model, *COMMANDS["plane"], "--out", str(tmp_path / "out"), *words])
    assert "is no positive number" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_colour_map_is_told_before_any_work(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("linregions.cli.plane.partition", lambda *_, **__: pytest.fail("worked"))
    words = ["plane", model, *COMMANDS["plane"][:-1], "mine", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "`colormap` is 'mine', which matplotlib does not know" in capsys.readouterr().err


def test_all_cores_and_points_with_a_header(model, tmp_path, capsys):
    (tmp_path / "points.csv").write_text("x,y\n0,0\n0.5,-0.25\n")
    words = ["distance", model, "--points", str(tmp_path / "points.csv"), "--out", str(tmp_path / "out"), "--quiet"]
    assert main([*words, "--threads", "-1"]) == 0
    assert np.load(tmp_path / "out" / "net-distance.npz")["points"].tolist() == [[0, 0], [0.5, -0.25]]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--threads", "0"])
    assert "0 is below 1" in capsys.readouterr().err


def test_points_as_images(tmp_path):
    lr.random_network([6, 8, 2], 0, bias_variance=0.2).save(tmp_path / "six.npz")
    images = np.random.default_rng(0).normal(size=(4, 1, 2, 3))
    np.save(tmp_path / "images.npy", images)
    words = ["--points", str(tmp_path / "images.npy"), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(["distance", str(tmp_path / "six.npz"), *words]) == 0
    assert np.load(tmp_path / "out" / "six-distance.npz")["points"].tolist() == images.reshape(4, 6).tolist()
