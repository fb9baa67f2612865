"""The experiment on weight sharing: tables against direct computation, the picture by its artists, verdicts."""

import dataclasses
import json

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.experiments import reproduce
from linregions.experiments.context import Context
from linregions.experiments.figures import conv
from linregions.experiments.report.claims import CLAIMS
from linregions.experiments.report.report import write_report
from linregions.experiments.saved import Saved, load_saved
from linregions.experiments.sweeps.convolutional import ConvolutionalChain, model
from linregions.training.adam import train_model
from linregions.training.datasets import load_dataset
from tests.support import sweep_cases

pytest.importorskip("matplotlib")
pytest.importorskip("torch")
pytest.importorskip("scipy")

SETTINGS = conv.Settings(widths=(1, 2), runs=2, epochs=(0.0, 2.0), lines=3, points=7, batch_size=16, learning_rate=0.01)
TABLES = {"conv.csv", "conv-distances.csv", "conv-summary.csv", "conv-distances-summary.csv", "conv-overview.csv"}


def write_images(path):
    """Write images of 8 x 8 with bright corners of three kinds and dark margins."""
    rng = np.random.default_rng(0)
    y = np.concatenate([[0, 1, 2], rng.integers(0, 3, 77)])
    x = np.zeros((80, 8, 8), dtype=np.uint8)
    x[:, 1:7, 1:7] = rng.integers(0, 40, (80, 6, 6))
    for k, (row, column) in enumerate([(1, 1), (1, 4), (4, 1)]):
        x[y == k, row : row + 3, column : column + 3] += 180
    np.savez(path, x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    return path


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conv")
    return Context(out=folder / "out", seed=3, data=write_images(folder / "images.npz"), progress=False)


@pytest.fixture(scope="module")
def done(context):
    return reproduce("conv", context, settings=SETTINGS)


def snapshot(context, kind, width, run, epoch):
    """Train on its own, without any cell."""
    data = load_dataset(context.data)
    chain = ConvolutionalChain(kind, width, run, 3, data.fingerprint)
    how = {"rng": chain.seed_of("training"), "batch_size": 16, "learning_rate": 0.01, "progress": False}
    return data, chain, train_model(model(kind, width, data), data, (epoch,), **how)[0]


def row_of(rows, **where):
    (row,) = (row for row in rows if all(row[key] == value for key, value in where.items()))
    return row


@pytest.mark.parametrize(("kind", "inputs"), [("cnn", "train"), ("resnet", "noise")])
def test_lines_go_through_the_origin_and_inputs(done, context, kind, inputs):
    data, chain, found = snapshot(context, kind, 2, 1, 2.0)
    rng = np.random.default_rng(chain.seed_of(f"lines to {inputs}"))
    if inputs == "train":
        ends = data.x_train[rng.permutation(60)[:3]]
    else:
        ends = rng.normal(data.x_train.mean(), data.x_train.std(), size=(3, 64))
    parts = lr.partition(found.network, [lr.Line(np.zeros(64), end) for end in ends])
    name = conv.NETWORKS[kind][0]
    row = row_of(done.saved.rows, network=name, width=2, run=2, epoch=2.0, inputs=inputs)
    assert row["neurons"] == found.network.n_neurons
    assert row["test_accuracy"] == found.test_accuracy
    assert row["activation_regions"] == pytest.approx(np.mean([part.n_regions for part in parts]))
    assert row["linear_regions"] == pytest.approx(np.mean([part.n_linear_regions for part in parts]))
    assert row["activation_regions_per_neuron"] == row["activation_regions"] / row["neurons"]
    counts = done.saved.arrays["counts"][done.saved.rows.index(row)]
    np.testing.assert_array_equal(counts[0], [part.n_regions for part in parts])
    # what is linear on a line is told by slopes as well
    for part in parts:
        jumps = np.abs(np.diff(part.slopes, axis=0)).max(axis=1)
        assert part.n_linear_regions == 1 + np.count_nonzero(jumps > 1e-9 * np.abs(part.slopes).max())


@pytest.mark.parametrize("inputs", ["normal", "noise"])
def test_distances_are_of_the_same_networks(done, context, inputs):
    data, chain, found = snapshot(context, "cnn", 1, 0, 2.0)
    rng = np.random.default_rng(chain.seed_of(f"{inputs} points"))
    mean, deviation = data.x_train.mean(axis=0), data.x_train.std(axis=0)
    if inputs == "noise":
        mean, deviation = data.x_train.mean(), data.x_train.std()
    distances, chances = lr.boundary_distance(
        found.network, rng.normal(mean, deviation, size=(7, 64)), return_chances=True
    )
    rows = done.saved.table("distances")
    row = row_of(rows, network="CNN", width=1, run=1, epoch=2.0, inputs=inputs)
    assert row["distance"] == pytest.approx(distances.mean(), rel=1e-6)
    assert row["distance_times_neurons"] == pytest.approx(distances.mean() * found.network.n_neurons, rel=1e-6)
    assert (row["unproved"], row["chance"]) == (np.count_nonzero(chances), chances.max())


def test_dense_networks_have_as_many_neurons_in_every_layer(done, context):
    rows = done.saved.rows
    assert len(rows) == 4 * 2 * 2 * 2 * 2  # networks, widths, runs, inputs, epochs
    for kind, (name, beside) in conv.NETWORKS.items():
        for width in SETTINGS.widths:
            layers = model(kind, width, load_dataset(context.data)).layers
            for network in (name, beside):
                assert {r["neurons"] for r in rows if (r["network"], r["width"]) == (network, width)} == {sum(layers)}
            wanted = "-".join(map(str, (64, *layers, 3)))
            assert len(list((context.folder / "runs").glob(f"*-{wanted}-*"))) == 2


def test_the_picture_shows_the_tables(done, context):
    saved = load_saved(context.folder, "conv")
    figure = conv.draw(saved)
    axes = np.array(figure.axes).reshape(3, 2)
    names = [f"{name}, {n}" for name, n in dict.fromkeys((r["network"], r["neurons"]) for r in saved.rows)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    drawn = ("activation_regions_per_neuron", "linear_regions_per_neuron", "distance_times_neurons")
    for line, column in zip(axes, drawn, strict=True):
        rows = saved.table("distances-summary" if column.startswith("distance") else "summary")
        for ax, inputs in zip(line, dict.fromkeys(row["inputs"] for row in rows), strict=True):
            assert conv.INPUTS[inputs] in ax.get_title()
            for curve in (curve for curve in ax.lines if not curve.get_label().startswith("_")):
                chosen = [
                    r for r in rows if r["architecture"] == f"{curve.get_label()} neurons" and r["inputs"] == inputs
                ]
                np.testing.assert_array_equal(curve.get_ydata(), [row[column] for row in chosen])
                assert ax.get_ylim()[1] >= max(curve.get_ydata())
    looks = {(c.get_color(), c.get_linestyle()) for c in axes[0, 0].lines if not c.get_label().startswith("_")}
    assert len(looks) == 8
    assert "not in the paper" in figure.get_suptitle()


def test_what_was_stopped_goes_on_and_comes_out_the_same(context, tmp_path):
    settings = dataclasses.replace(SETTINGS, kinds=("cnn",), widths=(1,), runs=1, epochs=(0.0, 1.0))
    for name in ("whole", "half"):
        if name == "half":  # of the cells; the trainings are gone
            for file in sorted((tmp_path / "whole" / "cells").rglob("*.json"))[::2]:
                to = tmp_path / "half" / "cells" / file.parent.name
                to.mkdir(exist_ok=True, parents=True)
                (to / file.name).write_bytes(file.read_bytes())
        reproduce("conv", dataclasses.replace(context, out=tmp_path / name), settings=settings)
    there = sweep_cases.tables(tmp_path / "whole")
    assert there.keys() == TABLES
    assert there == sweep_cases.tables(tmp_path / "half")


def test_the_report_says_whose_experiment_it_is(done, context):
    page = write_report(context.folder).read_text(encoding="utf-8")
    assert "“Convolutions” is an experiment of our own" in page
    assert 'id="conv"' in page
    assert "Convolutions: not in the paper" in page
    for claim in CLAIMS:
        if claim.about == "conv":
            assert claim.judge({"conv": done.saved}).measured in page.replace("&lt;", "<").replace("&#39;", "'")


def made(regions, distances, widths=(1, 2), runs=(1, 2)):
    """Return tables as if measured: means by network and input at two moments; regions are per neuron."""

    def rows(table, column):
        return [
            {"network": network, "width": w, "neurons": 100 * w, "run": run, "epoch": epoch, "inputs": inputs}
            | {column: value, "activation_regions": value * 100 * w, "linear_regions_per_neuron": value / 2}
            | {"distance": value / (100 * w), "points": 9, "unproved": 0, "chance": 0.0}
            for (network, inputs), values in table.items()
            for w in widths
            for run in runs
            for epoch, value in zip((0.0, 1.0), values, strict=True)
        ]

    found = Saved(None, "conv", {"lines": 5, "points": 9}, 0)
    found.__dict__["rows"] = rows(regions, "activation_regions_per_neuron")
    far = rows(distances, "distance_times_neurons")
    object.__setattr__(found, "table", {"distances": far}.__getitem__)
    return found


def everywhere(cnn, dense=(1.0, 0.8), train=1.0):
    """Return values of the CNN and the dense network beside it on noise, and on examples times a factor."""
    factors = {"train": train, "noise": 1.0}
    return {
        (name, inputs): tuple(value * (factor if name == "CNN" else 1.0) for value in values)
        for name, values in (("CNN", cnn), ("dense, as the CNN", dense))
        for inputs, factor in factors.items()
    }


FINE = everywhere((1.0, 0.9))


@pytest.mark.parametrize(
    ("start", "yes", "no"),
    [
        ("Moreover, the upper", (FINE, FINE), (everywhere((2.1, 0.9)), FINE)),
        ("the constant in fact", (FINE, FINE), (everywhere((1.0, 0.9), train=0.8), FINE)),
        ("staying within", (FINE, FINE), (everywhere((1.0, 0.4)), FINE)),
        ("staying within", (FINE, FINE), (everywhere((1.0, 2.2)), FINE)),
        ("Experimentally", (FINE, FINE), (FINE, everywhere((1.0, 0.9), train=0.1))),
        ("Experimentally", (FINE, FINE), (FINE, everywhere((1.0, 1.9)))),
        ("Weights that are shared", (everywhere((1.0, 0.9), train=0.4), FINE), (FINE, FINE)),
        (
            "Weights that are shared",
            (FINE, everywhere((1.0, 0.9), train=0.1)),
            (everywhere((0.4, 0.9), train=0.4), FINE),
        ),
    ],
)
def test_statements(start, yes, no):
    (claim,) = (c for c in CLAIMS if c.about == "conv" and c.quote.removeprefix("… ").startswith(start))
    assert claim.judge({"conv": made(*yes)}).holds is True
    assert claim.judge({"conv": made(*no)}).holds is False
    assert claim.judge({}).holds is None


def test_the_power_of_neurons():
    (claim,) = (c for c in CLAIMS if c.about == "conv" and "constant times the number" in c.quote)
    found = made(FINE, FINE)
    assert claim.judge({"conv": found}).holds is True
    assert "CNN 1.00, then 1.00" in claim.judge({"conv": found}).items[0]
    for row in found.rows:
        if row["network"] == "CNN":
            row["activation_regions"] **= 1.5
    assert claim.judge({"conv": found}).holds is False
    assert claim.judge({"conv": made(FINE, FINE, widths=(1,))}).holds is None
    assert claim.judge({"conv": made(FINE, FINE, runs=(1,))}).holds is None


def test_nothing_is_said_of_what_was_not_measured():
    noise = {key: value for key, value in FINE.items() if key[1] == "noise"}
    alone = {key: value for key, value in FINE.items() if key[0] == "CNN"}
    about = {c.quote: c for c in CLAIMS if c.about == "conv"}
    (reading,) = (c for quote, c in about.items() if quote.startswith("Weights"))
    (bound,) = (c for quote, c in about.items() if quote.startswith("Moreover"))
    assert reading.judge({"conv": made(noise, noise)}).holds is None
    assert bound.judge({"conv": made(alone, alone)}).holds is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": ("cnn", "cnn")}, r"`kinds` is \['cnn', 'cnn'\], but conv needs at least one entry, each once"),
        ({"widths": ()}, r"`widths` is \[\], but conv needs at least one entry"),
        ({"widths": (0,)}, r"`widths` is 0, but conv needs at least 1"),
        ({"lines": 61}, r"`lines` is 61, but conv needs at most 60, the number of training examples"),
        ({"points": 0}, r"`points` is 0, but conv needs at least 1"),
        ({"epochs": (1.0, 0.0)}, r"`epochs` are \[1.0, 0.0\], but conv needs moments from 0 on"),
        ({"runs": 0}, r"`runs` is 0, but conv needs at least 1"),
    ],
)
def test_settings_out_of_range(context, tmp_path, changes, message):
    with pytest.raises(InvalidValueError, match=message):
        reproduce("conv", dataclasses.replace(context, out=tmp_path), settings=dataclasses.replace(SETTINGS, **changes))
    assert not (tmp_path / "runs").exists()


def test_examples_must_be_grey_images(tmp_path):
    data = sweep_cases.write_blobs(tmp_path / "blobs.npz")
    with pytest.raises(InvalidValueError, match=r"`data` is Dataset.* but conv needs grey images of at least 5 x 5"):
        reproduce("conv", Context(out=tmp_path, data=data), settings=SETTINGS)


@pytest.mark.parametrize("package", ["torch", "scipy"])
def test_what_is_missing_is_said_before_any_work(context, tmp_path, monkeypatch, package):
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == package else find(name))
    message = rf"`{package}` is not installed, but this experiment needs it. Install .* 'linregions\[torch\]'`"
    with pytest.raises(MissingDependencyError, match=message):
        reproduce("conv", dataclasses.replace(context, out=tmp_path), settings=SETTINGS)
    assert not list(tmp_path.iterdir())


def test_settings_are_written_and_read(done, context):
    content = json.loads((context.folder / "conv.json").read_text())
    assert content["settings"]["widths"] == [1, 2]
    assert max(conv.FULL.widths) > max(conv.QUICK.widths)
    assert set(conv.QUICK.kinds) == set(conv.FULL.kinds) == {"cnn", "resnet"}
