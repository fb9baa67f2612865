"""Figure 7: the distribution of the distances to the nearest boundary, at three moments of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions.experiments.context import Context, Measurement
from linregions.experiments.figures import trainings
from linregions.experiments.figures.fig6 import SAMPLES
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs
from linregions.experiments.sweeps.cells import BINS_PER_DECADE, Distances, Sample
from linregions.experiments.sweeps.sweep import sweep
from linregions.plotting import looks, plot_histogram

NAME = "fig7"
NEEDS = ("torch", "plot")


@dataclass(frozen=True)
class Settings:
    """Which network, at which moments, at how many points.

    Parameters
    ----------
    hidden, runs, epochs, batch_size, learning_rate
        As in Figure 5; the paper has one network.
    points : int
        In each run.
    sample : {"normal", "train", "test"}
        As in Figure 6.
    """

    hidden: tuple[tuple[int, ...], ...] = ((16, 16, 16, 16),)
    runs: int = 12
    epochs: tuple[float, ...] = (0.0, 1.0, 20.0)
    points: int = 10_000
    sample: Sample = "normal"
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings(runs=3, epochs=(0.0, 1.0, 7.0))
FULL = Settings()


def measure(settings: Settings, context: Context) -> Measurement:
    """Sort the distances of all points into bins of a tenth of a decade."""
    trainings.check_points(settings.points, settings.sample, context, NAME)
    chains = trainings.chosen(settings, context, NAME)
    sample, points = settings.sample, settings.points
    cells = {(t, epoch): Distances(t, epoch, sample, points) for t in chains for epoch in settings.epochs}
    results = sweep(list(cells.values()), context, NAME)
    found = {key: results[cell] for key, cell in cells.items()}
    # All histograms have the same bins, so that runs can be averaged.
    first = min(entry["first_bin"] for entry in found.values())
    last = max(entry["first_bin"] + len(entry["counts"]) for entry in found.values())
    moments, bins = [], []
    for (training, epoch), entry in found.items():
        start = trainings.row(training, results[training], training.epochs.index(epoch)) | {"points": settings.points}
        moments.append(
            start
            | {"distance": float(entry["mean"]), "distance_median": float(entry["quantiles"][2])}
            | {"log10_mean": float(entry["log10_mean"]), "log10_sd": float(entry["log10_sd"])}
            | {"zero": entry["zero"], "infinite": entry["infinite"]}
        )
        counts = np.zeros(last - first, dtype=np.int64)
        offset = entry["first_bin"] - first
        counts[offset : offset + len(entry["counts"])] = entry["counts"]
        for k, count in enumerate(counts.tolist(), start=first):
            place = {"log10_low": k / BINS_PER_DECADE, "log10_high": (k + 1) / BINS_PER_DECADE}
            bins.append(start | place | {"count": count, "share": count / settings.points})
    by = ("architecture", "neurons", "epoch")
    columns = ("test_accuracy", "distance", "distance_median", "log10_mean", "log10_sd")
    summary = over_runs(moments, by, columns)
    shown = ("architecture", "epoch", "runs", "test_accuracy", "distance", "log10_mean", "log10_sd")
    tables = {
        "summary": summary,
        "overview": [{key: row[key] for key in shown} for row in summary],
        "moments": moments,
        "histogram": over_runs(bins, (*by, "log10_low", "log10_high"), ("share",)),
    }
    return Measurement(bins, {}, tables=tables)


def draw(saved: Saved) -> Any:
    """Draw the histograms of all moments in one panel, one panel for each architecture."""
    from matplotlib.figure import Figure

    rows, summary = saved.table("histogram"), saved.table("summary")
    names, epochs = names_of(rows, "architecture"), names_of(rows, "epoch")
    figure = Figure(figsize=(6.6 * len(names), 4.4), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for ax, name in zip(axes, names, strict=True):
        for (key, look), epoch in zip(looks([str(epoch) for epoch in epochs]).items(), epochs, strict=True):
            low, high, share, stderr = columns_of(
                rows, "log10_low", "log10_high", "share", "share_stderr", architecture=name, epoch=epoch
            )
            ((mean,), (neurons,)) = columns_of(summary, "distance", "neurons", architecture=name, epoch=epoch)
            # Histograms of one table have the same bins, neighbours without gaps.
            edges = 10.0 ** np.append(low, high[-1])
            plot_histogram(ax, edges, share, stderr, look, label=f"epoch {float(key):g}: mean {mean:.2g}")
            ax.axvline(mean, color=look.color, linestyle=look.linestyle, linewidth=0.9)
        ax.set_xscale("log")
        _show_most(ax, rows)
        ax.set_title(f"hidden layers {name}, {neurons} neurons", fontsize="medium")
        ax.set_xlabel("distance to the nearest boundary (inputs: pixels from 0 to 1)")
        ax.legend(frameon=False, loc="upper left")
        ax.grid(alpha=0.3)
    runs, points = rows[0]["runs"], saved.settings["points"]
    axes[0].set_ylabel(f"share of points, per 1/{BINS_PER_DECADE} decade")
    figure.supxlabel(
        f"{SAMPLES[saved.settings['sample']]}; mean over {runs} runs of {points:,} points each\n"
        + ("bands: one standard error over runs; " if runs > 1 else "")
        + "vertical lines: means",
        fontsize="small",
    )
    return figure


def _show_most(ax: Any, rows: list[dict[str, Any]]) -> None:
    """Leave out the empty tail: show where any histogram has at least one point in ten thousand."""
    shown = [row for row in rows if row["share"] >= 1e-4] or rows
    ax.set_xlim(10.0 ** min(row["log10_low"] for row in shown), 10.0 ** max(row["log10_high"] for row in shown))
    ax.set_ylim(bottom=0)
