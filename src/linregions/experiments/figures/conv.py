"""An experiment of our own: what the paper measures in Figures 5 and 6, of networks that share weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from linregions._support.tables import Row
from linregions._support.validation import as_integer, as_positive
from linregions.errors import InvalidValueError
from linregions.experiments.context import Context, Measurement
from linregions.experiments.figures import trainings
from linregions.experiments.figures.fig6 import BAND
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs, through_training
from linregions.experiments.sweeps.cells import Chain, Result, Trained, Training
from linregions.experiments.sweeps.convolutional import ConvolutionalChain, InputDistances, InputLines, Inputs, model
from linregions.experiments.sweeps.sweep import sweep
from linregions.plotting import Look, looks, plot_curve
from linregions.training.convolutional import Kind

NAME = "conv"
NEEDS = ("torch", "convolutions", "plot")
#: What convolutional networks and those beside them are called.
NETWORKS = {"cnn": ("CNN", "dense, as the CNN"), "resnet": ("ResNet", "dense, as the ResNet")}
INPUTS = {
    "train": "training examples",
    "normal": "normal inputs with dark margins",  # where the data have them
    "noise": "normal inputs without dark margins",
}
_WIDTH_LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Settings:
    """Which networks, at which moments, on how many lines and at how many points.

    Parameters
    ----------
    kinds : tuple of {"cnn", "resnet"}
        The convolutional networks (`linregions.training.convolutional.Convolutional`). Beside each is a fully connected
        one with as many neurons in every layer.
    widths : tuple of int
        Of both, each a multiple of the smallest numbers of channels.
    runs : int
        Independent trainings of each.
    epochs : tuple of float
        Moments of training, ascending.
    lines : int
        In each run and of each kind: lines through the origin and that many inputs.
    lines_to : tuple of {"train", "normal", "noise"}
        What these inputs are: training examples; normal with the mean and variance of each pixel; normal with those of
        all pixels together.
    points : int
        In each run and of each kind.
    points_of : tuple of {"train", "normal", "noise"}
        What the points are.
    batch_size : int
    learning_rate : float
        Of Adam.
    """

    kinds: tuple[Kind, ...] = ("cnn", "resnet")
    widths: tuple[int, ...] = (1, 2, 4)
    runs: int = 5
    epochs: tuple[float, ...] = trainings.SOME_MOMENTS
    lines: int = 100
    lines_to: tuple[Inputs, ...] = ("train", "noise")
    points: int = 1000
    points_of: tuple[Inputs, ...] = ("normal", "noise")
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings(widths=(1, 2), runs=1, epochs=(0.0, 0.1, 0.5), lines=10, points=100)
FULL = Settings()


class _Network(NamedTuple):
    """What tables call one run of a network."""

    name: str  # one of `NETWORKS`
    width: int
    neurons: int
    run: int  # from 1


def measure(settings: Settings, context: Context) -> Measurement:
    """Count the regions on each line and measure the distances at each moment of each run."""
    chosen = _chosen(settings, context)
    lines = {
        (training, inputs, epoch): InputLines(training, epoch, inputs, settings.lines, context.certify)
        for training in chosen
        for inputs in settings.lines_to
        for epoch in settings.epochs
    }
    distances = {
        (training, inputs, epoch): InputDistances(training, epoch, inputs, settings.points)
        for training in chosen
        for inputs in settings.points_of
        for epoch in settings.epochs
    }
    # In the order of the trainings: a sweep that is stopped has all of the first ones.
    cells = [cell for t in chosen for part in (lines, distances) for key, cell in part.items() if key[0] == t]
    results = sweep(cells, context, NAME)

    def start(training: Training[Trained], inputs: str, epoch: float) -> dict[str, Any]:
        return _row(chosen[training], training, results[training], epoch) | {"inputs": inputs}

    on_lines = [start(*key) | _of_lines(results[cell], chosen[key[0]].neurons) for key, cell in lines.items()]
    of_points = [
        start(*key) | _of_points(results[cell], chosen[key[0]].neurons, settings.points)
        for key, cell in distances.items()
    ]
    by = ("architecture", "network", "width", "neurons", "inputs", "epoch")
    regions = [f"{kind}_regions{end}" for kind in ("activation", "linear") for end in ("", "_per_neuron")]
    summary = over_runs(on_lines, by, ("test_accuracy", *regions))
    far = over_runs(of_points, by, ("test_accuracy", "distance", "distance_median", "distance_times_neurons"))
    overview = [
        row
        for means, column in (
            (summary, "activation_regions_per_neuron"),
            (summary, "linear_regions_per_neuron"),
            (far, "distance_times_neurons"),
        )
        for row in _overview(means, column)
    ]
    # Of every line, in the order of the table's rows: counts[row, kind, line].
    counts = [[results[cell]["activation_regions"], results[cell]["linear_regions"]] for cell in lines.values()]
    tables = {"distances": of_points, "summary": summary, "distances-summary": far, "overview": overview}
    return Measurement(on_lines, {"counts": np.array(counts)}, tables=tables)


def _chosen(settings: Settings, context: Context) -> dict[Training[Trained], _Network]:
    """Return what is trained, the convolutional networks and those beside them, or raise if a setting is wrong."""
    data = context.dataset
    if len(data.image_shape) != 2 or min(data.image_shape) < 5:
        raise InvalidValueError(
            f"`data` is {data!r}, but {NAME} needs grey images of at least 5 x 5 pixels. Give arrays of shape "
            "(N, height, width)."
        )
    for name in ("kinds", "widths", "lines_to", "points_of"):
        values = getattr(settings, name)
        if not values or len(set(values)) < len(values):
            raise InvalidValueError(
                f"`{name}` is {list(values)}, but {NAME} needs at least one entry, each once. Remove repetitions."
            )
    for width in settings.widths:
        as_integer(width, "widths", NAME, 1)
    trainings.check_count(settings.lines, "lines", len(data.y_train), "training", NAME)
    trainings.check_count(settings.points, "points", len(data.y_train), "training", NAME)
    moments = trainings.moments(settings.epochs, NAME)
    batch = as_integer(settings.batch_size, "batch_size", NAME, 1)
    rate = as_positive(settings.learning_rate, "learning_rate", NAME)
    runs = as_integer(settings.runs, "runs", NAME, 1)
    chosen: dict[Training[Trained], _Network] = {}
    for kind, dense, width in itertools.product(settings.kinds, (False, True), settings.widths):
        layers = model(kind, width, data).layers
        for run in range(runs):
            chain: Trained = Chain(layers, run, context.seed, data.fingerprint, batch, rate)
            if not dense:
                chain = ConvolutionalChain(kind, width, run, context.seed, data.fingerprint, batch, rate)
            network = _Network(NETWORKS[kind][dense], width, sum(layers), run + 1)
            chosen[Training(chain, moments)] = network
    return chosen


def _row(network: _Network, training: Training[Trained], done: Result, epoch: float) -> dict[str, Any]:
    """Return the first entries of a row: which network at which moment, and how good it is."""
    k = training.epochs.index(epoch)
    return {
        "architecture": f"{network.name}, {network.neurons:,} neurons",
        "network": network.name,
        "width": network.width,
        "neurons": network.neurons,
        "run": network.run,
        "epoch": epoch,
        "step": done["step"][k],
        "test_accuracy": done["test_accuracy"][k],
        "train_loss": done["train_loss"][k],
    }


def _of_lines(found: Result, neurons: int) -> dict[str, Any]:
    """Return means over lines."""
    entries: dict[str, Any] = {"lines": len(found["activation_regions"])}
    for kind in ("activation_regions", "linear_regions"):
        entries[kind] = float(np.mean(found[kind]))
        entries[f"{kind}_sd"] = float(np.std(found[kind]))
        entries[f"{kind}_per_neuron"] = entries[kind] / neurons
    return entries | {"snapped_signs": found["snapped_signs"]}


def _of_points(found: Result, neurons: int, points: int) -> dict[str, Any]:
    """Return what is known of the distances."""
    low, _, median, _, _ = found["quantiles"]
    entries = {"points": points, "distance": float(found["mean"]), "distance_median": median, "distance_min": low}
    entries["distance_times_neurons"] = entries["distance"] * neurons
    # Of deep networks some are not proved; the chance says how sure they are.
    return entries | {key: found[key] for key in ("zero", "infinite", "unproved", "chance")}


def _overview(summary: Sequence[Row], column: str) -> list[dict[str, Any]]:
    """Tell how a mean goes through training, for each network and kind of input."""
    rows = through_training(summary, ("inputs", "network", "neurons"), column)
    return [{"measure": column.replace("_", " ")} | row for row in rows]


def draw(saved: Saved) -> Any:
    """Draw regions per neuron and distances times neurons through training, one column for each kind of input."""
    from matplotlib.figure import Figure

    lines, points = saved.table("summary"), saved.table("distances-summary")
    drawn = (
        (lines, "activation_regions_per_neuron", "activation regions\nper neuron, on whole lines"),
        (lines, "linear_regions_per_neuron", "linear regions\nper neuron, on whole lines"),
        (points, "distance_times_neurons", "mean distance to the nearest\nboundary × neurons"),
    )
    n_columns = max(len(names_of(rows, "inputs")) for rows, *_ in drawn)
    figure = Figure(figsize=(5.0 * n_columns + 0.8, 10.5), layout="constrained")
    axes = figure.subplots(len(drawn), n_columns, squeeze=False, sharey="row", sharex=True)
    styles = _looks(lines)
    for line, (rows, column, label) in zip(axes, drawn, strict=True):
        inputs = names_of(rows, "inputs")
        for ax in line[len(inputs) :]:
            ax.set_axis_off()
        for ax, of in zip(line, inputs, strict=False):
            for name, look in styles.items():
                x, mean, stderr = columns_of(rows, "epoch", column, f"{column}_stderr", architecture=name, inputs=of)
                plot_curve(ax, x, mean, stderr, look, label=name.removesuffix(" neurons"))
            where = "points:" if rows is points else "lines through the origin and"
            ax.set_title(f"{where} {INPUTS[of]}", fontsize="medium")
            ax.grid(alpha=0.3)
            if rows is points:
                ax.axhspan(*BAND, color="0.9", zorder=0)
                ax.set_yscale("log")
                ax.yaxis.set_major_formatter("{x:g}")
            else:
                ax.axhline(1.0, color="0.5", linewidth=0.8, zorder=0)
        if rows is lines:
            line[0].set_ylim(bottom=0)  # only now: it fixes the other end
        line[0].set_ylabel(label)
    _show_early_and_late(axes, lines)
    runs = lines[0]["runs"]
    title = f"{saved.settings['lines']} lines and {saved.settings['points']:,} points "
    title += f"in each of {runs} runs" if runs > 1 else "in one run"
    title += "; bands: one standard error over runs" if runs > 1 else ""
    title += "\ngrey: the paper's 0.4 to 1.5; dense: fully connected, as many neurons in every layer; numbers: neurons"
    # Filled column by column: one for each network, with its sizes below each other.
    trainings.legend_below(axes[0, 0], len(names_of(lines, "network")), title)
    figure.align_ylabels()
    figure.suptitle("Weight sharing, not in the paper: a small CNN and a small ResNet beside dense networks")
    return figure


def _looks(rows: Sequence[Row]) -> dict[str, Look]:
    """Return a colour and a marker for each network, and dashes for its width."""
    colors, widths = looks(names_of(rows, "network")), names_of(rows, "width")
    found = {}
    for row in rows:
        dashes = _WIDTH_LINES[widths.index(row["width"]) % len(_WIDTH_LINES)]
        found[row["architecture"]] = replace(colors[row["network"]], linestyle=dashes)
    return found


def _show_early_and_late(axes: Any, rows: Sequence[Row]) -> None:
    """Give the first tenth of an epoch as much room as the next decade."""
    last = max(row["epoch"] for row in rows)
    ticks = [tick for tick in (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if tick <= last]
    for ax in axes.flat:
        ax.set_xscale("symlog", linthresh=0.1, linscale=0.5)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    for ax in axes[-1]:
        ax.set_xlabel("epochs of training")
