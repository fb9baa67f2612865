"""Figures for a window of a plane: their size, the place of the picture and of its key, and its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.plotting.marks import plot_scale_bar
from linregions.plotting.style import figure_size, matplotlib_module

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from linregions.domains.windows import PlaneWindow

# Of a figure: a strip for the key as high as two lines of text and a legend, or the disc of directions.
_STRIP, _STRIP_OF_WIDTH, _LEAST_STRIP = 0.9 / 9.3, 0.116, 0.7
# A key needs some width, and so do numbers beside ticks: left of a picture and below.
_LEAST_WIDTH, _LEAST_HEIGHT = 0.6, 0.2
_TICKS = np.array([0.75, 0.5])


def size_for(window: PlaneWindow, side: float, more: float = 0.0) -> tuple[float, float]:
    """Return width and height of a figure, in inches, that a window fills.

    The longer side has the length `side`, with its ticks; `more` comes above and below the picture.
    """
    extent = np.ptp(window.axes_coordinates(window.polygon), axis=0)
    ticks = _TICKS if window.features is not None else np.zeros(2)
    width, height = (extent / extent.max() * (side - ticks[0]) + ticks).tolist()
    return max(_LEAST_WIDTH * side, width), max(_LEAST_HEIGHT * side, height) + more


def new_axes(window: PlaneWindow, strip: bool) -> tuple[Axes, Any]:
    """Make a figure of pyplot with axes for a picture and, below, for its key; None for the key if there is none."""
    pyplot = matplotlib_module("matplotlib.pyplot", "plot")
    own = size_for(window, 6.4, 1.0) if strip else size_for(window, 6.0)
    figure = pyplot.figure(figsize=figure_size(None, own, "plot"), layout="constrained")
    return axes_and_strip(figure, strip)


def axes_and_strip(figure: Any, strip: bool = True) -> tuple[Any, Any]:
    """Return axes for a picture and, below, for its key; None for the key if there is none."""
    if not strip:
        return figure.subplots(), None
    width, height = figure.get_size_inches()
    below = min(_STRIP_OF_WIDTH * width, max(_STRIP * height, _LEAST_STRIP), 0.5 * height)
    grid = figure.add_gridspec(2, 1, height_ratios=[height - below, below])
    # What room is left over is above the picture, not between it and its key.
    return figure.add_subplot(grid[0], anchor="S"), figure.add_subplot(grid[1])


def lay_out(figure: Any) -> None:
    """Place everything once for all, so that each file of a figure has it at the same places.

    The layout follows from the one before and from the resolution, so that it is another one each time.
    """
    engine = figure.get_layout_engine()
    for _ in range(2):  # ticks are chosen by the first one
        engine.execute(figure)
    figure.set_layout_engine("none")


def as_polygons(corners: FloatArray, offsets: Any) -> Any:
    """Return all polygons as one array (F, m, 2), short ones with their last corner repeated."""
    sizes = np.diff(offsets)
    slot = np.minimum(np.arange(sizes.max(initial=0))[None, :], sizes[:, None] - 1)
    return corners[np.asarray(offsets)[:-1, None] + slot]


def frame(window: PlaneWindow, ax: Axes, scale_bar: bool) -> None:
    """Set the limits of a picture of a window, and its ticks and labels or a scale bar."""
    corners = window.axes_coordinates(window.polygon)
    ax.set_xlim(float(corners[:, 0].min()), float(corners[:, 0].max()))
    ax.set_ylim(float(corners[:, 1].min()), float(corners[:, 1].max()))
    ax.set_aspect("equal")
    if window.axis_names is not None:
        ax.set_xlabel(window.axis_names[0])
        ax.set_ylabel(window.axis_names[1])
        if window.features is not None:  # then ticks are values of these
            return
    ax.set_xticks([])
    ax.set_yticks([])
    if scale_bar:
        plot_scale_bar(ax)
