"""Graphs of networks along lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linregions._support.shown import Quiet
from linregions._support.validation import FloatArray, as_float_array, as_integer
from linregions.domains.windows import Path
from linregions.errors import InvalidValueError
from linregions.plotting.colors import LAYER_COLORS, LAYER_MARKERS, OUTPUT_COLORS
from linregions.plotting.pictures import LinePicture
from linregions.plotting.style import figure_size, matplotlib_module

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class LineArtists(Quiet):
    """What `plot_line` put on the axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    graphs : list of matplotlib.lines.Line2D
        One for each output drawn; its corners are the breakpoints, exactly.
    marks : list of matplotlib.collections.PathCollection
        The breakpoints, one collection for each layer that has some in view; with several outputs one for all.
    """

    axes: Any
    graphs: list[Any]
    marks: list[Any]


def plot_line(
    partition: LinePicture,
    ax: Axes | None = None,
    *,
    interval: tuple[float, float] | None = None,
    outputs: int | Sequence[int] | None = None,
    breakpoints: bool = True,
    title: str | None = None,
) -> LineArtists:
    """Draw the exact graph of a network along a line, with its breakpoints marked by layer.

    Parameters
    ----------
    partition : LinePartition
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    interval : (float, float), optional
        Range of the parameter t. By default the whole of a bounded domain, and of an unbounded one all
        breakpoints with a margin of a tenth on both sides.
    outputs : int or sequence of int, optional
        Outputs to draw, one or up to ten; by default the first ten.
    breakpoints : bool
        Whether to mark breakpoints: on the graph, in the colour of their layer; with several outputs below the
        graphs.
    title : str, optional
        What to write above.

    Returns
    -------
    LineArtists

    Raises
    ------
    InvalidValueError
        If the interval is empty or an output unknown.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Between two breakpoints the graph is straight, so the network is evaluated at these and at the ends only.

    References
    ----------
    Hanin & Rolnick (2019), figure 4.

    Examples
    --------
    >>> import linregions as lr
    >>> from matplotlib.figure import Figure
    >>> p = lr.partition(lr.random_network([1, 8, 8, 1], 0), lr.Line([0.0], [1.0]))
    >>> drawn = plot_line(p, Figure().subplots())
    >>> len(drawn.graphs[0].get_xdata()) == len(p.breakpoints) + 2
    True
    """
    who = "plot_line"
    pyplot = matplotlib_module("matplotlib.pyplot", who)
    low, high = shown_interval(partition, interval)
    chosen = _chosen(outputs, partition.network.n_out, who)
    if ax is None:
        ax = pyplot.subplots(figsize=figure_size(None, (7.0, 3.5), who), layout="constrained")[1]
    inside = (partition.breakpoints > low) & (partition.breakpoints < high)
    corners = partition.breakpoints[inside]
    # The graph also bends where a path turns, whether a neuron switches there or not.
    turns = np.arange(np.floor(low) + 1, high) if isinstance(partition.domain, Path) else corners[:0]
    t = np.unique(np.concatenate([[low], corners, turns, [high]]))
    values = partition.network(partition.domain.point(t))
    many = len(chosen) > 1
    graphs = [
        ax.plot(
            t,
            values[:, number],
            color=OUTPUT_COLORS[k] if many else "#222222",
            linewidth=1.3,
            label=f"output {number}" if many else None,
            solid_joinstyle="round",
            zorder=2,
        )[0]
        for k, number in enumerate(chosen)
    ]
    marks = []
    if breakpoints and corners.size:
        if many:
            marks = [_mark_below(ax, corners)]
        else:
            marks = _mark(partition, ax, corners, values[np.searchsorted(t, corners), chosen[0]], inside)
    ax.set_xlim(low, high)
    if title is not None:
        ax.set_title(title)
    ax.set_xlabel("$t$")
    ax.set_ylabel("output" if many else f"output {chosen[0]}" if partition.network.n_out > 1 else "output")
    if many:
        ax.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    elif marks:
        ax.legend(fontsize="small", frameon=False, title="breakpoints", title_fontsize="small")
    return LineArtists(ax, graphs, marks)


def _chosen(outputs: Any, n_out: int, who: str) -> tuple[int, ...]:
    """Return the numbers of the outputs to draw."""
    if outputs is None:
        return tuple(range(min(n_out, len(OUTPUT_COLORS))))
    given = list(outputs) if np.ndim(outputs) else [outputs]
    chosen = tuple(as_integer(number, "outputs", who, 0) for number in given)
    if not 0 < len(chosen) <= len(OUTPUT_COLORS) or max(chosen) >= n_out:
        raise InvalidValueError(
            f"`outputs` are {list(chosen)}, but {who} needs one to {len(OUTPUT_COLORS)} numbers below the number "
            f"of outputs, {n_out}. Count outputs from 0."
        )
    return chosen


def _mark(partition: LinePicture, ax: Axes, t: FloatArray, heights: FloatArray, inside: Any) -> list[Any]:
    """Put a mark on each breakpoint, in the colour and shape of its layer."""
    offsets = partition.network.neuron_offsets
    layer = np.searchsorted(offsets, partition.neurons[inside], side="right") - 1
    size = float(np.clip(1200.0 / max(len(t), 1), 10.0, 26.0))
    return [
        ax.scatter(
            t[layer == k],
            heights[layer == k],
            s=size,
            marker=LAYER_MARKERS[k % len(LAYER_MARKERS)],
            color=LAYER_COLORS[k % len(LAYER_COLORS)],
            edgecolors="white",
            linewidths=0.4 if len(t) < 100 else 0.15,
            zorder=3,
            label=f"layer {k + 1}: {np.count_nonzero(layer == k)}",
        )
        for k in np.unique(layer)
    ]


def _mark_below(ax: Axes, t: FloatArray) -> Any:
    """Put a tick at the lower edge for each breakpoint."""
    return ax.scatter(
        t,
        np.full(len(t), 0.02),
        marker="|",
        s=40,
        color="#222222",
        linewidths=0.6,
        transform=ax.get_xaxis_transform(),
        label=f"{len(t)} breakpoint{'s' * (len(t) != 1)}",
    )


def shown_interval(partition: LinePicture, interval: tuple[float, float] | None) -> tuple[float, float]:
    """Return the range of t that is drawn: the one given, or all breakpoints with a margin where a line has no end."""
    if interval is not None:
        ends = as_float_array(interval, "interval", "plot_line", ndim=1)
        if ends.shape != (2,) or ends[0] >= ends[1]:
            raise InvalidValueError(
                f"`interval` is {ends.tolist()}, but plot_line needs a pair (low, high) with low < high. Swap the two."
            )
        return float(ends[0]), float(ends[1])
    low, high = float(partition.intervals[0, 0]), float(partition.intervals[-1, 1])
    points = partition.breakpoints
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    first = low if np.isfinite(low) else float(points[0]) if points.size else -1.0
    last = high if np.isfinite(high) else float(points[-1]) if points.size else 1.0
    margin = 0.1 * (last - first) or 1.0
    return (low if np.isfinite(low) else first - margin), (high if np.isfinite(high) else last + margin)
