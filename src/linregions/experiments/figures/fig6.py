"""Figure 6: the mean distance to the nearest boundary, through training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.experiments.context import Context, Measurement
from linregions.experiments.figures import trainings
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs, through_training
from linregions.experiments.sweeps.cells import Distances, Sample
from linregions.experiments.sweeps.sweep import sweep
from linregions.plotting import looks, plot_curve

NAME = "fig6"
NEEDS = ("torch", "plot")
#: The paper's curves: the mean distance lies between these over the number of neurons.
BAND = (0.4, 1.5)
_ACCURACIES = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
SAMPLES = {"normal": "normal points", "train": "training examples", "test": "test examples"}


@dataclass(frozen=True)
class Settings:
    """Which networks, at which moments, at how many points.

    Parameters
    ----------
    hidden, runs, epochs, batch_size, learning_rate
        As in Figure 5.
    points : int
        In each run and sample.
    samples : tuple of {"normal", "train", "test"}
        Drawn normally with the componentwise mean and variance of the training set; training and test examples.
    """

    hidden: tuple[tuple[int, ...], ...] = trainings.ARCHITECTURES
    runs: int = 12
    epochs: tuple[float, ...] = trainings.SOME_MOMENTS
    points: int = 10_000
    samples: tuple[Sample, ...] = ("normal", "train", "test")
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings(hidden=trainings.FEW_ARCHITECTURES, runs=3, epochs=trainings.FEW_MOMENTS, points=2000)
FULL = Settings()


def measure(settings: Settings, context: Context) -> Measurement:
    """Measure the distances at each moment of each run."""
    for sample in settings.samples:
        trainings.check_points(settings.points, sample, context, NAME)
    chains = trainings.chosen(settings, context, NAME)
    cells = {
        (training, sample, epoch): Distances(training, epoch, sample, settings.points)
        for training in chains
        for sample in settings.samples
        for epoch in settings.epochs
    }
    results = sweep(list(cells.values()), context, NAME)
    rows = []
    for (training, sample, epoch), cell in cells.items():
        found = results[cell]
        row = trainings.row(training, results[training], training.epochs.index(epoch))
        mean, median = float(found["mean"]), float(found["quantiles"][2])
        row |= {"sample": sample, "points": settings.points, "distance": mean, "distance_sd": float(found["sd"])}
        row |= {"distance_median": median, "distance_min": float(found["quantiles"][0])}
        row |= {"distance_times_neurons": mean * row["neurons"], "zero": found["zero"], "infinite": found["infinite"]}
        rows.append(row)
    averaged = ("test_accuracy", "distance", "distance_median", "distance_times_neurons")
    summary = over_runs(rows, ("architecture", "neurons", "sample", "epoch"), averaged)
    overview = through_training(summary, ("sample", "architecture", "neurons"), "distance_times_neurons")
    return Measurement(rows, {}, tables={"summary": summary, "overview": overview})


def draw(saved: Saved) -> Any:
    """Draw a line of three panels for each sample: against neurons, epoch and test accuracy."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows = saved.table("summary")
    samples, names = names_of(rows, "sample"), names_of(rows, "architecture")
    styles = looks(names)
    figure = Figure(figsize=(12.0, 3.5 * len(samples) + 1.2), layout="constrained")
    axes = figure.subplots(len(samples), 3, squeeze=False, sharex="col")
    for sample, line in zip(samples, axes, strict=True):
        of_sample = [row for row in rows if row["sample"] == sample]
        _draw_raw(line[0], of_sample, styles)
        for name, look in styles.items():
            x, accuracy, mean, stderr = columns_of(
                of_sample,
                "epoch",
                "test_accuracy",
                "distance_times_neurons",
                "distance_times_neurons_stderr",
                architecture=name,
            )
            plot_curve(line[1], x, mean, stderr, look, label=name)
            plot_curve(line[2], accuracy, mean, None, look, label=name, every=1)
        line[0].set_ylabel(f"{SAMPLES[sample]}\n\nmean distance to the nearest boundary")
        for ax in line[1:]:
            ax.set_ylabel("distance × neurons")
            ax.set_ylim(bottom=0)
        for ax in line:
            ax.grid(alpha=0.3)
    for ax, title in zip(axes[0], ("(a) against neurons", "(b) through training", "(c) against accuracy"), strict=True):
        ax.set_title(title)
    for ax, label in zip(axes[-1], ("neurons", "epochs of training", "test accuracy (logit scale)"), strict=True):
        ax.set_xlabel(label)
    axes[-1, 1].xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _stretch_accuracy(axes[-1, 2], rows)
    figure.align_ylabels()
    runs, points = rows[0]["runs"], saved.settings["points"]
    title = f"hidden layers; mean over {runs} runs of {points:,} points each, distances in units of the inputs "
    title += "(pixels from 0 to 1)" + ("; bands: one standard error over runs" if runs > 1 else "")
    trainings.legend_below(axes[0, 1], 7, title)
    return figure


def _stretch_accuracy(ax: Any, rows: list[dict[str, Any]]) -> None:
    """Give accuracies near one the room that they need: all networks end there."""
    ax.set_xscale("logit", nonpositive="clip")
    (accuracy,) = columns_of(rows, "test_accuracy")
    ticks = [tick for tick in _ACCURACIES if min(accuracy) <= tick <= max(accuracy)] or [0.5]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _draw_raw(ax: Any, rows: list[dict[str, Any]], styles: dict[str, Any]) -> None:
    """Draw one dot for each moment over the number of neurons, and the paper's two curves."""
    names = list(styles)
    sizes = {name: next(row["neurons"] for row in rows if row["architecture"] == name) for name in names}
    span = np.array([min(sizes.values()) / 1.4, max(sizes.values()) * 1.4])
    for factor, dashes in zip(BAND, ("--", "-."), strict=True):
        ax.plot(span, factor / span, color="0.35", linestyle=dashes, linewidth=1.0, label=f"{factor:g} / neurons")
    for name, look in styles.items():
        same = [other for other in names if sizes[other] == sizes[name]]
        # Architectures with as many neurons stand side by side.
        place = sizes[name] * 1.07 ** (2 * same.index(name) - len(same) + 1)
        (values,) = columns_of(rows, "distance", architecture=name)
        ax.scatter(np.full(len(values), place), values, s=14, marker=look.marker, color=look.color, alpha=0.6, lw=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = sorted(set(sizes.values()))
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    low, high = ax.get_ylim()
    levels = [digit * 10.0**power for power in range(-9, 4) for digit in (1, 2, 5)]
    levels = [level for level in levels if low <= level <= high]
    ax.set_yticks(levels, [f"{level:g}" for level in levels])
    ax.minorticks_off()
    ax.legend(frameon=False, loc="upper right", fontsize="small")
