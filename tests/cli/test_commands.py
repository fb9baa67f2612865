"""The command line, end to end: files, tables, exit status, and one sentence for each mistake."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numba.core import event

import linregions as lr
from linregions.cli import main
from linregions.cli.results import decisions_told
from linregions.experiments.figures import fig4

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small networks and a data set for one of them."""
    folder = tmp_path_factory.mktemp("models")
    lr.random_network([2, 8, 8, 3], 0, bias_variance=0.2).save(folder / "flat.npz")
    lr.random_network([6, 8, 3], 1, activation=lr.HARD_TANH, bias_variance=0.2).save(folder / "deep.npz")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), np.arange(40) % 3
    np.savez(folder / "six.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    np.save(folder / "three.npy", x[:3])
    (folder / "pairs.csv").write_text("0.5, 1\n-1 2\n\n0.25, -0.5\n")
    (folder / "four.csv").write_text("0.5, 1\n-1 2\n\n0.25, -0.5\n3 4\n")  # in no way points of six inputs
    return folder


@pytest.fixture
def run(folder, tmp_path, capsys):
    """Run a command with results in a fresh folder; give status, stdout and stderr."""

    def runner(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return runner


def table(file):
    with open(file, newline="") as handle:
        return list(csv.DictReader(handle))


def test_plane_writes_picture_numbers_and_settings(run, folder, tmp_path):
    out = tmp_path / "out"
    status, stdout, stderr = run(
        "plane", folder / "flat.npz", "--low", -1, -1, "--high", 1, 1, "--out", out, "--format", "png,svg", "-q"
    )
    assert (status, stderr) == (0, "")
    assert sorted(entry.name for entry in out.iterdir() if entry.suffix != ".parquet") == [
        f"flat-plane.{ending}" for ending in ("csv", "json", "npz", "png", "svg")
    ]
    part = lr.partition(lr.Network.load(folder / "flat.npz"), lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    rows = table(out / "flat-plane.csv")
    np.testing.assert_allclose([float(row["area"]) for row in rows], part.areas, rtol=1e-12)
    assert lr.PlanePartition.load(out / "flat-plane.npz").n_regions == part.n_regions
    content = json.loads((out / "flat-plane.json").read_text())
    assert content["results"]["regions"] == part.n_regions
    assert content["results"]["undecided"] == part.diagnostics["undecided"]
    assert content["settings"]["command"] == "plane"
    assert content["settings"]["low"] == [-1.0, -1.0]
    assert content["network"]["widths"] == [2, 8, 8, 3]
    assert content["versions"]["linregions"] == lr.__version__
    head, numbers, decisions, written = stdout.splitlines()
    assert head.split()[:2] == ["regions", "linear_regions"]
    assert numbers.split()[0] == str(part.n_regions)
    assert decisions == decisions_told(part.diagnostics)
    assert written.startswith(f"written to {out}: flat-plane.png, flat-plane.svg, flat-plane.csv")


@pytest.mark.parametrize("color_by", ["gradient", "pattern", "output", "area"])
def test_plane_through_three_examples(run, folder, tmp_path, color_by):
    words = ["--through", 0, 1, 2, "--scale", 2, "--data", folder / "six.npz", "--color-by", color_by]
    status, _, _ = run("plane", folder / "deep.npz", *words, "--decision-boundary", "--out", tmp_path)
    assert status == 0
    window = lr.PlanePartition.load(tmp_path / "deep-plane.npz").window
    x = np.load(folder / "six.npz")["x_train"]
    expected = lr.PlaneWindow.through(*x[:3], scale=2)
    np.testing.assert_allclose(window.origin, expected.origin)
    np.testing.assert_allclose(window.polygon, expected.polygon)
    # the same three points from a file
    assert (
        run("plane", folder / "deep.npz", "--points", folder / "three.npy", "--scale", 2, "--out", tmp_path / "b")[0]
        == 0
    )
    assert table(tmp_path / "deep-plane.csv") == table(tmp_path / "b" / "deep-plane.csv")


def test_plane_in_a_random_direction(run, folder, tmp_path):
    counts = []
    for seed, origin in ((1, "zero"), (1, "zero"), (2, "zero"), (1, "4")):
        words = ["--origin", origin, "--half", 3, "--seed", seed, "--data", folder / "six.npz"]
        assert run("plane", folder / "deep.npz", *words, "--out", tmp_path, "-q", "--force")[0] == 0
        part = lr.PlanePartition.load(tmp_path / "deep-plane.npz")
        counts.append((part.n_regions, part.boundary_length))
        assert part.window.area == pytest.approx(36.0)
        np.testing.assert_allclose(part.window.basis @ part.window.basis.T, np.eye(2), atol=1e-12)
    assert counts[0] == counts[1]
    assert len(set(counts)) == 3


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        (["--level", "0.1"], {"level": 0.1}),
        (["--decision", "argmin"], {"decision_boundary": "argmin"}),
        (["--decision-boundary"], {"decision_boundary": True}),
        ([], {"decision_boundary": False}),
    ],
)
def test_plane_draws_levels_and_decisions(run, folder, tmp_path, monkeypatch, words, drawn):
    from linregions.cli import plane

    asked = {}
    draw = plane.plane_figure

    def plane_figure(part, **options):
        asked.update(options)
        return draw(part, **options)

    monkeypatch.setattr(plane, "plane_figure", plane_figure)
    window = ("--low", -1, -1, "--high", 1, 1)
    assert run("plane", folder / "flat.npz", *window, *words, "--out", tmp_path, "-q")[0] == 0
    assert {name: asked[name] for name in drawn} == drawn
    if words == ["--level", "0.1"]:
        with pytest.raises(SystemExit, match="2"):
            run("plane", folder / "flat.npz", *window, *words, "--decision", "argmin")


def test_a_window_with_negative_exponents(run, folder, tmp_path):
    words = ("--low", "-1e-2", "-2e0", "--high", "-1e-3", "1")
    assert run("plane", folder / "flat.npz", *words, "--out", tmp_path, "-q")[0] == 0
    settings = json.loads((tmp_path / "flat-plane.json").read_text())["settings"]
    assert (settings["low"], settings["high"]) == ([-0.01, -2.0], [-0.001, 1.0])


@pytest.mark.parametrize(
    ("words", "domain"),
    [
        (["--from", "-1", "0.5", "--to", "2", "1"], lr.Segment([-1, 0.5], [2, 1])),
        (["--from", "-1e0", "5e-1", "--to", "2", "1"], lr.Segment([-1, 0.5], [2, 1])),
        (["--from=-1,0.5", "--to", "2,1", "--kind", "ray"], lr.Ray([-1, 0.5], [3, 0.5])),
        (["--from", "-1", "0.5", "--to", "2", "1", "--kind", "line"], lr.Line([-1, 0.5], [3, 0.5])),
        (["--path", "pairs.csv"], lr.Path([[0.5, 1], [-1, 2], [0.25, -0.5]])),
    ],
)
def test_line(run, folder, tmp_path, monkeypatch, words, domain):
    monkeypatch.chdir(folder)
    status, stdout, stderr = run("line", "flat.npz", *words, "--out", tmp_path)
    assert (status, stderr) == (0, "")
    part = lr.partition(lr.Network.load("flat.npz"), domain)
    rows = table(tmp_path / "flat-line.csv")
    np.testing.assert_allclose([float(row["t"]) for row in rows], part.breakpoints, rtol=1e-12)
    located = [part.network.locate_neuron(k) for k in part.neurons]
    assert [(int(row["layer"]) - 1, int(row["neuron"])) for row in rows] == located
    assert stdout.splitlines()[1].split()[:2] == [type(domain).__name__.lower(), str(part.n_regions)]
    assert stdout.splitlines()[2] == decisions_told(part.diagnostics)
    results = json.loads((tmp_path / "flat-line.json").read_text())["results"]
    assert (results["regions"], results["undecided"]) == (part.n_regions, part.diagnostics["undecided"])


def test_a_certified_line(run, folder, tmp_path):
    words = ("line", folder / "flat.npz", "--from", -1, 0.5, "--to", 2, 1, "--out", tmp_path, "-q")
    status, stdout, _ = run(*words, "--certify")
    assert status == 0
    content = json.loads((tmp_path / "flat-line.json").read_text())
    assert content["results"]["certified"] is True
    assert content["diagnostics"]["certified"] is True
    part = lr.LinePartition.load(tmp_path / "flat-line.npz")
    assert part.diagnostics["certified"] is True
    assert part.n_regions == lr.partition(lr.Network.load(folder / "flat.npz"), part.domain).n_regions
    assert "exact_decisions" in stdout.splitlines()[0]


def test_line_through_the_origin_and_an_example(run, folder, tmp_path):
    words = ["--through-origin-and", 5, "--data", folder / "six.npz", "--interval", 0, 1, "--out", tmp_path]
    assert run("line", folder / "deep.npz", *words)[0] == 0
    part = lr.LinePartition.load(tmp_path / "deep-line.npz")
    assert type(part.domain) is lr.Line
    np.testing.assert_array_equal(part.domain.direction, np.load(folder / "six.npz")["x_train"][5])


def test_a_line_without_breakpoints_has_no_table(run, tmp_path):
    lr.Network.from_layers([([[1.0, 2.0]], [0.0])]).save(tmp_path / "linear.npz")
    status, _, _ = run("line", tmp_path / "linear.npz", "--from", 0, 0, "--to", 1, 1, "--out", tmp_path / "out")
    assert status == 0
    assert sorted(entry.suffix for entry in (tmp_path / "out").iterdir()) == [".json", ".npz", ".png"]


@pytest.mark.parametrize("source", ["train", "test", "normal"])
def test_distances_of_examples(run, folder, tmp_path, source):
    words = ["--dataset", source, "-n", 7, "--seed", 3, "--data", folder / "six.npz", "--out", tmp_path]
    status, stdout, _ = run("distance", folder / "deep.npz", *words)
    assert status == 0
    arrays = np.load(tmp_path / "deep-distance.npz")
    net = lr.Network.load(folder / "deep.npz")
    expected, neurons = lr.boundary_distance(net, arrays["points"], return_neurons=True)
    np.testing.assert_array_equal(arrays["distances"], expected)
    rows = table(tmp_path / "deep-distance.csv")
    assert [float(row["distance"]) for row in rows] == expected.tolist()
    assert [int(row["neuron"]) for row in rows] == [net.locate_neuron(k)[1] for k in neurons]
    if source != "normal":
        x = np.load(folder / "six.npz")[f"x_{source}"]
        assert all(np.any(np.all(x == point, axis=1)) for point in arrays["points"])
    assert stdout.splitlines()[1].split()[0] == "7"


def test_distances_of_points_from_a_file(run, folder, tmp_path):
    assert run("distance", folder / "flat.npz", "--points", folder / "pairs.csv", "--out", tmp_path)[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "flat-distance.npz")["points"], [[0.5, 1], [-1, 2], [0.25, -0.5]])


def test_distances_to_linear_boundaries(run, folder, tmp_path):
    """1 - relu(x) closes beyond 1: there the first layer's switch at 0 does not matter, the one at 1 does."""
    layers = [([[1.0], [1.0]], [0.0, -4.0]), ([[-1.0, 0.0]], [1.0]), ([[1.0]], [0.0])]
    lr.Network.from_layers(layers).save(tmp_path / "closed.npz")
    (tmp_path / "at.csv").write_text("3.5\n")
    words = ("distance", tmp_path / "closed.npz", "--points", tmp_path / "at.csv")
    for kind, expected, nearest in (("activation", 0.5, 4.0), ("linear", 2.5, 1.0)):
        out = tmp_path / kind
        assert run(*words, "--kind", kind, "--out", out)[0] == 0
        arrays = np.load(out / "closed-distance.npz")
        assert arrays["distances"].tolist() == [expected]
        assert arrays["nearest"].tolist() == [[nearest]]


def test_info(run, folder):
    status, stdout, stderr = run("info", folder / "deep.npz")
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    assert lines[1].split() == ["1", "6", "8", "56", "2", "hard_tanh"]
    assert lines[-1] == "6 inputs, 3 outputs, 8 neurons, 83 parameters"


def test_reproduce(run, tmp_path, monkeypatch):
    monkeypatch.setattr(fig4, "QUICK", replace(fig4.QUICK, draws=2))
    status, stdout, stderr = run("reproduce", "fig4", "fig2", "fig4", "--out", tmp_path, "--seed", 3)
    assert status == 0
    assert stdout.count("fig4:") == 1
    assert "regions_per_neuron" in stdout
    assert "fig2: boundaries of a network" in stderr
    assert {"fig2.png", "fig4.png", "fig4.csv", "fig4.json"} <= {entry.name for entry in tmp_path.iterdir()}
    assert json.loads((tmp_path / "fig4.json").read_text())["seed"] == 3
    first = (tmp_path / "fig4.csv").read_bytes()
    assert run("reproduce", "fig4", "--quick", "-q", "--out", tmp_path, "--seed", 3)[2] == ""
    assert (tmp_path / "fig4.csv").read_bytes() == first


# Mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["info", "model.pth7"],
            "`MODEL` is 'model.pth7', but linregions reads models from .npz, .onnx, .nnet and .pt2 f",
        ),
        (["info", "model.onnx"], "`path` is 'model.onnx', where there is no file, but from_onnx needs an"),
        (["info", "nothing.npz"], "`path` is 'nothing.npz', where there is no file"),
        (["info", "six.npz"], "`path` is 'six.npz', which holds x_test, x_train"),
        (
            ["plane", "deep.npz", "--low", "0", "0", "--high", "1", "1"],
            "`--low` gives a box of two inputs, but the model has 6.",
        ),
        (["plane", "flat.npz", "--low", "0", "0"], "`--high` is missing, but --low needs the opposite corner."),
        (["plane", "flat.npz", "--low", "1", "0", "--high", "0", "1"], "`low` is [1.0, 0.0] and `high` [0.0, 1.0]"),
        (
            ["plane", "flat.npz", "--through", "0", "1", "2", "--data", "six.npz"],
            "`--data` is six with 6 values in an example",
        ),
        (["plane", "deep.npz", "--through", "0", "1", "30", "--data", "six.npz"], "needs whole numbers from 0 to 29"),
        (["plane", "deep.npz", "--through", "0", "1", "1", "--data", "six.npz"], "`x0, x1, x2` lie on one line"),
        (
            ["plane", "deep.npz", "--points", "four.csv"],
            "`--points` has shape (4, 2), but linregions plane needs three",
        ),
        (["plane", "deep.npz", "--origin", "zero"], "`--half` is missing, but --origin needs the size of the square."),
        (
            ["plane", "deep.npz", "--origin", "centre", "--half", "1"],
            "`--origin` is 'centre', but linregions plane needs",
        ),
        (
            ["plane", "deep.npz", "--origin", "zero", "--half", "-1"],
            "`--half` is -1, but linregions plane needs a positive",
        ),
        (["line", "flat.npz", "--from", "0", "0"], "`--to` is missing, but --from needs another point."),
        (
            ["line", "flat.npz", "--from", "0", "0", "--to", "1"],
            "`--to` has 1 coordinates, but the model has 2 inputs.",
        ),
        (["line", "flat.npz", "--from", "0", "0", "--to", "0", "0"], "`a` and `b` are the same point"),
        (
            ["line", "flat.npz", "--from", "a", "b", "--to", "0", "0"],
            "`--from` is 'a b', but linregions line needs numbers",
        ),
        (["line", "flat.npz", "--from", "no.npy", "--to", "0", "0"], "`--from` is 'no.npy', where there is no file"),
        (
            ["line", "deep.npz", "--path", "four.csv"],
            "`domain` lives in 2 dimensions, but partition needs the network's 6",
        ),
        (
            ["distance", "deep.npz", "--points", "four.csv"],
            "`--points` has 2 coordinates in a row, but the model has 6",
        ),
        (
            ["distance", "deep.npz", "--points", "flat.npz"],
            "`--points` is 'flat.npz', which cannot be read (it is an archive of",
        ),
        (
            ["distance", "deep.npz", "--dataset", "test", "-n", "11", "--data", "six.npz"],
            "`-n` is 11, but six has 10 examples",
        ),
        (
            ["distance", "deep.npz", "--dataset", "test", "--data", "none"],
            "`source` is 'none', which is neither a folder",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(run, folder, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    before = sorted(entry.name for entry in folder.iterdir())
    status, stdout, stderr = run(*words, *(() if words[0] == "info" else ("--out", tmp_path / "out")))
    assert status == 2
    assert stdout == ""
    assert stderr.startswith("linregions: error: ")
    assert message in stderr
    assert stderr.count("\n") == 1
    assert not list((tmp_path / "out").glob("*"))
    assert sorted(entry.name for entry in folder.iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [
        ["plane", "flat.npz", "--low", "0", "0", "--high", "1", "1"],
        ["line", "flat.npz", "--from", "0", "0", "--to", "1", "1"],
        ["distance", "flat.npz", "--points", "pairs.csv"],
        ["reproduce", "fig2"],
    ],
)
def test_an_unwritable_folder(run, folder, tmp_path, monkeypatch, words):
    monkeypatch.chdir(folder)
    blocked = tmp_path / "out"
    blocked.write_text("a file stands where the folder should be")
    status, _, stderr = run(*words, "--out", blocked)
    assert status == 2
    assert "which cannot be written" in stderr
    assert blocked.read_text() == "a file stands where the folder should be"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["explode"], "invalid choice: 'explode'"),
        (["reproduce", "fig9"], "invalid choice: 'fig9'"),
        (["reproduce", "--quick", "--full"], "not allowed with argument"),
        (["reproduce", "--format", "gif"], "'gif' is none of png, svg, pdf"),
        (["reproduce", "--seed", "-1"], "-1 is below 0"),
        (["plane", "m.npz"], "one of the arguments --through --points --origin --low is required"),
        (["plane", "m.npz", "--through", "1", "2"], "expected 3 arguments"),
        (["line", "m.npz", "--threads", "0", "--path", "x"], "0 is below 1"),
    ],
)
def test_wrong_usage_is_told_by_the_parser(capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_interruption_ends_quietly(run, folder, monkeypatch):
    from linregions.cli import info

    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "run", interrupt)
    assert run("info", folder / "flat.npz") == (130, "", "linregions: interrupted\n")


@pytest.mark.parametrize(
    ("package", "extra", "name"),
    [("torch", "torch", "fig8"), ("matplotlib", "plot", "fig2"), ("jinja2", "plot", "fig2")],
)
def test_missing_packages_are_named_before_any_work(run, tmp_path, monkeypatch, package, extra, name):
    monkeypatch.setitem(sys.modules, package, None)
    status, _, stderr = run("reproduce", name, "--out", tmp_path)
    assert status == 2
    assert f"`{package}` is not installed" in stderr
    assert f"pip install 'linregions[{extra}]'" in stderr
    assert not list(tmp_path.iterdir())


def test_the_library_logger_is_left_as_it_was(run, folder, tmp_path):
    import logging

    logger = logging.getLogger("linregions")
    before = (logger.level, logger.propagate, list(logger.handlers))
    run("info", folder / "flat.npz")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_help_shows_examples(capsys):
    for words, expected in ((["--help"], "reproduce fig8 --quick"), (["plane", "--help"], "--through 1 3 5")):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_version_and_help_load_nothing_heavy(word):
    code = (
        "import sys\nfrom linregions.cli import main\n"
        f"try:\n    main([{word!r}])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('numba', 'torch', 'matplotlib', 'tqdm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    if word == "--version":
        assert done.stdout.splitlines()[0] == f"linregions {lr.__version__}"


def test_the_package_runs_as_a_module(folder):
    words = [sys.executable, "-m", "linregions", "info", str(folder / "flat.npz")]
    assert "16 neurons" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    words[-1] = "nothing.npz"
    failed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr


def test_warmup_uses_all_kernels(run):
    status, stdout, stderr = run("warmup", "-q")
    assert (status, stderr) == (0, "")
    assert "parts ready after" in stdout
    compiled = []
    event.register("numba:compile", Compiled(compiled))
    net = lr.random_network([3, 5, 5, 2], 4, bias_variance=0.1)
    window = lr.PlaneWindow.square([0.0, 0.0, 0.1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]], 2.0)
    part = lr.partition(net, window)
    part.decision_boundary()
    assert lr.count_regions(net, [window, lr.Line([0.0, 0.1, 0.2], [1.0, 0.0, 0.3])], "linear")[0] <= part.n_regions
    lr.boundary_distance(net, [[0.1, 0.2, 0.3]])
    assert not compiled


class Compiled(event.Listener):
    """What is compiled meanwhile."""

    def __init__(self, names):
        self.names = names

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__qualname__)

    def on_end(self, event):
        pass
