"""Figure 8: regions in the plane through three examples, at several moments of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved
from linregions.experiments.summary import columns_of, names_of, over_runs
from linregions.plotting import Explorer, explain_colors, explore, plot_plane, plot_scale_bar
from linregions.plotting.colors import LAYER_COLORS, LAYER_MARKERS
from linregions.training import Snapshot, train

NAME = "fig8"
NEEDS = ("torch", "plot")
NOTE = "Dots: the three training examples, with their labels. Bar: distance between inputs (pixels from 0 to 1)."


@dataclass(frozen=True)
class Settings:
    """What is trained, and where it is looked at.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    epochs : tuple of float
        Moments of training.
    labels : tuple of int
        The plane goes through the first training example with each of these three labels.
    scale : float
        Half the side of the square, in circumradii of the three examples; the paper leaves it open.
    scales : tuple of float
        Further squares, in which regions are counted before and after training.
    runs : int
        Trainings, each from a seed of its own; the first is drawn.
    batch_size : int
    learning_rate : float
        Of Adam.
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    epochs: tuple[float, ...] = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
    labels: tuple[int, int, int] = (0, 1, 2)
    scale: float = 1.5
    scales: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0)
    runs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings()
FULL = Settings(epochs=(0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0), runs=5)


def snapshots(settings: Settings, context: Context, run: int = 0) -> list[Snapshot]:
    """Train from the seed of a run, or find a training with the same settings."""
    data = context.dataset
    return train(
        [data.n_in, *settings.hidden, data.n_classes],
        data,
        epochs=max(settings.epochs),
        snapshot_epochs=settings.epochs,
        rng=context.seed + run,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        run_dir=context.run_dir,
        progress=context.progress,
    )


def plane(
    settings: Settings, context: Context, scale: float | None = None
) -> tuple[FloatArray, PlaneWindow, npt.NDArray[np.int64]]:
    """Return the three examples, the square around them, and their numbers in the training set."""
    numbers = context.dataset.first_of_each(settings.labels)
    examples = context.dataset.examples(numbers)
    window = PlaneWindow.through(examples[0], examples[1], examples[2], settings.scale if scale is None else scale)
    return examples, window, numbers


def row(run: int, seed: int, snapshot: Snapshot, found: Any) -> dict[str, Any]:
    """Return what the table says about one moment of a run."""
    neurons = found.network.n_neurons
    return {
        "run": run + 1,
        "seed": seed,
        "epoch": snapshot.epoch,
        "step": snapshot.step,
        "test_accuracy": snapshot.test_accuracy,
        "train_loss": snapshot.train_loss,
        "neurons": neurons,
        "regions": found.n_regions,
        "linear_regions": found.n_linear_regions,
        "regions_per_neuron_squared": found.n_regions / neurons**2,
        "boundary_length": found.boundary_length,
        "median_area": float(np.median(found.areas)),
    }


def measure(settings: Settings, context: Context) -> Measurement:
    """Cut the square at each moment of each run, and count in squares of other sizes before and after training."""
    examples, window, numbers = plane(settings, context)
    rows, scales, drawn = [], [], {}
    for run in range(settings.runs):
        taken = snapshots(settings, context, run)
        for snapshot in taken:
            part = context.counting.partition(snapshot.network, window, progress=context.progress)
            rows.append(row(run, context.seed + run, snapshot, part))
            if run == 0:
                drawn[f"epoch-{snapshot.epoch:g}"] = part
        for snapshot in (taken[0], taken[-1]):
            scales += _count_in_squares(settings, context, run, snapshot)
    arrays = {key: np.array([entry[key] for entry in rows]) for key in rows[0]}
    arrays |= {"origin": window.origin, "basis": window.basis, "polygon": window.polygon}
    arrays |= {"examples": examples, "example_numbers": numbers, "labels": np.array(settings.labels)}
    return Measurement(rows, arrays, drawn, {"scales": scales} if scales else {})


def _count_in_squares(settings: Settings, context: Context, run: int, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return rows of the table of counts against the size of the square."""
    rows = []
    for scale in settings.scales:
        window = plane(settings, context, scale)[1]
        network = snapshot.network
        counts = context.counting.counts(network, window)
        rows.append(
            {
                "run": run + 1,
                "seed": context.seed + run,
                "epoch": snapshot.epoch,
                "scale": scale,
                "side": float(np.sqrt(window.area)),
                "neurons": network.n_neurons,
                "regions": counts[0],
                "linear_regions": counts[1],
                "regions_per_neuron_squared": counts[0] / network.n_neurons**2,
            }
        )
    return rows


def draw(saved: Saved) -> Any:
    """Draw one panel for each moment of the first run, what colours mean, and the counts of all runs."""
    from matplotlib.figure import Figure

    rows = [row for row in saved.rows if row["run"] == 1]
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.9 * lines + 4.5), layout="constrained")
    grid = figure.add_gridspec(lines + 2, 1, height_ratios=[3.9] * lines + [0.9, 3.6])
    panels = grid[:lines].subgridspec(lines, columns)
    for k, row in enumerate(rows):
        ax = figure.add_subplot(panels[k // columns, k % columns])
        plot_plane(
            saved.plane(f"epoch-{row['epoch']:g}"),
            ax,
            decision_boundary=True,
            points=saved.arrays["examples"],
            labels=[str(label) for label in saved.settings["labels"]],
            scale_bar=False,
        )
        ax.set_title(
            f"epoch {row['epoch']:g}:  {row['regions']:,} regions\ntest accuracy {row['test_accuracy']:.1%}",
            fontsize="medium",
        )
        if k == 0:
            plot_scale_bar(ax)
    explain_colors(figure.add_subplot(grid[lines]), "gradient", NOTE, black_lines="decision boundary")
    graphs = grid[lines + 1].subgridspec(1, 2)
    through, size = figure.add_subplot(graphs[0]), figure.add_subplot(graphs[1])
    _draw_training(saved, through)
    if "scales" in saved.tables:
        _draw_scales(saved, size)
    else:
        size.set_axis_off()
    return figure


def page(saved: Saved) -> Explorer:
    """Make a page to explore all moments of the first run in."""
    examples = saved.arrays["examples"]
    side = round(float(np.sqrt(examples.shape[1])))
    moments = {
        f"epoch {row['epoch']:g}: {row['test_accuracy']:.1%}": saved.plane(f"epoch-{row['epoch']:g}")
        for row in saved.rows
        if row["run"] == 1
    }
    return explore(
        moments,
        title="Regions through training: Hanin & Rolnick (2019), figure 8",
        points=examples,
        labels=[str(label) for label in saved.settings["labels"]],
        image_shape=(side, side) if side * side == examples.shape[1] else None,
    )


def _draw_training(saved: Saved, ax: Any) -> None:
    """Draw the counts of all runs against the epoch, early training stretched."""
    runs = names_of(saved.rows, "run")
    for run in runs:
        ax.plot(*columns_of(saved.rows, "epoch", "regions", run=run), color="0.75", linewidth=0.8)
    epochs, means, errors = columns_of(
        over_runs(saved.rows, ["epoch"], ["regions"]), "epoch", "regions", "regions_stderr"
    )
    ax.errorbar(epochs, means, errors, fmt="o-", color=LAYER_COLORS[0], markersize=4, capsize=2)
    ax.set_xscale("symlog", linthresh=0.1)
    ticks: list[float] = []
    for epoch in reversed(epochs.tolist()):  # labels that leave each other room
        if not ticks or epoch <= 0.7 * ticks[-1]:
            ticks.append(epoch)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()
    ax.set_ylim(0)
    ax.set(xlabel="epoch", ylabel="regions in the square")
    ax.set_title(f"{len(runs)} run{'s' * (len(runs) != 1)} (grey), mean and standard error", fontsize="medium")


def _draw_scales(saved: Saved, ax: Any) -> None:
    """Draw the counts against the size of the square, with the square of the number of neurons."""
    from matplotlib.ticker import LogLocator

    rows = saved.table("scales")
    for k, epoch in enumerate(names_of(rows, "epoch")):
        means = over_runs([row for row in rows if row["epoch"] == epoch], ["scale"], ["regions"])
        ax.errorbar(
            *columns_of(means, "scale", "regions", "regions_stderr"),
            marker=LAYER_MARKERS[k],
            color=LAYER_COLORS[k],
            markersize=4,
            capsize=2,
            label="before training" if epoch == 0 else f"after {epoch:g} epochs",
        )
    neurons = rows[0]["neurons"]
    lines = 1 + neurons + neurons * (neurons - 1) // 2
    ax.axhline(neurons**2, color="#222222", linestyle="--", linewidth=1, label=f"#neurons² = {neurons**2:,}")
    ax.axhline(lines, color="0.5", linestyle=":", linewidth=1.5, label=f"{neurons} straight lines: {lines:,}")
    ax.axvline(saved.settings["scale"], color="0.85", zorder=0, linewidth=5)
    ax.set(xscale="log", yscale="log", xlabel="half the square's side, in circumradii of the three examples")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.minorticks_off()
    ax.set_title("larger squares (grey: the one drawn)", fontsize="medium")
    ax.legend(frameon=False, fontsize="small")
