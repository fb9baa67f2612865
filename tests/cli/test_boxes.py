"""The commands for boxes, end to end: files, tables, and one sentence for each mistake."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(3)
    lr.random_network([3, 8, 6, 2], rng, bias_variance=0.2).save(folder / "three.npz")
    lr.random_network([2, 6, 1], rng, bias_variance=0.2).save(folder / "two.npz")
    lr.random_network([6, 6, 1], rng).save(folder / "six.npz")
    lr.Network.from_layers([(np.eye(3), np.zeros(3)), (np.ones((1, 3)), [-0.5])], lr.ABS).save(folder / "solid.npz")
    (folder / "simplex.csv").write_text("1, 1, 1, 1\n")
    return folder


@pytest.fixture
def run(capsys):
    def runner(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return runner


def test_box_writes_numbers_picture_and_settings(run, folder, tmp_path):
    status, stdout, stderr = run("box", folder / "three.npz", "--out", tmp_path, "--low", -1, "--high", 1, 1, 0.5, "-q")
    assert (status, stderr) == (0, "")
    part = lr.BoxPartition.load(tmp_path / "three-box.npz")
    assert part.domain.high.tolist() == [1.0, 1.0, 0.5]
    results = json.loads((tmp_path / "three-box.json").read_text())["results"]
    assert results["regions"] == part.n_regions
    assert results["boundary_1"] == pytest.approx(part.boundary_volume)
    assert results["volume"] == pytest.approx(6.0)
    assert results["vertices"] - results["edges"] + results["faces"] - results["regions"] == 1
    with open(tmp_path / "three-box.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == part.n_regions
    assert sum(float(row["volume"]) for row in rows) == pytest.approx(6.0)
    assert (tmp_path / "three-box.png").is_file()
    assert f"{part.n_regions}" in stdout


def test_box_of_other_inputs_and_half_spaces(run, folder, tmp_path):
    status, _, stderr = run("box", folder / "two.npz", "--out", tmp_path, "-q")
    assert (status, stderr) == (0, "")
    assert not (tmp_path / "two-box.png").exists()
    status, _, stderr = run(
        "box", folder / "three.npz", "--out", tmp_path, "--low", 0, "--half-spaces", folder / "simplex.csv", "-q"
    )
    assert (status, stderr) == (0, "")
    assert lr.BoxPartition.load(tmp_path / "three-box.npz").volumes.sum() == pytest.approx(1 / 6)


def test_surface(run, folder, tmp_path):
    trimesh = pytest.importorskip("trimesh")
    status, stdout, stderr = run("surface", folder / "solid.npz", "--out", tmp_path / "part.ply", "-q")
    assert (status, stderr) == (0, "")
    mesh = trimesh.load(tmp_path / "part.ply")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1 / 6)
    results = json.loads((tmp_path / "part.json").read_text())["results"]
    assert (results["polygons"], results["euler"], results["closed"]) == (8, 2, True)
    assert results["enclosed_volume"] == pytest.approx(1 / 6)
    assert (tmp_path / "part.png").is_file()
    assert "part.ply" in stdout
    run("surface", folder / "solid.npz", "--level", 2, "--capped", "--out", tmp_path / "more.stl", "-q")
    assert trimesh.load(tmp_path / "more.stl").volume == pytest.approx(8 - 8 * 0.5**3 / 6, rel=1e-6)
    status, _, _ = run("surface", folder / "three.npz", "--decision", "argmax", "--out", tmp_path / "all.obj", "-q")
    assert status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["box", "three.npz", "--low", "0", "0"], "`--low` has 2 numbers.*3 inputs"),
        (["box", "three.npz", "--low", "2"], "`low` is 2 and `high` 1"),
        (["box", "six.npz"], "1 to 5.*lines.*planes.*densities"),
        (["surface", "two.npz", "--out", "part.ply"], "`MODEL` has 2 inputs.*linregions plane"),
        (["surface", "solid.npz", "--out", "part.txt"], "`--out` is .*PLY, OBJ and STL"),
        (["surface", "solid.npz", "--level", "9", "--out", "part.ply"], "`--level` is 9.*does not cross"),
        (
            ["surface", "solid.npz", "--low", "2", "--high", "3", "--decision", "argmax", "--out", "part.ply"],
            "`--decision` is argmax, which is the same in all of this box",
        ),
        (["box", "three.npz", "--half-spaces", "flat.csv"], "`--half-spaces` has 3 numbers in a row.*needs 4"),
    ],
)
def test_mistakes_are_told_in_one_sentence(run, folder, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat.csv").write_text("1,1,0.5\n")
    command, model, *rest = words
    status, stdout, stderr = run(command, folder / model, *rest, "-q")
    assert (status, stdout) == (2, "")
    assert re.search(message, stderr, re.DOTALL)
    assert "Traceback" not in stderr


def test_boxes_do_not_advise_what_they_cannot_do(run, folder, tmp_path):
    tie = [(np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]) / 3, np.array([1.0, 1, 2]) / 3), (np.ones((1, 3)), [-1.0])]
    lr.Network.from_layers(tie).save(tmp_path / "tie.npz")
    for command, model, found in (("box", tmp_path / "tie.npz", "taken as ties"), ("box", folder / "three.npz", "")):
        out = tmp_path / Path(model).stem
        _, stdout, _ = run(command, model, "--low", -2, "--high", 2, "--out", out)
        assert "rounding" in stdout
        assert found in stdout
        assert "certifying" not in stdout
