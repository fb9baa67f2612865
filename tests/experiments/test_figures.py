"""The paper's figures, small: from settings to files, and what the pictures show."""

import csv
import json

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError
from linregions.experiments import EXPERIMENTS, reproduce
from linregions.experiments.context import Context
from linregions.experiments.figures import fig1, fig2, fig4, fig8

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """Three blobs of ten numbers as an NPZ."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(3, 10)) * 2
    y = np.concatenate([[0, 1, 2], rng.integers(0, 3, 357)])
    x = centres[y] + 0.5 * rng.normal(size=(360, 10))
    file = tmp_path_factory.mktemp("data") / "blobs.npz"
    np.savez(file, x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:])
    return file


SMALL = fig8.Settings(
    hidden=(8, 8), epochs=(0.0, 0.5, 4.0), scales=(0.5, 3.0), runs=2, batch_size=16, learning_rate=1e-2
)


@pytest.fixture(scope="module")
def done(small_set, tmp_path_factory):
    pytest.importorskip("torch")
    context = Context(
        out=tmp_path_factory.mktemp("out"), seed=2, data=small_set, formats=("png", "svg"), progress=False
    )
    return context, {name: reproduce(name, context, settings=SMALL) for name in ("fig8", "fig1")}


def table(file):
    with open(file, newline="") as handle:
        return list(csv.DictReader(handle))


def test_figure_8_measures_every_moment(done):
    context, _ = done
    rows = table(context.folder / "fig8.csv")
    assert [(int(row["run"]), int(row["seed"]), float(row["epoch"])) for row in rows] == [
        (run, 1 + run, epoch) for run in (1, 2) for epoch in (0.0, 0.5, 4.0)
    ]
    assert float(rows[-1]["test_accuracy"]) > 0.9
    assert [row["regions"] for row in rows[:3]] != [row["regions"] for row in rows[3:]]
    for row, name in zip(rows[:3], ("0", "0.5", "4"), strict=True):
        part = lr.PlanePartition.load(context.folder / f"fig8-epoch-{name}.npz")
        assert part.n_regions == int(row["regions"]) == lr.count_regions(part.network, part.window)
        assert part.n_linear_regions == int(row["linear_regions"])
        assert float(row["regions_per_neuron_squared"]) == part.n_regions / 16**2
        assert float(row["boundary_length"]) == pytest.approx(part.boundary_length, rel=1e-12)
    arrays = np.load(context.folder / "fig8.npz")
    np.testing.assert_array_equal(arrays["regions"], [int(row["regions"]) for row in rows])
    # the square is centred at the circumcentre of the first examples with labels 0, 1 and 2
    assert arrays["example_numbers"].tolist() == [0, 1, 2]
    radii = np.linalg.norm(arrays["examples"] - arrays["origin"], axis=1)
    np.testing.assert_allclose(radii, radii[0], rtol=1e-10)
    assert arrays["polygon"].max() == pytest.approx(1.5 * radii[0])


def test_figure_8_counts_in_larger_squares(done):
    context, results = done
    rows = results["fig8"].saved.table("scales")
    assert [(row["run"], row["epoch"], row["scale"]) for row in rows] == [
        (run, epoch, scale) for run in (1, 2) for epoch in (0.0, 4.0) for scale in (0.5, 3.0)
    ]
    arrays = results["fig8"].saved.arrays
    for row in rows[:4]:
        window = lr.PlaneWindow.through(*arrays["examples"], scale=row["scale"])
        network = lr.PlanePartition.load(context.folder / f"fig8-epoch-{row['epoch']:g}.npz").network
        assert row["regions"] == lr.count_regions(network, window)
        assert row["linear_regions"] == lr.count_regions(network, window, "linear")
        assert row["side"] ** 2 == pytest.approx(window.area)
    assert rows[0]["regions"] < rows[1]["regions"]


def test_figure_8_has_one_panel_for_each_moment(done):
    _, results = done
    figure = fig8.draw(results["fig8"].saved)
    rows = results["fig8"].measurement.rows[:3]
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[:3] == [
        f"epoch {row['epoch']:g}:  {row['regions']:,} regions\ntest accuracy {row['test_accuracy']:.1%}" for row in rows
    ]
    for ax, row in zip(figure.axes, rows, strict=False):
        assert len(ax.collections[0].get_paths()) == row["regions"]
        assert [text.get_text() for text in ax.texts[:3]] == ["0", "1", "2"]


def test_figure_8_draws_means_over_runs(done):
    _, results = done
    saved = results["fig8"].saved
    through, size = fig8.draw(saved).axes[-2:]
    counts = np.array([row["regions"] for row in saved.rows]).reshape(2, 3)
    np.testing.assert_array_equal([line.get_ydata() for line in through.lines[:2]], counts)
    mean, low, high = through.containers[0].lines[0], *through.containers[0].lines[1]
    np.testing.assert_allclose(mean.get_ydata(), counts.mean(0))
    np.testing.assert_allclose(high.get_ydata() - low.get_ydata(), np.abs(counts[0] - counts[1]))
    scales = np.array([row["regions"] for row in saved.table("scales")]).reshape(2, 2, 2)
    np.testing.assert_allclose([drawn.lines[0].get_ydata() for drawn in size.containers], scales.mean(0))
    labels = [text.get_text() for text in size.get_legend().get_texts()]
    assert labels == ["#neurons² = 256", "16 straight lines: 137", "before training", "after 4 epochs"]


def test_figure_1_is_the_last_moment_of_figure_8(done):
    context, results = done
    assert results["fig1"].measurement.rows[0] == results["fig8"].measurement.rows[2]
    assert len(list(context.run_dir.iterdir())) == 2  # each run trained once
    arrays = np.load(context.folder / "fig1.npz")
    assert len(arrays["areas"]) == results["fig1"].measurement.rows[0]["regions"]
    figure = fig1.draw(results["fig1"].saved)
    assert "regions of a network of 8 + 8 neurons after 4 epochs" in figure.axes[0].get_title()


def test_every_file_is_there_with_settings_seed_and_versions(done, small_set):
    context, results = done
    content = json.loads((context.folder / "fig8.json").read_text())
    assert content["settings"]["hidden"] == [8, 8]
    assert content["settings"]["epochs"] == [0.0, 0.5, 4.0]
    assert content["seed"] == 2
    assert content["data"] == str(small_set)
    assert content["versions"]["numpy"] == np.__version__
    assert results["fig8"].saved.rows == results["fig8"].measurement.rows
    for file in results["fig8"].files:
        assert file.stat().st_size > 0
    assert {file.suffix for file in results["fig8"].files} - {".parquet"} == {
        *(".png", ".svg", ".csv", ".npz", ".json"),
        ".html",
    }
    assert not [entry.name for entry in context.folder.iterdir() if entry.name.startswith(".")]


def test_one_seed_one_result(done, small_set, tmp_path):
    context, results = done
    again = reproduce("fig8", Context(out=tmp_path, seed=2, data=small_set, threads=2, progress=False), settings=SMALL)
    assert again.measurement.rows == results["fig8"].measurement.rows
    assert (tmp_path / "fig8.csv").read_bytes() == (context.folder / "fig8.csv").read_bytes()


def test_figure_2_adds_layers(tmp_path):
    found = reproduce("fig2", Context(out=tmp_path, seed=1), settings=fig2.Settings(hidden=(6, 5, 4))).saved
    assert [row["neurons"] for row in found.rows] == [6, 11, 15]
    counts = [row["regions"] for row in found.rows]
    assert counts[0] < counts[1] < counts[2]
    parts = [found.plane(f"layers-{k}") for k in (1, 2, 3)]
    # the boundaries of fewer layers are those boundaries of the whole network that these layers make
    for part, neurons in zip(parts, (6, 11, 15), strict=True):
        whole = parts[-1]
        mine = (whole.edge_neuron >= 0) & (whole.edge_neuron < neurons)
        assert whole.edge_lengths[mine].sum() == pytest.approx(part.boundary_length, rel=1e-9)
    figure = fig2.draw(found)
    titles = [ax.get_title() for ax in figure.axes[:3]]
    assert titles[0] == f"layer 1:  {counts[0]} regions"
    assert titles[2] == f"+ layer 3:  {counts[2]} regions"


def test_truncated_networks_compute_the_first_layers():
    net = lr.random_network([2, 5, 4, 3], 0, activation=[lr.RELU, lr.HARD_TANH])
    x = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_allclose(fig2.first_layers(net, 1)(x), net.pre_activations(x)[1], rtol=1e-14)
    np.testing.assert_array_equal(fig2.first_layers(net, 2)(x), net(x))


SMALL_4 = fig4.Settings(hidden=(9, 9), others=((6,), (3, 3)), draws=5)


def test_figure_4_draws_exact_values(tmp_path):
    found = reproduce("fig4", Context(out=tmp_path, seed=1), settings=SMALL_4).saved
    part = found.line("partition")
    assert found.rows[0]["regions"] == part.n_regions
    arrays = np.load(tmp_path / "fig4.npz")
    np.testing.assert_array_equal(arrays["value"], part.network(arrays["x"][:, None])[:, 0])
    assert arrays["slope"].shape == (part.n_regions,)
    # slopes are those of the chords between neighbouring breakpoints
    chords = np.diff(arrays["value"]) / np.diff(arrays["x"])
    np.testing.assert_allclose(arrays["slope"][1:-1], chords, rtol=1e-6, atol=1e-9)
    figure = fig4.draw(found)
    assert len(figure.axes) == 4
    for ax, row in zip(figure.axes, found.rows, strict=False):
        assert ax.get_xlim() == (row["from"], row["to"])
        assert f"{row['regions']:,} regions" in ax.get_title()


def test_figure_4_counts_regions_of_many_networks(tmp_path):
    saved = reproduce("fig4", Context(out=tmp_path, seed=1), settings=SMALL_4).saved
    rng = np.random.default_rng(1)
    lr.random_network([1, 9, 9, 1], rng)
    rows = saved.table("initialisation")
    for row, hidden in zip(rows, ([6], [3, 3]), strict=True):
        nets = [lr.random_network([1, *hidden, 1], rng) for _ in range(5)]
        counts = [lr.count_regions(net, lr.Line([0.0], [1.0]), "linear") / 6 for net in nets]
        assert (row["architecture"], row["neurons"], row["runs"]) == (str(hidden), 6, 5)
        assert row["linear_regions_per_neuron"] == pytest.approx(np.mean(counts))
        assert row["linear_regions_per_neuron_stderr"] == pytest.approx(np.std(counts, ddof=1) / np.sqrt(5))
    last = fig4.draw(saved).axes[3]
    drawn = last.containers[0].lines[0].get_xdata()
    assert drawn.tolist() == [row["linear_regions_per_neuron"] for row in rows]
    assert [label.get_text() for label in last.get_yticklabels()] == ["1 layer of 6", "2 layers of 3"]


def test_an_unknown_figure(tmp_path):
    with pytest.raises(InvalidValueError, match=r"`name` is 'fig9', but reproduce needs one of 'fig1', 'fig2'"):
        reproduce("fig9", Context(out=tmp_path))
    assert {"fig1", "fig2", "fig4", "fig8"} <= set(EXPERIMENTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, r"`seed` is -1, but Context needs at least 0"),
        ({"threads": 0}, r"`threads` is 0, but Context needs at least 1"),
        ({"formats": ("gif",)}, r"`formats` is 'gif', but Context needs one of"),
    ],
)
def test_bad_context(options, message):
    with pytest.raises(InvalidValueError, match=message):
        Context(**options)


def test_an_unwritable_folder_is_found_out_before_any_work(tmp_path, monkeypatch):
    blocked = tmp_path / "results"
    blocked.write_text("a file stands where the folder should be")
    monkeypatch.setattr("linregions.experiments.figures.fig4.measure", None)
    with pytest.raises(InvalidValueError, match=r"`out` is .*which cannot be written .*but reproduce needs a writable"):
        reproduce("fig4", Context(out=blocked))
    assert [entry.name for entry in tmp_path.iterdir()] == ["results"]


@pytest.mark.slow
def test_figure_8_on_mnist_as_the_paper_describes_it(tmp_path):
    """Regions number of the order of (#neurons)^2 / 10; they get fewer at first and more again later (sec. 3.3)."""
    rows = reproduce("fig8", Context(out=tmp_path, threads=2, progress=False)).measurement.rows
    counts = [row["regions"] for row in rows if row["run"] == 1]
    assert all(0.05 * 192**2 < count < 192**2 for count in counts)
    assert min(counts) < 0.7 * counts[0]
    assert counts[-1] > 1.3 * min(counts)
    assert rows[-1]["test_accuracy"] > 0.95
