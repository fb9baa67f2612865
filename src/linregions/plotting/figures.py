"""Whole figures of one result, with a title and what explains it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._validation import require
from linregions.plotting.lines import plot_line
from linregions.plotting.marks import plot_gradient_key
from linregions.plotting.planes import plot_plane

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from linregions.lines import LinePartition
    from linregions.planes import PlanePartition


def plane_figure(
    partition: PlanePartition,
    *,
    title: str,
    color_by: str = "gradient",
    decision_boundary: bool = False,
    points: npt.ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    note: str = "",
) -> Figure:
    """Draw one plane partition with the key to its colours below.

    Parameters
    ----------
    partition : PlanePartition
    title, note : str
        What to write above, and below after the meaning of the colours.
    color_by, decision_boundary, points, labels
        As in `plot_plane`.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.
    """
    figure = _figure((8.0, 9.6))  # a square, its title, and the strip below
    grid = figure.add_gridspec(2, 1, height_ratios=[8.4, 0.9])
    ax = figure.add_subplot(grid[0])
    drawn = plot_plane(
        partition, ax, color_by=color_by, decision_boundary=decision_boundary, points=points, labels=labels
    )
    ax.set_title(title)
    below = figure.add_subplot(grid[1])
    if color_by in {"output", "area"}:
        what = "largest output, in the middle of the region" if color_by == "output" else "area of the region"
        figure.colorbar(
            drawn.faces,
            cax=below.inset_axes((0.2, 0.55, 0.6, 0.2)),
            orientation="horizontal",
            label=what,
            extend="min" if color_by == "area" else "neither",
        )
        below.set_axis_off()
    else:
        explain_colors(below, color_by, note, decision_boundary)
    return figure


def explain_colors(ax: Any, color_by: str, note: str = "", decision_boundary: bool = False) -> None:
    """Say in a strip below a picture what colours and lines mean.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A strip of its own, below the picture.
    color_by : {"gradient", "pattern"}
    note : str
        What to add.
    decision_boundary : bool
        Whether it was drawn.
    """
    ax.set_axis_off()
    lines = ["Colour: the activation pattern; the same pattern has the same colour in every picture."]
    if color_by == "gradient":
        plot_gradient_key(ax.inset_axes((0.0, 0.0, 0.12, 1.0)), title="")
        lines = [
            "Colour: direction in the plane in which the largest output grows (grey where it is flat),",
            "with a slight tint by activation pattern.",
        ]
    if decision_boundary:
        lines[-1] += " Black lines: decision boundary."
    text = "\n".join([*lines, *([note] if note else [])])
    ax.text(0.13 if color_by == "gradient" else 0.0, 0.5, text, transform=ax.transAxes, va="center", fontsize="small")


def line_figure(partition: LinePartition, *, title: str, interval: tuple[float, float] | None = None) -> Figure:
    """Draw the graph of a network along a line.

    Parameters
    ----------
    partition : LinePartition
    title : str
    interval : (float, float), optional
        As in `plot_line`.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.
    """
    figure = _figure((8.0, 4.0))
    ax = figure.subplots()
    plot_line(partition, ax, interval=interval)
    ax.set_title(title, fontsize="medium")
    return figure


def distance_figure(distances: npt.NDArray[np.float64], *, title: str) -> Figure:
    """Draw the histogram of distances to the nearest boundary, on a logarithmic axis.

    Parameters
    ----------
    distances : ndarray of float64, shape (N,)
        Zero and infinite ones are left out and counted in the axis' label.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.

    References
    ----------
    Hanin & Rolnick (2019), figure 7.
    """
    figure = _figure((6.0, 4.0))
    ax = figure.subplots()
    shown = distances[(distances > 0) & np.isfinite(distances)]
    label = "distance to the nearest boundary"
    if shown.size:
        low, high = np.log10(shown.min()), np.log10(shown.max())
        margin = 0.01 if high == low else 0.0
        bins = np.logspace(low - margin, high + margin, min(60, max(5, int(np.sqrt(shown.size)))) + 1)
        ax.hist(shown, bins=bins.tolist(), color="#0072B2", edgecolor="white", linewidth=0.3)
        ax.axvline(
            float(shown.mean()), color="#D55E00", linewidth=1.5, linestyle="--", label=f"mean {shown.mean():.3g}"
        )
        ax.set_xscale("log")
        ax.legend(frameon=False)
    if shown.size < distances.size:
        label += f"\n({distances.size - shown.size} of {distances.size} zero or infinite, not shown)"
    ax.set_xlabel(label)
    ax.set_ylabel("points")
    ax.set_title(title, fontsize="medium")
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    module = require("matplotlib", "plot", "plotting", lambda: importlib.import_module("matplotlib.figure"))
    made: Figure = module.Figure(figsize=size, layout="constrained")
    return made
