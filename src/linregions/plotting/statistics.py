"""Histograms of what is known of the regions of a window together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions.errors import InvalidValueError
from linregions.plotting.pictures import HistogramPicture, StatisticsPicture
from linregions.plotting.style import figure_size, matplotlib_module

_COLOR = "#0072B2"


def plot_statistics(
    statistics: StatisticsPicture, axes: Sequence[Any] | None = None, *, title: str | None = None
) -> Any:
    """Draw how many regions have which area, perimeter and number of sides.

    Parameters
    ----------
    statistics : PlaneStatistics
        What `RegionStatistics` returns.
    axes : sequence of three matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    title : str, optional
        What to write above; by default, on a new figure, the number of regions.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidValueError
        If there are not three axes.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Areas and perimeters in tenths of a decade, on a logarithmic axis, with their medians, which are known to a tenth
    of a decade only.

    Examples
    --------
    >>> import linregions as lr
    >>> from matplotlib.figure import Figure
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> found = lr.partition(net, lr.PlaneWindow.of_inputs(-1, 1), sink=lr.RegionStatistics())
    >>> figure = found.plot(Figure().subplots(1, 3))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['area', 'perimeter', 'sides']
    """
    who = "plot_statistics"
    pyplot = matplotlib_module("matplotlib.pyplot", who)
    if axes is None:
        _, axes = pyplot.subplots(1, 3, figsize=figure_size(None, (10.0, 3.2), who), layout="constrained")
        title = f"{statistics.n_regions:,} regions" if title is None else title
    chosen = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(chosen) != 3:
        raise InvalidValueError(
            f"`axes` has {len(chosen)} entries, but {who} needs three. Give e.g. `figure.subplots(1, 3)`."
        )
    _histogram(chosen[0], statistics.areas, "area")
    _histogram(chosen[1], statistics.perimeters, "perimeter")
    sides = np.flatnonzero(statistics.sides)
    last = len(statistics.sides) - 1
    chosen[2].bar(sides, statistics.sides[sides], width=0.8, color=_COLOR)
    chosen[2].set_xlabel("sides")
    chosen[2].xaxis.get_major_locator().set_params(integer=True)
    if last in sides:  # where all with more are counted
        chosen[2].set_xlabel(f"sides ({last}: or more)")
    chosen[0].set_ylabel("regions")
    if title is not None:
        chosen[0].figure.suptitle(title, fontsize="medium")
    return chosen[0].figure


def _histogram(ax: Any, histogram: HistogramPicture, name: str) -> None:
    """Draw counts over a logarithmic axis."""
    ax.set_xlabel(name)
    if not histogram.counts.size:
        return
    edges = 10.0**histogram.log10_edges
    ax.stairs(histogram.counts, edges, fill=True, color=_COLOR)
    # In the middle of the bin in which half of all regions are reached.
    bin_number = int(np.searchsorted(np.cumsum(histogram.counts), histogram.counts.sum() / 2))
    median = float(np.sqrt(edges[bin_number] * edges[bin_number + 1]))
    ax.axvline(median, color="#D55E00", linewidth=1.5, linestyle="--", label=f"median about {median:.1g}")
    ax.set_xscale("log")
    ax.legend(frameon=False, fontsize="small")
