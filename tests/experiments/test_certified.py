"""`reproduce --certify`: the same tables, the option in every count, and what is told of the proofs."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions._support.tables import write_json
from linregions.cli import main
from linregions.errors import FileFormatError, InvalidValueError
from linregions.experiments import counting, reproduce
from linregions.experiments.context import Context
from linregions.experiments.counting import Counting, Proof
from linregions.experiments.figures import fig2, fig3, fig4, fig5, fig6, fig7, fig8
from linregions.experiments.place import Place
from linregions.experiments.report.proofs import proof_told
from linregions.experiments.report.report import write_report
from linregions.experiments.saved import load_saved
from linregions.experiments.sweeps.cells import Chain, Distances, LineCounts, Training, key_of, line_counts
from linregions.experiments.sweeps.sweep import sweep
from linregions.experiments.theorems.cases import Law
from linregions.experiments.theorems.cells import OnCurve, Tubes
from linregions.regions.options import Options
from tests.support import sweep_cases

pytest.importorskip("matplotlib")

_TRAINED = {"hidden": ((5,),), "runs": 1, "epochs": (0.0, 0.5), "batch_size": 16, "learning_rate": 0.01}
_SQUARES = fig8.Settings(hidden=(4, 3), epochs=(0.0, 0.5), scales=(0.5,), runs=1, batch_size=16, learning_rate=1e-2)
SETTINGS = {
    "fig1": _SQUARES,
    "fig2": fig2.Settings(hidden=(4, 3)),
    "fig3": fig3.Settings(ns=(1, 2), draws=3, shown=2),
    "fig4": fig4.Settings(hidden=(5, 5), others=((4,),), draws=2),
    "fig5": fig5.Settings(lines=3, **_TRAINED),
    "fig6": fig6.Settings(points=20, samples=("train",), **_TRAINED),
    "fig7": fig7.Settings(points=20, sample="train", **_TRAINED),
    "fig8": _SQUARES,
}
NEED_TORCH = ("fig1", "fig5", "fig6", "fig7", "fig8")
# Lines and windows of each: sums over what its settings above name.
COUNTED = {
    "fig1": (0, 1),
    "fig2": (0, 2),
    "fig3": (2 * 3 + 2 + 2, 0),
    "fig4": (1 + 2, 0),
    "fig5": (2 * 3, 0),
    "fig6": (0, 0),
    "fig7": (0, 0),
    "fig8": (0, 2 + 2),
}
# Two neurons, the second of which floats take for a copy of the first.
CLOSE = lr.Network.from_layers([([[1.0], [1.0]], [-1.0, -1.0 - 2.0**-52]), ([[1.0, 1.0]], [0.0])])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return sweep_cases.write_blobs(tmp_path_factory.mktemp("data") / "blobs.npz")


@pytest.fixture
def undrawn(monkeypatch):
    """Leave pictures out, which take longer than all the rest."""
    monkeypatch.setattr("linregions.experiments.runner.redraw", lambda *_: [])


def context_in(folder, data, **more):
    return Context(out=folder, data=data, seed=1, progress=False, **more)


def check_same_table(found, expected):
    assert [list(row) for row in found] == [list(row) for row in expected]
    for one, other in zip(found, expected, strict=True):
        for key, value in other.items():
            close = pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else value
            assert one[key] == close, key


@pytest.mark.parametrize("name", SETTINGS)
def test_the_option_reaches_every_count(name, data, undrawn, tmp_path, monkeypatch):
    if name in NEED_TORCH:
        pytest.importorskip("torch")
    plain = reproduce(name, context_in(tmp_path / "plain", data), settings=SETTINGS[name])
    asked, checked = [], Options.checked.__func__

    def noting(cls, who, *options, **named):
        found = checked(cls, who, *options, **named)
        asked.append((who, found.certify))
        return found

    monkeypatch.setattr(Options, "checked", classmethod(noting))
    monkeypatch.setattr(counting, "_in_floats", lambda _, domains: [(-1, -1)] * len(domains))
    done = reproduce(name, context_in(tmp_path / "proved", data, certify=True), settings=SETTINGS[name])
    verbs = [certify for who, certify in asked if who in {"partition", "count_regions"}]
    assert all(verbs)
    assert bool(verbs) == any(COUNTED[name])
    assert (done.saved.proof.lines, done.saved.proof.windows) == COUNTED[name]
    assert done.saved.proof.counts == 2 * sum(COUNTED[name])
    assert done.saved.proof.wrong_counts == 2 * COUNTED[name][0]  # windows are compared where they were mended
    # Places are found by another engine, and their last digits are its own.
    check_same_table(done.saved.rows, plain.saved.rows)
    assert done.saved.tables == plain.saved.tables
    for table in plain.saved.tables:
        check_same_table(done.saved.table(table), plain.saved.table(table))
    assert plain.saved.proof is None


def test_experiments_count_in_one_place():
    # Whoever imports a verb, or what calls one, forgets the option.
    folder = Path(counting.__file__).parent
    importers = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = {entry.name for entry in node.names} if isinstance(node, ast.ImportFrom) else set()
            if names & {"partition", "count_regions", "partition_plane", "partition_lines", "perturbed_counts"}:
                importers.add(file.name)
    assert importers == {"counting.py"}


@pytest.mark.parametrize(
    "cell",
    [
        OnCurve(Law((3, 4, 4, 1)), 3, 0, "circle", 4),
        Tubes(Law((2, 4, 1), scale=0.5), 1, 0, (0.1,), samples=100),
    ],
    ids=["curve", "tubes"],
)
def test_cells_of_the_theorems_draw_the_same_networks(cell, tmp_path):
    place = Place("none", str(tmp_path))
    plain, proved = cell.compute(place), dict(replace(cell, certify=True).compute(place))
    proof = proved.pop("proof")
    assert proved == plain
    assert proof["lines"] + proof["windows"] == cell.networks
    assert key_of(cell) != key_of(replace(cell, certify=True))


def test_cells_are_told_apart_and_others_keep_their_names():
    training = Training(Chain((8,), 0, 1, "0" * 64), (0.0,))
    plain, proved = LineCounts(training, 0.0, 5), LineCounts(training, 0.0, 5, certify=True)
    assert key_of(plain) != key_of(proved)
    assert "certify" not in key_of(plain)
    assert "certify" not in key_of(Distances(training, 0.0, "train", 5))


def test_a_run_does_not_go_on_with_results_of_the_other_kind(data, undrawn, tmp_path):
    pytest.importorskip("torch")
    plain = context_in(tmp_path, data)
    before = reproduce("fig5", plain, settings=SETTINGS["fig5"])
    proved = context_in(tmp_path, data, certify=True)
    with pytest.raises(InvalidValueError, match=r"certify False, not True, .*`--out`, or replace them with `--force`"):
        reproduce("fig5", proved, settings=SETTINGS["fig5"])
    forced = replace(proved, force=True)
    done = reproduce("fig5", forced, settings=SETTINGS["fig5"])
    assert done.saved.proof.lines == 6
    assert done.saved.rows == before.saved.rows
    again = reproduce("fig5", proved, settings=SETTINGS["fig5"])  # all cells are there, and so are their proofs
    assert again.saved.proof == done.saved.proof
    with pytest.raises(InvalidValueError, match="certify True, not False"):
        reproduce("fig5", plain, settings=SETTINGS["fig5"])


def test_a_count_that_floats_have_wrong_is_told():
    segment = lr.Segment([-1.0], [2.0])
    assert lr.count_regions(CLOSE, segment, certify=True) == 3
    assert lr.partition(CLOSE, segment).n_regions == 2
    proved = Counting(certify=True)
    assert proved.counts(CLOSE, segment, ["linear"]) == [3]
    assert (proved.proof.lines, proved.proof.counts, proved.proof.wrong_counts) == (1, 2, 2)
    assert proved.proof.exact_decisions > 0
    proved.counts(lr.random_network([1, 4, 1], 0), segment)
    assert (proved.proof.lines, proved.proof.counts, proved.proof.wrong_counts) == (2, 4, 2)


def test_a_window_that_floats_have_wrong_is_told():
    network = lr.Network.from_layers([([[1.0, 0.0], [1.0, 0.0]], [0.0, -1e-18]), ([[1.0, 1.0]], [0.0])])
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    plain, proved = lr.partition(network, window), Counting(certify=True)
    assert proved.counts(network, window, ["activation"]) == [3]
    wrong = (plain.n_regions != 3) + (plain.n_linear_regions != 3)
    assert wrong > 0
    assert (proved.proof.windows, proved.proof.mended, proved.proof.wrong_counts) == (1, 1, wrong)


def test_lines_of_a_batch_are_told_each():
    found = line_counts(CLOSE, np.array([[1.0], [-2.0]]), certify=True)
    assert found["activation_regions"] == [3, 3]
    assert found["proof"]["lines"] == 2
    assert found["proof"]["wrong_counts"] == 4
    assert "proof" not in line_counts(CLOSE, np.array([[1.0]]))


def test_the_report_has_the_numbers(tmp_path, capsys):
    settings = tmp_path / "small.toml"
    settings.write_text("[fig2]\nhidden = [3]\n[fig3]\nns = [1]\nshown = 1\ndraws = 2\n")
    out = str(tmp_path / "out")
    command = ["reproduce", "--settings", str(settings), "--out", out, "-q", "--threads", "1"]
    assert main([*command, "fig2", "--certify"]) == 0
    assert "certified: 1 window, " in capsys.readouterr().out
    assert main([*command, "fig3"]) == 0
    assert "certified" not in capsys.readouterr().out
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Certified counts" in page
    assert "<td>Figure 2</td><td>0</td><td>1</td>" in page
    assert "<td>not certified</td>" in page
    assert "Certified: 1 window, " in page
    numbers = json.loads((tmp_path / "out" / "fig2.json").read_text())["certified"]
    assert numbers == load_saved(out, "fig2").proof.numbers()


def test_without_the_option_the_report_says_nothing_of_it(tmp_path):
    context = Context(out=tmp_path, progress=False)
    reproduce("fig2", context, settings=fig2.Settings(hidden=(3,)))
    assert "ertified" not in write_report(tmp_path).read_text(encoding="utf-8")


def test_what_counts_nothing_says_so(undrawn, tmp_path):
    reproduce("fig2", Context(out=tmp_path, progress=False, certify=True), settings=fig2.Settings(hidden=(3,)))
    saved = replace(load_saved(tmp_path, "fig2"), proof=Proof())
    assert "nothing to certify: no partition is made and no region counted" in proof_told(saved)


@pytest.mark.parametrize("numbers", ["all", {"lines": "many"}, {"planes": 3}])
def test_numbers_that_are_none(undrawn, tmp_path, numbers):
    reproduce("fig2", Context(out=tmp_path, progress=False), settings=fig2.Settings(hidden=(3,)))
    content = json.loads((tmp_path / "fig2.json").read_text())
    content.pop("checksum", None)
    write_json(tmp_path / "fig2.json", content | {"certified": numbers})
    with pytest.raises(FileFormatError, match="without a usable entry"):
        load_saved(tmp_path, "fig2")


def test_a_sweep_adds_up_what_its_cells_say(tmp_path, data):
    pytest.importorskip("torch")
    context = context_in(tmp_path, data, certify=True)
    training = Training(Chain((5,), 0, 1, context.dataset.fingerprint, 16, 0.01), (0.0, 0.5))
    cells = [LineCounts(training, epoch, 4, certify=True) for epoch in training.epochs]
    results = sweep(cells, context, "lines")
    assert context.counting.proof.lines == 8
    assert context.counting.proof.exact_decisions == sum(results[cell]["proof"]["exact_decisions"] for cell in cells)
