"""Figure 8: regions in the plane through three examples, at several moments of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray
from linregions.domains import PlaneWindow
from linregions.experiments.context import Context, Measurement
from linregions.experiments.saved import Saved
from linregions.partition import partition
from linregions.plotting import explain_colors, plot_plane, plot_scale_bar
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
    batch_size : int
    learning_rate : float
        Of Adam.
    """

    hidden: tuple[int, ...] = (64, 64, 64)
    epochs: tuple[float, ...] = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
    labels: tuple[int, int, int] = (0, 1, 2)
    scale: float = 1.5
    batch_size: int = 128
    learning_rate: float = 1e-3


QUICK = Settings()
FULL = Settings(epochs=(0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0))


def snapshots(settings: Settings, context: Context) -> list[Snapshot]:
    """Train, or find a training with the same settings."""
    data = context.dataset
    return train(
        [data.n_in, *settings.hidden, data.n_classes],
        data,
        epochs=max(settings.epochs),
        snapshot_epochs=settings.epochs,
        rng=context.seed,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        run_dir=context.run_dir,
        progress=context.progress,
    )


def plane(settings: Settings, context: Context) -> tuple[FloatArray, PlaneWindow, npt.NDArray[np.int64]]:
    """Return the three examples, the square around them, and their numbers in the training set."""
    numbers = context.dataset.first_of_each(settings.labels)
    examples = context.dataset.examples(numbers)
    return examples, PlaneWindow.through(examples[0], examples[1], examples[2], settings.scale), numbers


def row(snapshot: Snapshot, found: Any) -> dict[str, Any]:
    """Return what the table says about one moment."""
    neurons = found.network.n_neurons
    return {
        "epoch": snapshot.epoch,
        "step": snapshot.step,
        "test_accuracy": snapshot.test_accuracy,
        "train_loss": snapshot.train_loss,
        "regions": found.n_regions,
        "linear_regions": found.n_linear_regions,
        "regions_per_neuron_squared": found.n_regions / neurons**2,
        "boundary_length": found.boundary_length,
        "median_area": float(np.median(found.areas)),
    }


def measure(settings: Settings, context: Context) -> Measurement:
    """Cut the square at each moment."""
    taken = snapshots(settings, context)
    examples, window, numbers = plane(settings, context)
    parts = [partition(s.network, window, threads=context.threads, progress=context.progress) for s in taken]
    rows = [row(snapshot, part) for snapshot, part in zip(taken, parts, strict=True)]
    arrays = {key: np.array([entry[key] for entry in rows]) for key in rows[0]}
    arrays |= {"origin": window.origin, "basis": window.basis, "polygon": window.polygon}
    arrays |= {"examples": examples, "example_numbers": numbers, "labels": np.array(settings.labels)}
    named = {f"epoch-{snapshot.epoch:g}": part for snapshot, part in zip(taken, parts, strict=True)}
    return Measurement(rows, arrays, named)


def draw(saved: Saved) -> Any:
    """Draw one panel for each moment, and the key to colours and scale below."""
    from matplotlib.figure import Figure

    rows = saved.rows
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.9 * lines + 0.9), layout="constrained")
    grid = figure.add_gridspec(lines + 1, columns, height_ratios=[3.9] * lines + [0.9])
    for k, row in enumerate(rows):
        ax = figure.add_subplot(grid[k // columns, k % columns])
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
    explain_colors(figure.add_subplot(grid[-1, :]), "gradient", NOTE, decision_boundary=True)
    return figure
