"""``linregions density``: the estimate, its files, and one sentence for each mistake."""

import csv
import json

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    lr.random_network([2, 8, 8, 3], 0, bias_variance=0.2).save(folder / "flat.npz")
    lr.random_network([6, 8, 3], 1, activation=lr.HARD_TANH, bias_variance=0.2).save(folder / "deep.npz")
    np.savetxt(folder / "corner.txt", np.full((1, 6), -1.0))
    return folder


def read(out, stem):
    with open(out / f"{stem}-density.csv", newline="") as handle:
        (row,) = csv.DictReader(handle)
    return row, json.loads((out / f"{stem}-density.json").read_text())


def test_a_box_of_two_inputs(folder, tmp_path, capsys):
    words = ["density", folder / "flat.npz", "--low", "-1", "--high", "1", "2", "--out", tmp_path, "-q"]
    assert main([str(word) for word in words]) == 0
    expected = lr.boundary_density(lr.Network.load(folder / "flat.npz"), -1.0, [1.0, 2.0], rng=0)
    row, meta = read(tmp_path, "flat")
    assert float(row["density"]) == pytest.approx(expected.value, rel=1e-12)
    assert (row["stderr"], row["n"]) == ("0.0", "1")
    assert float(row["density_per_set"]) == pytest.approx(expected.value / 16)
    assert meta["seed"] is None
    assert meta["settings"]["command"] == "density"
    assert meta["settings"]["low"] == ["-1"]
    assert meta["network"]["widths"] == [2, 8, 8, 3]
    assert meta["versions"]["linregions"] == lr.__version__
    head, numbers, written = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["density", "stderr", "n"]
    assert numbers.split()[1] == "0"
    assert written.startswith(f"written to {tmp_path}: flat-density.csv, ")
    assert written.endswith("flat-density.json")


@pytest.mark.parametrize("low", [["-1e-3"], ["-1E-3", "-.1e-2"], ["-1e-3,-0.001"]])
def test_negative_numbers_of_every_spelling(folder, tmp_path, low):
    words = ["density", folder / "flat.npz", "--low", *low, "--high", "1e0", "--out", tmp_path, "-q"]
    assert main([str(word) for word in words]) == 0
    expected = lr.boundary_density(lr.Network.load(folder / "flat.npz"), -1e-3, 1.0, rng=0)
    row, meta = read(tmp_path, "flat")
    assert float(row["density"]) == pytest.approx(expected.value, rel=1e-12)
    assert meta["settings"]["low"] == low


@pytest.mark.parametrize("codimension", [1, 2])
def test_a_ball_and_a_box_of_many_inputs(folder, tmp_path, codimension):
    net = lr.Network.load(folder / "deep.npz")
    common = ["-n", 50, "--codimension", codimension, "--kind", "activation", "--seed", 3, "--out", tmp_path, "-q"]
    options = {"rng": 3, "n_chords": 50, "kind": "activation", "codimension": codimension}
    for domain, solid in (
        (["--ball", "0", "1.5"], lr.Ball(np.zeros(6), 1.5)),
        (["--ball", "0,0,0,0,0,1", "1.5"], lr.Ball(np.eye(6)[5], 1.5)),
        (["--low", folder / "corner.txt", "--high", *"112211"], lr.Box(-np.ones(6), [1, 1, 2, 2, 1, 1])),
    ):
        assert main([str(word) for word in ["density", folder / "deep.npz", *domain, *common, "--force"]]) == 0
        row, meta = read(tmp_path, "deep")
        expected = lr.boundary_density(net, solid, **options)
        assert float(row["density"]) == pytest.approx(expected.value, rel=1e-12)
        assert float(row["stderr"]) == pytest.approx(expected.stderr, rel=1e-12)
        assert int(row["breakpoint_sets"]) == (16 if codimension == 1 else 28 * 4)
        assert meta["seed"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--low", "0"], "`--high` is missing, but --low needs the opposite corner"),
        (["--ball", "0", "1", "--high", "1"], "`--high` is given beside --ball"),
        (["--ball", "1"], "`--ball` is '1' alone, but linregions density needs a centre and a radius"),
        (["--ball", "0", "-1"], "`radius` is -1, but Ball needs a positive number"),
        (["--ball", "0", "0", "1"], "`--ball` has 2 coordinates, but the model has 6 inputs"),
        (["--low", "0", "--high", "nan"], "`high` holds 6 NaN or infinite"),
        (["--low", "0", "--high", "inf"], "`high` holds 6 NaN or infinite"),
        (["--low", "1", "--high", "0"], "`low` is 1 and `high` 0 in coordinate 0, but Box needs low < high"),
        (["--low", "corner.npy", "--high", "1"], "`--low` is 'corner.npy', but linregions density needs numbers"),
        (["--low", "0", "--high", "1", "-n", "1"], "`n_chords` is 1, but boundary_density needs at least 2"),
        (["--low", "0", "--high", "1", "--method", "exact"], "`method` is 'exact' for a Box of 6 inputs"),
    ],
)
def test_messages(folder, tmp_path, capsys, words, message):
    assert main(["density", str(folder / "deep.npz"), *words, "--out", str(tmp_path), "-q"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
