"""Curves of several networks with error bands, and histograms as steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.plotting.colors import LAYER_COLORS, LAYER_MARKERS

_LINES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Look:
    """How one curve is told from the others: by colour, by marker, and in print without colour by dashes.

    Parameters
    ----------
    color, marker, linestyle : str
        As matplotlib names them.
    """

    color: str
    marker: str
    linestyle: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return a look for each name, in order; no two of up to 28 are the same.

    Parameters
    ----------
    names : sequence of str
        Without repetition.

    Returns
    -------
    dict of Look
    """
    n, turn = len(LAYER_COLORS), len(_LINES)
    return {
        name: Look(LAYER_COLORS[k % n], LAYER_MARKERS[k % n], _LINES[(k % n + k // n) % turn])
        for k, name in enumerate(names)
    }


def plot_curve(
    ax: Any,
    x: npt.ArrayLike,
    mean: npt.ArrayLike,
    stderr: npt.ArrayLike | None,
    look: Look,
    *,
    label: str | None = None,
    every: int | float = 0.12,
) -> Any:
    """Draw a curve with a band of one standard error to both sides.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    x, mean : array_like, shape (N,)
    stderr : array_like, shape (N,), optional
        Half the width of the band, in units of `mean`; NaN where it is not known.
    look : Look
    label : str, optional
        For the legend.
    every : int or float
        A marker at every so many points, or, as a float, at distances of this share of the axes' diagonal.

    Returns
    -------
    matplotlib.lines.Line2D
    """
    places, values = np.asarray(x, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    (line,) = ax.plot(
        places,
        values,
        color=look.color,
        linestyle=look.linestyle,
        linewidth=1.4,
        marker=look.marker,
        markersize=4,
        markeredgewidth=0,
        markevery=every,
        label=label,
    )
    if stderr is not None and np.isfinite(np.asarray(stderr, dtype=np.float64)).any():
        half = np.asarray(stderr, dtype=np.float64)
        ax.fill_between(places, values - half, values + half, color=look.color, alpha=0.2, linewidth=0)
    return line


def plot_histogram(
    ax: Any,
    edges: npt.ArrayLike,
    heights: npt.ArrayLike,
    stderr: npt.ArrayLike | None,
    look: Look,
    *,
    label: str | None = None,
) -> Any:
    """Draw a histogram as steps, so that several can be seen in one place.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    edges : array_like, shape (N + 1,)
        Of the bins.
    heights : array_like, shape (N,)
    stderr : array_like, shape (N,), optional
        Half the height of a band around the steps, in units of `heights`; NaN where it is not known.
    look : Look
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.patches.StepPatch
    """
    places, values = np.asarray(edges, dtype=np.float64), np.asarray(heights, dtype=np.float64)
    steps = ax.stairs(values, places, color=look.color, linestyle=look.linestyle, linewidth=1.5, label=label)
    if stderr is not None and np.isfinite(np.asarray(stderr, dtype=np.float64)).any():
        half = np.asarray(stderr, dtype=np.float64)
        ax.stairs(values + half, places, baseline=values - half, fill=True, color=look.color, alpha=0.2, linewidth=0)
    return steps
