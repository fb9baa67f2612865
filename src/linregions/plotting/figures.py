"""Whole figures of one result, with a title and what explains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions.plotting.keys import explain_colors, name_of_lines
from linregions.plotting.layout import axes_and_strip, lay_out, size_for
from linregions.plotting.lines import plot_line
from linregions.plotting.pictures import LinePicture, Picture
from linregions.plotting.planes import plot_plane
from linregions.plotting.style import figure_size, matplotlib_module

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plane_figure(
    partition: Picture,
    *,
    title: str,
    color_by: str = "gradient",
    decision_boundary: bool | str = False,
    level: float | None = None,
    points: npt.ArrayLike | None = None,
    labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    note: str = "",
    colormap: str | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw one plane partition with the key to its colours below.

    Parameters
    ----------
    partition : PlanePartition
    title, note : str
        What to write above, and below after the meaning of the colours.
    color_by, decision_boundary, level, points, labels, colormap
        As in `plot_plane`.
    size : (float, float), optional
        Width and height in inches; by default your setting ``figure.figsize``, or else 8 x 9.2 for a square window
        without ticks and less for others.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.
    """
    figure = _figure(size, size_for(partition.window, 8.0, 1.2), "plane_figure")  # with the strip below
    ax, strip = axes_and_strip(figure)
    drawn = plot_plane(
        partition,
        ax,
        color_by=color_by,
        decision_boundary=decision_boundary,
        level=level,
        points=points,
        labels=labels,
        title=title,
        colormap=colormap,
    )
    explain_colors(
        strip,
        color_by,
        note,
        name_of_lines(drawn.decision_boundary),
        handles=drawn.handles,
        faces=drawn.faces,
        single=partition.network.n_out == 1,
        smallest=decision_boundary == "argmin",
    )
    lay_out(figure)
    return figure


def line_figure(
    partition: LinePicture,
    *,
    title: str,
    interval: tuple[float, float] | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the graph of a network along a line.

    Parameters
    ----------
    partition : LinePartition
    title : str
    interval : (float, float), optional
        As in `plot_line`.
    size : (float, float), optional
        Width and height in inches; by default your setting ``figure.figsize``, or else 8 x 4.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.
    """
    figure = _figure(size, (8.0, 4.0), "line_figure")
    ax = figure.subplots()
    plot_line(partition, ax, interval=interval)
    ax.set_title(title, fontsize="medium")
    return figure


def distance_figure(
    distances: npt.NDArray[np.float64], *, title: str, size: tuple[float, float] | None = None
) -> Figure:
    """Draw the histogram of distances to the nearest boundary, on a logarithmic axis.

    Parameters
    ----------
    distances : ndarray of float64, shape (N,)
        Zero and infinite ones are left out and counted in the axis' label.
    title : str
    size : (float, float), optional
        Width and height in inches; by default your setting ``figure.figsize``, or else 6 x 4.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot.

    References
    ----------
    Hanin & Rolnick (2019), figure 7.
    """
    figure = _figure(size, (6.0, 4.0), "distance_figure")
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


def _figure(size: tuple[float, float] | None, own: tuple[float, float], who: str) -> Figure:
    module = matplotlib_module("matplotlib.figure", "plotting")
    made: Figure = module.Figure(figsize=figure_size(size, own, who), layout="constrained")
    return made
