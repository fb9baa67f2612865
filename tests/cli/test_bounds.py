"""`linregions bounds`: what is printed is what the functions say, and the files hold every digit."""

import csv
import json
import math
import re
import subprocess
import sys
from fractions import Fraction

import pytest

import linregions as lr
from linregions import theory
from linregions.cli import main


@pytest.fixture
def run(capsys):
    def runner(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return runner


def printed(stdout):
    """Bound -> (kind, regions as text, log10 or None) from the table on the screen."""
    head, *lines = stdout.splitlines()[1:]
    starts = [head.index(name) for name in ("bound", "kind", "holds for")]
    found = {}
    for line in lines:
        name, kind_and_numbers = line[: starts[1]].strip(), line[starts[1] : starts[2]].split()
        kind, regions, *power = kind_and_numbers
        found[name] = (kind, regions, float(power[0].replace(",", "")) if power else None)
    return found


def test_the_papers_network(run):
    status, stdout, stderr = run("bounds", 784, 64, 64, 64, 10)
    assert (status, stderr) == (0, "")
    assert stdout.splitlines()[0] == "784 -> 64 -> 64 -> 64 -> 10: 192 neurons (ReLU, one breakpoint)"
    table = printed(stdout)
    for row in theory.region_bounds([784, 64, 64, 64, 10]):
        kind, regions, power = table.pop(row.name)
        assert kind == row.kind
        assert (regions == "-") == (row.value is None)
        assert power == (None if row.log10 is None else round(row.log10, 2))
    assert not table
    assert printed(stdout)["trivial"] == ("upper", "6.28e57", 57.8)  # 2^192


def test_in_a_plane_numbers_are_whole(run):
    _, stdout, _ = run("bounds", "--dimension", 2, 784, 64, 64, 64, 10)
    assert stdout.splitlines()[0].endswith("192 neurons (ReLU, one breakpoint), in 2 of 784 dimensions")
    table = printed(stdout)
    assert table["Serra et al. 2018"] == ("upper", "9,011,897,441", 9.95)
    assert table["Montúfar et al. 2014"] == ("lower", "2,182,086,656", 9.34)
    assert table["Hanin & Rolnick 2019b"] == ("average", "18,432", 4.27)
    # the numbers stand below each other
    ends = {line[: line.rindex("  ")].rstrip() for line in stdout.splitlines()[2:]}
    assert len({len(line) for line in ends}) == 1


def test_breakpoints(run):
    _, stdout, _ = run("bounds", 3, 5, 1, "--breakpoints", 2)
    assert stdout.startswith("3 -> 5 -> 1: 5 neurons (2 breakpoints each)\n")
    table = printed(stdout)
    assert table["trivial"][1] == "243"
    assert table["Montúfar 2017"][1] == table["Zaslavsky"][1] == f"{1 + 10 + 40 + 80}"
    assert table["Serra et al. 2018"][1:] == ("-", None)
    assert table["Hanin & Rolnick 2019b"][1] == f"{10**3 / 6:.6g}"


def test_no_hidden_layer(run):
    status, stdout, _ = run("bounds", 4, 2)
    assert status == 0
    assert {entry[1] for entry in printed(stdout).values()} == {"1"}


def test_a_model_tells_its_own_activations(run, tmp_path):
    net = lr.random_network([5, 6, 7, 2], 0, activation=[lr.HARD_TANH, lr.leaky_relu(0.1)])
    net.save(tmp_path / "net.npz")
    status, stdout, _ = run("bounds", tmp_path / "net.npz", "--out", tmp_path / "out", "--dimension", 2)
    assert status == 0
    assert stdout.startswith("5 -> 6 -> 7 -> 2: 13 neurons (hard_tanh, leaky_relu(0.1))")
    table = printed(stdout[: stdout.index("written to")])
    expected = theory.serra_upper_bound(net.widths, 2, n_breakpoints=[2, 1], n_flat=[2, 0])
    assert table["Serra et al. 2018, extended"][1] == f"{expected:,}"
    content = json.loads((tmp_path / "out" / "net-bounds.json").read_text())
    assert content["settings"]["dimension"] == 2
    assert content["settings"]["widths"] == [5, 6, 7, 2]
    assert [entry["name"] for entry in content["settings"]["activations"]] == ["hard_tanh", "leaky_relu(0.1)"]
    assert content["results"]["neurons"] == 13


def test_files_hold_every_digit(run, tmp_path):
    widths = [3000, 512, 512, 512, 7]  # numbers with more digits than Python turns into text by itself
    status, stdout, _ = run("bounds", *widths, "--out", tmp_path)
    assert status == 0
    assert re.search(rf"written to {re.escape(str(tmp_path))}: bounds\.csv, (bounds\.parquet, )?bounds\.json", stdout)
    with open(tmp_path / "bounds.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    expected = theory.region_bounds(widths)
    assert [row["bound"] for row in rows] == [bound.name for bound in expected]
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert any(len(row["regions"]) > 4300 for row in rows)
        for row, bound in zip(rows, expected, strict=True):
            assert (Fraction(row["regions"]) if row["regions"] else None) == bound.value
            assert row["reference"] == bound.reference
    finally:
        sys.set_int_max_str_digits(limit)
    content = json.loads((tmp_path / "bounds.json").read_text())
    assert [row["regions"] or "" for row in content["results"]["bounds"]] == [row["regions"] for row in rows]
    assert content["settings"]["breakpoints"] == 1
    assert content["versions"]["linregions"] == lr.__version__


def test_a_fraction_in_the_file(run, tmp_path):
    run("bounds", 3, 5, 1, "--out", tmp_path)
    with open(tmp_path / "bounds.csv", newline="", encoding="utf-8") as handle:
        [average] = [row for row in csv.DictReader(handle) if row["kind"] == "average"]
    assert average["regions"] == "125/6"
    assert float(average["log10"]) == pytest.approx(math.log10(125 / 6))


def test_nothing_is_written_unless_asked(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("bounds", 2, 3, 1)[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_draws_or_compiles_is_imported():
    code = (
        "import sys; from linregions.cli import main; main(['bounds', '2', '3', '1']);"
        "sys.exit(any(name in sys.modules for name in ('numba', 'matplotlib', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["784", "-64", "10"], r"`widths\[1\]` is -64, but region_bounds needs at least 1"),
        (["784"], r"`widths` is \[784\], but region_bounds needs the input and the output"),
        (["784", "6x", "1"], r"`WIDTH` is '6x', but linregions bounds needs whole numbers, or one model file"),
        (["2", "3.5", "1"], r"`WIDTH` is '3.5', but linregions bounds needs whole numbers"),
        (["model.pt"], r"`MODEL` is 'model.pt', but linregions reads models from .npz, .onnx, .nnet and .pt2 files"),
        (["missing.npz"], r"`path` is 'missing.npz', where there is no file"),
        (["2", "3", "1", "--dimension", "3"], r"`dimension` is 3, but region_bounds needs at most the 2 inputs"),
    ],
)
def test_mistakes(run, words, message):
    status, stdout, stderr = run("bounds", *words)
    assert (status, stdout) == (2, "")
    assert re.fullmatch(rf"linregions: error: {message}[^\n]*\n", stderr)


def test_breakpoints_contradict_a_model(run, tmp_path):
    lr.random_network([2, 3, 1], 0).save(tmp_path / "net.npz")
    status, _, stderr = run("bounds", tmp_path / "net.npz", "--breakpoints", 2)
    assert status == 2
    assert re.search(r"`--breakpoints` is 2, but '.*net.npz' says itself how many", stderr)


@pytest.mark.parametrize("words", [["--breakpoints", "-1"], ["--dimension", "0"], ["--dimension", "two"]])
def test_options_that_are_no_counts(capsys, words):
    with pytest.raises(SystemExit) as error:
        main(["bounds", "2", "3", "1", *words])
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err
