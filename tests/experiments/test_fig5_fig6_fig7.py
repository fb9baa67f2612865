"""Figures 5, 6 and 7: tables against direct computation, and pictures by the data of their artists."""

import csv

import matplotlib.colors
import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError
from linregions.experiments import reproduce
from linregions.experiments.context import Context
from linregions.experiments.figures import fig5, fig6, fig7
from linregions.experiments.saved import load_saved
from linregions.experiments.sweeps.cells import Chain
from linregions.training import train
from linregions.training.datasets import load_dataset
from tests.support import sweep_cases

pytest.importorskip("matplotlib")
pytest.importorskip("torch")

SHARED = {"runs": 2, "batch_size": 16, "learning_rate": 0.01}
SETTINGS = {
    "fig5": fig5.Settings(hidden=((8, 8), (6,)), epochs=(0.0, 0.5, 1.0, 6.0), lines=5, **SHARED),
    "fig6": fig6.Settings(hidden=((8, 8), (6,)), epochs=(0.0, 1.0, 6.0), points=40, **SHARED),
    "fig7": fig7.Settings(hidden=((8, 8),), epochs=(0.0, 6.0), points=60, **SHARED),
}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    data = sweep_cases.write_blobs(folder / "blobs.npz")
    return Context(out=folder / "out", seed=3, data=data, progress=False)


@pytest.fixture(scope="module")
def done(context):
    return {name: reproduce(name, context, settings=settings) for name, settings in SETTINGS.items()}


def rows_of(file):
    with open(file, newline="") as handle:
        return list(csv.DictReader(handle))


def snapshot(context, hidden, run, epoch):
    """Train on its own, without any cell."""
    data = load_dataset(context.data)
    chain = Chain(hidden, run, 3, data.fingerprint)
    (found,) = train(
        [10, *hidden, 3],
        data,
        epochs=6,
        snapshot_epochs=[epoch],
        rng=chain.seed_of("training"),
        batch_size=16,
        learning_rate=0.01,
    )
    return data, chain, found


def test_figure_5_counts_whole_lines_through_the_origin(done, context):
    rows = rows_of(context.folder / "fig5.csv")
    assert len(rows) == 2 * 2 * 4
    data, chain, found = snapshot(context, (8, 8), 1, 6.0)
    rng = np.random.default_rng(chain.seed_of("lines"))
    lines = [lr.Line(np.zeros(10), example) for example in data.examples(rng.permutation(300)[:5])]
    counts = lr.count_regions(found.network, lines)
    linear = lr.count_regions(found.network, lines, kind="linear")
    (k,) = (k for k, r in enumerate(rows) if (r["architecture"], r["run"], r["epoch"]) == ("[8, 8]", "2", "6.0"))
    row = rows[k]
    assert int(row["neurons"]) == 16
    assert int(row["step"]) == found.step == 6 * 19
    assert float(row["test_accuracy"]) == found.test_accuracy > 0.9
    assert float(row["train_loss"]) == found.train_loss
    assert float(row["activation_regions"]) == counts.mean()
    assert float(row["activation_regions_sd"]) == counts.std()
    assert float(row["linear_regions"]) == linear.mean()
    assert float(row["activation_regions_per_neuron"]) == counts.mean() / 16
    assert float(row["linear_regions_per_neuron"]) == linear.mean() / 16
    assert row["snapped_signs"] == "0"
    arrays = np.load(context.folder / "fig5.npz")
    np.testing.assert_array_equal(arrays["counts"][k], [counts, linear])
    # one hidden layer cuts every line once for each neuron
    assert all(float(r["activation_regions"]) == 7.0 for r in rows if r["architecture"] == "[6]")


def test_figure_5_averages_over_runs(context, done):
    rows, summary = rows_of(context.folder / "fig5.csv"), rows_of(context.folder / "fig5-summary.csv")
    assert len(summary) == 2 * 4
    for entry in summary:
        values = [
            float(row["activation_regions_per_neuron"])
            for row in rows
            if (row["architecture"], row["epoch"]) == (entry["architecture"], entry["epoch"])
        ]
        assert entry["runs"] == "2"
        assert float(entry["activation_regions_per_neuron"]) == pytest.approx(np.mean(values), rel=1e-15)
        # of two values the standard error is half their distance
        error = float(entry["activation_regions_per_neuron_stderr"])
        assert error == pytest.approx(abs(values[0] - values[1]) / 2, abs=1e-15)
    overview = rows_of(context.folder / "fig5-overview.csv")
    first = next(row for row in overview if row["architecture"] == "[8, 8]")
    values = {
        float(e["epoch"]): float(e["activation_regions_per_neuron"]) for e in summary if e["architecture"] == "[8, 8]"
    }
    assert float(first["first"]) == values[0.0]
    assert float(first["last"]) == values[6.0]
    assert float(first["smallest"]) == min(values.values())
    assert values[float(first["largest_epoch"])] == max(values.values())


def test_figure_5_shows_the_summary(context, done):
    figure = fig5.draw(load_saved(context.folder, "fig5"))
    summary = load_saved(context.folder, "fig5").table("summary")
    axes = np.array(figure.axes).reshape(3, 2)
    columns = ("activation_regions_per_neuron", "linear_regions_per_neuron", "activation_regions")
    for line, column in zip(axes, columns, strict=True):
        for ax, last in zip(line, (0.5, 6.0), strict=True):
            curves = {curve.get_label(): curve for curve in ax.lines}
            for name in ("[8, 8]", "[6]"):
                chosen = [row for row in summary if row["architecture"] == name and row["epoch"] <= last]
                np.testing.assert_array_equal(curves[name].get_xdata(), [row["epoch"] for row in chosen])
                np.testing.assert_array_equal(curves[name].get_ydata(), [row[column] for row in chosen])
            # the band reaches one standard error to both sides
            places = ax.collections[0].get_paths()[0].vertices
            row = next(row for row in summary if row["architecture"] == "[8, 8]" and row["epoch"] == 0.5)
            heights = places[places[:, 0] == 0.5, 1]
            error = row[f"{column}_stderr"]
            assert heights.max() == pytest.approx(row[column] + error)
            assert heights.min() == pytest.approx(row[column] - error)
    assert axes[2, 0].get_xlabel() == "epochs of training"
    assert axes[0, 1].get_title() == "(b) up to epoch 6"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["[8, 8]", "[6]"]
    assert "2 runs of 5 lines" in legend.get_title().get_text()


@pytest.mark.parametrize("sample", ["normal", "train", "test"])
def test_figure_6_measures_each_sample(context, done, sample):
    data, chain, found = snapshot(context, (8, 8), 0, 1.0)
    rng = np.random.default_rng(chain.seed_of(f"{sample} points"))
    if sample == "normal":
        points = rng.normal(data.x_train.mean(axis=0), data.x_train.std(axis=0), size=(40, 10))
    else:
        every = data.x_train if sample == "train" else data.x_test
        points = every[rng.permutation(len(every))[:40]]
    distances = lr.boundary_distance(found.network, points)
    rows = rows_of(context.folder / "fig6.csv")
    assert len(rows) == 2 * 2 * 3 * 3
    key = ("[8, 8]", "1", "1.0", sample)
    (row,) = (r for r in rows if (r["architecture"], r["run"], r["epoch"], r["sample"]) == key)
    assert float(row["distance"]) == pytest.approx(distances.mean(), rel=1e-9)
    assert float(row["distance_sd"]) == pytest.approx(distances.std(), rel=1e-9)
    assert float(row["distance_median"]) == pytest.approx(np.median(distances), rel=1e-9)
    assert float(row["distance_min"]) == pytest.approx(distances.min(), rel=1e-9)
    assert float(row["distance_times_neurons"]) == pytest.approx(16 * distances.mean(), rel=1e-9)
    assert (row["points"], row["zero"], row["infinite"]) == ("40", "0", "0")


def test_figure_6_shows_the_papers_curves_and_three_panels_a_sample(context, done):
    saved = load_saved(context.folder, "fig6")
    figure, summary = fig6.draw(saved), saved.table("summary")
    axes = np.array(figure.axes).reshape(3, 3)
    for line, sample in zip(axes, ("normal", "train", "test"), strict=True):
        raw, epochs, accuracy = line
        for curve, factor in zip(raw.lines, (0.4, 1.5), strict=True):
            np.testing.assert_allclose(curve.get_ydata() * curve.get_xdata(), factor, rtol=1e-12)
        assert (raw.get_xscale(), raw.get_yscale()) == ("log", "log")
        assert [text.get_text() for text in raw.get_legend().get_texts()] == ["0.4 / neurons", "1.5 / neurons"]
        for k, name in enumerate(("[8, 8]", "[6]")):
            rows = [row for row in summary if (row["sample"], row["architecture"]) == (sample, name)]
            np.testing.assert_array_equal(raw.collections[k].get_offsets()[:, 1], [row["distance"] for row in rows])
            np.testing.assert_allclose(raw.collections[k].get_offsets()[:, 0], rows[0]["neurons"])
            scaled = [row["distance_times_neurons"] for row in rows]
            curve = next(c for c in epochs.lines if c.get_label() == name)
            np.testing.assert_array_equal(curve.get_xdata(), [0.0, 1.0, 6.0])
            np.testing.assert_array_equal(curve.get_ydata(), scaled)
            curve = next(c for c in accuracy.lines if c.get_label() == name)
            np.testing.assert_array_equal(curve.get_xdata(), [row["test_accuracy"] for row in rows])
            np.testing.assert_array_equal(curve.get_ydata(), scaled)
    assert [ax.get_xlabel() for ax in axes[-1]] == ["neurons", "epochs of training", "test accuracy (logit scale)"]
    assert axes[0, 2].get_xscale() == "logit"
    assert all(tick in fig6._ACCURACIES for tick in axes[-1, 2].get_xticks())
    assert "pixels from 0 to 1" in figure.legends[0].get_title().get_text()


def test_figure_7_sorts_all_distances_into_bins(context, done):
    data, chain, found = snapshot(context, (8, 8), 1, 6.0)
    rng = np.random.default_rng(chain.seed_of("normal points"))
    points = rng.normal(data.x_train.mean(axis=0), data.x_train.std(axis=0), size=(60, 10))
    distances = lr.boundary_distance(found.network, points)
    rows = [r for r in rows_of(context.folder / "fig7.csv") if (r["run"], r["epoch"]) == ("2", "6.0")]
    edges = [float(row["log10_low"]) for row in rows] + [float(rows[-1]["log10_high"])]
    np.testing.assert_allclose(np.diff(edges), 0.1, rtol=1e-9)
    np.testing.assert_array_equal([int(row["count"]) for row in rows], np.histogram(np.log10(distances), edges)[0])
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0)
    (moment,) = (r for r in rows_of(context.folder / "fig7-moments.csv") if (r["run"], r["epoch"]) == ("2", "6.0"))
    assert float(moment["log10_mean"]) == pytest.approx(np.log10(distances).mean(), rel=1e-9)
    assert float(moment["log10_sd"]) == pytest.approx(np.log10(distances).std(), rel=1e-9)


def test_figure_7_shows_the_mean_histogram_on_a_log_axis(context, done):
    saved = load_saved(context.folder, "fig7")
    figure, rows = fig7.draw(saved), saved.table("histogram")
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    steps = [patch for patch in ax.patches if not patch.get_fill()]
    bands = [patch for patch in ax.patches if patch.get_fill()]
    assert len(steps) == len(bands) == 2
    for step, epoch in zip(steps, (0.0, 6.0), strict=True):
        chosen = [row for row in rows if row["epoch"] == epoch]
        values, edges, _ = step.get_data()
        np.testing.assert_array_equal(values, [row["share"] for row in chosen])
        np.testing.assert_allclose(edges[:-1], [10 ** row["log10_low"] for row in chosen])
        assert values.sum() == pytest.approx(1.0)
    means = [row["distance"] for row in saved.table("summary")]
    np.testing.assert_allclose([line.get_xdata()[0] for line in ax.lines], means)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"epoch {epoch}: mean {mean:.2g}" for epoch, mean in zip((0, 6), means, strict=True)]
    low, high = ax.get_xlim()
    assert low <= np.quantile([10 ** row["log10_high"] for row in rows if row["share"] > 0], 0.01)
    assert high >= max(10 ** row["log10_high"] for row in rows if row["share"] > 0) * (1 - 1e-9)


def test_one_run_has_no_error_bands(tmp_path, context):
    settings = fig5.Settings(hidden=((6,),), runs=1, epochs=(0.0,), lines=2)
    made = reproduce("fig5", Context(out=tmp_path, data=context.data, progress=False), settings=settings)
    figure = fig5.draw(made.saved)
    assert not any(ax.collections for ax in figure.axes)
    assert "standard error" not in figure.legends[0].get_title().get_text()


def test_figures_share_trainings(context, done):
    """Two architectures with two runs, and no training for figures 6 and 7 that figure 5 had done."""
    assert len(list((context.folder / "runs").iterdir())) == 2 * 2


def test_looks_are_all_different():
    from linregions.plotting import looks

    names = [str(k) for k in range(28)]
    found = {(look.color, look.marker, look.linestyle) for look in looks(names).values()}
    assert len(found) == 28
    first = list(looks(names).values())[:7]
    assert len({look.color for look in first}) == len({look.marker for look in first}) == 7
    assert all(matplotlib.colors.is_color_like(look.color) for look in first)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("fig5", {"lines": 301}, r"`lines` is 301, but fig5 needs at most 300, the number of training examples"),
        ("fig5", {"lines": 0}, r"`lines` is 0, but fig5 needs at least 1"),
        ("fig6", {"points": 61}, r"`points` is 61, but fig6 needs at most 60, the number of test examples"),
        ("fig5", {"runs": 0}, r"`runs` is 0, but fig5 needs at least 1"),
        ("fig5", {"hidden": ()}, r"`hidden` holds nothing, but fig5 needs at least one architecture"),
        ("fig5", {"hidden": ((8,), (8,))}, r"`hidden` holds \[8\], \[8\], but fig5 needs .* each once"),
        ("fig5", {"hidden": ((8, 0),)}, r"`hidden\[0\]` is 0, but fig5 needs at least 1"),
        ("fig5", {"epochs": (1.0, 0.5)}, r"`epochs` are \[1.0, 0.5\], but fig5 needs moments from 0 on, in ascending"),
        ("fig7", {"epochs": (-1.0,)}, r"`epochs` are \[-1.0\], but fig7 needs moments from 0 on"),
        ("fig7", {"batch_size": 0}, r"`batch_size` is 0, but fig7 needs at least 1"),
        ("fig7", {"learning_rate": -1.0}, r"`learning_rate` is -1, but fig7 needs a positive number"),
    ],
)
def test_settings_out_of_range(context, tmp_path, name, changes, message):
    module = {"fig5": fig5, "fig6": fig6, "fig7": fig7}[name]
    with pytest.raises(InvalidValueError, match=message):
        reproduce(name, Context(out=tmp_path, data=context.data), settings=module.Settings(**changes))
    assert not (tmp_path / "runs").exists()


def test_defaults_are_the_papers():
    assert fig5.FULL.runs == 5
    assert fig5.FULL.lines == 100
    assert (max(fig5.FULL.epochs), fig5.FULL.early) == (20.0, 0.5)
    assert sum(epoch <= 0.5 for epoch in fig5.FULL.epochs) == 21
    assert (fig6.FULL.runs, fig6.FULL.points) == (12, 10_000)
    assert set(fig6.FULL.epochs) <= set(fig5.FULL.epochs)  # so that trainings are shared
    assert set(fig6.QUICK.epochs) <= set(fig5.QUICK.epochs)
    assert (fig7.FULL.hidden, fig7.FULL.epochs) == (((16,) * 4,), (0.0, 1.0, 20.0))
    assert len({sum(hidden) for hidden in fig5.FULL.hidden}) < len(fig5.FULL.hidden)


@pytest.mark.slow
def test_figures_on_mnist_as_the_paper_describes_them(tmp_path):
    """About one region per neuron at first, a dip, a rebound; distances between 0.4 and 1.5 over neurons."""
    context = Context(out=tmp_path, workers=2, progress=False)
    one = {"hidden": ((64, 64, 64),), "runs": 2}
    found = reproduce("fig5", context, settings=fig5.Settings(epochs=(0.0, 0.2, 0.5, 10.0), **one))
    (row,) = found.measurement.tables["overview"]
    assert 0.85 < row["first"] < 1.15
    assert 0.5 < row["smallest"] < 0.95 * row["first"]
    assert row["last"] > row["smallest"]
    assert row["test_accuracy"] > 0.95
    found = reproduce("fig6", context, settings=fig6.Settings(epochs=(0.0, 0.2, 0.5, 10.0), points=1000, **one))
    for row in found.measurement.tables["overview"]:
        assert 0.35 < row["first"] == row["smallest"]
        assert row["last"] < row["largest"] < 1.6
