"""The figure of a tracker shows its table, and follows the training wherever it runs."""

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.tracking import schedule

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from linregions.plotting import tracking as plots  # noqa: E402


class Two:
    """A probe without a panel of its own."""

    name = "two"

    def measure(self, network):
        return {"up": 1.0, "up_low": 0.5, "up_high": 2.0, "down": -1.0}


def network(seed):
    return lr.random_network([3, 8, 8, 2], seed, bias_variance=0.1)


@pytest.fixture
def tracker():
    x = np.random.default_rng(1).normal(size=(30, 3))
    return lr.Tracker([*lr.default_probes(x, rng=0, lines=4, points=20), Two()], every=1, steps_per_epoch=2)


def record(tracker, n=4):
    for seed in range(n):
        tracker(network(seed))
    return tracker


def column(tracker, name):
    return [row[name] for row in tracker.rows]


def test_curves_and_bands_are_the_table(tracker):
    record(tracker)
    lines, distance, two = (plots.plot_panel(p, tracker.rows, Figure().subplots(), x="epoch") for p in panels(tracker))
    assert list(lines.curves) == ["regions"]
    assert lines.curves["regions"].get_xdata().tolist() == [0.0, 0.5, 1.0, 1.5]
    assert lines.curves["regions"].get_ydata().tolist() == column(tracker, "lines/regions")
    top = lines.bands["regions"].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(max(row["lines/regions"] + row["lines/regions_stderr"] for row in tracker.rows))
    assert list(distance.curves) == ["median", "mean"]
    assert list(distance.bands) == ["median"]
    assert distance.axes.get_yscale() == "log"
    assert [text.get_text() for text in distance.axes.get_legend().get_texts()] == [
        "median",
        "10 to 90 % of points",
        "mean",
    ]
    assert list(two.curves) == ["up", "down"]
    assert two.axes.get_ylabel() == "two"


def panels(tracker):
    return [getattr(probe, "panel", None) or plots.Panel(probe.name) for probe in tracker.probes]


def test_the_axis_on_the_right_counts_in_neurons(tracker):
    ax = Figure().subplots()
    plots.plot_panel(panels(tracker)[0], record(tracker).rows, ax)
    (right,) = ax.child_axes
    ax.figure.draw_without_rendering()
    assert right.get_ylabel() == "per neuron"
    assert np.array(right.get_ylim()) == pytest.approx(np.array(ax.get_ylim()) / 16)


def test_records_without_numbers_are_gaps(tracker):
    record(tracker, 2)
    rows = [*tracker.rows, {**dict.fromkeys(tracker.columns, float("nan")), "step": 2, "epoch": 1.0, "status": "NaN"}]
    drawn = plots.plot_panel(panels(tracker)[1], rows, Figure().subplots())
    assert [line.get_xdata()[0] for line in drawn.gaps] == [2.0]
    assert np.isnan(drawn.curves["mean"].get_ydata()[2])
    assert plots.tracking_figure(panels(tracker), rows).axes[0].get_xlim()[1] > 1.0


def test_the_whole_figure_and_given_axes(tracker):
    figure = record(tracker).figure()
    assert [ax.get_ylabel() for ax in figure.axes[:2]] == [
        "activation regions\non a line",
        "distance to the\nnearest boundary",
    ]
    assert figure.axes[2].get_xlabel() == "epoch"
    ax = Figure().subplots()
    assert tracker.figure(ax, names=["distance"]) is ax.figure
    assert len(ax.lines) == 2
    with pytest.raises(InvalidValueError, match="`ax` has 1 entries for 3 probes"):
        tracker.figure(ax)
    with pytest.raises(InvalidValueError, match=r"`names` is \['plane'\]"):
        tracker.figure(names=["plane"])


def test_a_figure_before_the_first_record_is_empty(tracker):
    assert all(not ax.lines for ax in tracker.figure().axes)


def test_without_a_screen_a_file_is_kept_up_to_date(tracker, tmp_path):
    path = tmp_path / "new" / "live.png"
    assert tracker.live(path, every=2) is tracker
    sizes = []
    for seed in range(4):
        tracker(network(seed))
        sizes.append(path.stat().st_mtime_ns)
    assert sizes[0] == sizes[1] < sizes[2] == sizes[3]
    tracker(network(9), force=True)
    assert path.stat().st_mtime_ns > sizes[3]
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in path.parent.iterdir()] == ["live.png"]


def test_drawing_keeps_within_the_budget(tracker, tmp_path, monkeypatch):
    now = [0.0]
    for module in (schedule, plots):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    drawings = []

    def draw(self, rows):
        now[0] += 1.0
        drawings.append(rows[-1]["step"])

    monkeypatch.setattr(plots.LiveFigure, "_draw", draw)
    tracker = lr.Tracker([Two()], 1, budget=0.1).live(tmp_path / "live.png")
    for step in range(50):
        tracker(network(0), step=step)
        now[0] += 1.0
    assert drawings == [0, 20, 40]  # one second for twenty
    assert (tracker.setup_seconds, tracker.drawing_seconds, tracker.measuring_seconds) == (1.0, 2.0, 0.0)


def test_a_live_figure_needs_a_place(tracker, tmp_path):
    with pytest.raises(InvalidValueError, match="`path` is None without a notebook or a matplotlib window"):
        tracker.live()
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValueError, match=r"`path` is .* which cannot be written"):
        tracker.live(tmp_path / "file" / "live.png")
    with pytest.raises(InvalidValueError, match="`every` is 0"):
        tracker.live(tmp_path / "live.png", every=0)


def test_a_drawing_that_fails_does_not_stop_the_training(tracker, tmp_path):
    tracker.live(tmp_path / "live.png", every=1)
    tracker(network(0))
    (tmp_path / "live.png").unlink()
    (tmp_path / "live.png").mkdir()
    with pytest.warns(RuntimeWarning, match="the live figure ends here"):
        tracker(network(1))
    tracker(network(2))  # a second warning would be an error here
    assert len(tracker.rows) == 3


def test_in_a_notebook_one_picture_is_replaced(tracker, monkeypatch):
    shown, updated = [], []

    class Image:
        def __init__(self, data, format):
            self.data = data

    def display(image, display_id):
        shown.append(image)
        return types.SimpleNamespace(update=updated.append)

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    ipython.display = types.ModuleType("IPython.display")
    ipython.display.Image, ipython.display.display = Image, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    record(tracker.live(every=1), 3)
    assert (len(shown), len(updated)) == (1, 2)
    assert updated[0].data.startswith(b"\x89PNG")
    assert updated[0].data != updated[1].data


def test_a_window_is_refreshed_until_it_is_closed(tracker, monkeypatch):
    from matplotlib import pyplot

    class Canvas(FigureCanvasAgg):
        required_interactive_framework = "fake"
        flushed = 0

        def flush_events(self):
            Canvas.flushed += 1

    class Numbered(Figure):
        number = 77

    def figure(**settings):
        made = Numbered(**settings)
        Canvas(made)
        return made

    numbers = {77}
    monkeypatch.setattr(pyplot, "figure", figure)
    monkeypatch.setattr(pyplot, "show", lambda block: None)
    monkeypatch.setattr(pyplot, "fignum_exists", lambda number: number in numbers)
    record(tracker.live(every=1), 2)
    assert Canvas.flushed == 2
    numbers.clear()
    tracker(network(3))
    tracker(network(4))
    assert Canvas.flushed == 2
    assert len(tracker.rows) == 4


def test_without_matplotlib_the_extra_is_named(tracker, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"`matplotlib` cannot be imported .*linregions\[plot\]"):
        record(tracker).figure()
    with pytest.raises(MissingDependencyError, match=r"linregions\[plot\]"):
        tracker.live("live.png")


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    pytest.importorskip("torch")
    script = Path(__file__).parents[2] / "examples" / "track_mnist.py"
    done = subprocess.run(
        [sys.executable, script, "--quick", "--every", "300", "--out", tmp_path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("5 records in ")
    assert len((tmp_path / "tracking.csv").read_text().splitlines()) == 6
    assert (tmp_path / "tracking.png").stat().st_size > 10_000
