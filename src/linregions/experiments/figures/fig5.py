"""Figure 5: regions on whole lines through the origin and a training example, through training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.experiments.context import Context, Measurement
from linregions.experiments.figures import trainings
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs, through_training
from linregions.experiments.sweeps.cells import LineCounts
from linregions.experiments.sweeps.sweep import sweep
from linregions.plotting import looks, plot_curve

NAME = "fig5"
NEEDS = ("torch", "plot")
_KINDS = ("activation_regions", "linear_regions")


@dataclass(frozen=True)
class Settings:
    """Which networks, at which moments, on how many lines.

    Parameters
    ----------
    hidden : tuple of tuple of int
        Widths of the hidden layers, for each architecture.
    runs : int
        Independent trainings of each.
    epochs : tuple of float
        Moments of training, ascending.
    early : float
        The left panels end at this epoch.
    lines : int
        In each run: lines through the origin and that many different training examples.
    batch_size : int
    learning_rate : float
        Of Adam.
    """

    hidden: tuple[tuple[int, ...], ...] = trainings.ARCHITECTURES
    runs: int = 5
    epochs: tuple[float, ...] = trainings.MOMENTS
    early: float = 0.5
    lines: int = 100
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings(hidden=trainings.FEW_ARCHITECTURES, runs=3, epochs=trainings.FEW_MOMENTS)
FULL = Settings()


def measure(settings: Settings, context: Context) -> Measurement:
    """Count the regions on each line at each moment of each run."""
    trainings.check_count(settings.lines, "lines", len(context.dataset.y_train), "training", NAME)
    chains = trainings.chosen(settings, context, NAME)
    lines, certify = settings.lines, context.certify
    cells = {(t, epoch): LineCounts(t, epoch, lines, certify) for t in chains for epoch in settings.epochs}
    results = sweep(list(cells.values()), context, NAME)
    rows, counts = [], []
    for training in chains:
        for k, epoch in enumerate(training.epochs):
            found = results[cells[training, epoch]]
            counts.append([found[kind] for kind in _KINDS])
            rows.append(trainings.row(training, results[training], k) | {"lines": settings.lines} | _entries(found))
            for kind in _KINDS:
                rows[-1][f"{kind}_per_neuron"] = rows[-1][kind] / rows[-1]["neurons"]
            rows[-1]["snapped_signs"] = found["snapped_signs"]  # decisions that lay within rounding
    averaged = [column for kind in _KINDS for column in (kind, f"{kind}_per_neuron")]
    summary = over_runs(rows, ("architecture", "neurons", "epoch"), ("test_accuracy", *averaged))
    # Of every line, in the order of the table's rows: counts[row, kind, line].
    overview = through_training(summary, ("architecture", "neurons"), "activation_regions_per_neuron")
    return Measurement(rows, {"counts": np.array(counts)}, tables={"summary": summary, "overview": overview})


def _entries(found: Any) -> dict[str, float]:
    """Return mean and standard deviation over the lines."""
    entries = {}
    for kind in _KINDS:
        entries[kind] = float(np.mean(found[kind]))
        entries[f"{kind}_sd"] = float(np.std(found[kind]))
    return entries


def draw(saved: Saved) -> Any:
    """Draw regions per neuron, activation and linear ones, and their number, early and up to the end."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows, early = saved.table("summary"), saved.settings["early"]
    names = names_of(rows, "architecture")
    drawn = (
        ("activation_regions_per_neuron", "activation regions per neuron"),
        ("linear_regions_per_neuron", "linear regions per neuron"),
        ("activation_regions", "activation regions\n(ticks: neurons)"),
    )
    figure = Figure(figsize=(9.0, 9.5), layout="constrained")
    axes = figure.subplots(len(drawn), 2, sharey="row", sharex="col")
    for line, (column, label) in zip(axes, drawn, strict=True):
        for ax, last in zip(line, (early, np.inf), strict=True):
            for name, look in looks(names).items():
                x, mean, stderr = columns_of(rows, "epoch", column, f"{column}_stderr", architecture=name)
                shown = x <= last
                plot_curve(ax, x[shown], mean[shown], stderr[shown], look, label=name)
            ax.grid(alpha=0.3)
            ax.margins(x=0.02)
        line[0].set_ylabel(label)
        if column == "activation_regions":
            # Ticks at the numbers of neurons: the counts stay close to them.
            ticks = sorted(set(names_of(rows, "neurons")))
            line[0].set_yscale("log")
            line[0].set_yticks(ticks, [f"{tick:,}" for tick in ticks])
            line[0].minorticks_off()
        else:
            for ax in line:
                ax.axhline(1.0, color="0.5", linewidth=0.8, zorder=0)
    runs, lines = rows[0]["runs"], saved.settings["lines"]
    axes[0, 0].set_title(f"(a) up to epoch {early:g}")
    axes[0, 1].set_title(f"(b) up to epoch {max(row['epoch'] for row in rows):g}")
    for ax in axes[-1]:
        ax.set_xlabel("epochs of training")
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    title = f"hidden layers; mean over {runs} runs of {lines} lines each"
    trainings.legend_below(axes[0, 0], 4, title + (", bands: one standard error over runs" if runs > 1 else ""))
    figure.align_ylabels()
    figure.suptitle("Regions on the whole line through the origin and a training example")
    return figure
