"""Cells of boxes and surfaces in three dimensions, from arrays, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.errors import InvalidValueError
from linregions.plotting.colors import pattern_colors
from linregions.plotting.region_colors import class_color
from linregions.plotting.style import figure_size, matplotlib_module

FloatArray = npt.NDArray[np.float64]
# More polygons than these take matplotlib minutes, and show nothing.
_MOST_POLYGONS = 100_000
_SIZE = (7.0, 7.0)  # inches
# Where light comes from, seen by the reader, and how much of a colour is left in the shade.
_LIGHT, _SHADE = np.array([0.4, -0.5, 0.77]), 0.45


def plot_surface(surface: Any, ax: Any = None, *, color: Any = None, edges: bool | None = None) -> Any:
    """Draw the polygons of a surface in three dimensions.

    Parameters
    ----------
    surface : Surface
    ax : mpl_toolkits.mplot3d.Axes3D, optional
        Where to draw; by default on a new figure.
    color : colour, optional
        One for all polygons, shaded by how they lie to the light; by default that of the second class of each.
    edges : bool, optional
        Whether to draw the edges of polygons; by default if there are less than 5,000.

    Returns
    -------
    Poly3DCollection

    Raises
    ------
    InvalidValueError
        If there are more than 100,000 polygons.
    MissingDependencyError
        If matplotlib is not installed.
    """
    who = "plot_surface"
    colors = matplotlib_module("matplotlib.colors", who)
    corners = [surface.polygon(k) for k in range(surface.n_polygons)]
    if color is None:
        names, which = np.unique(surface.classes[:, 1], return_inverse=True)
        own = np.array([colors.to_rgb(class_color(int(name))) for name in names]).reshape(-1, 3)[which]
    else:
        own = np.tile(colors.to_rgb(color), (len(corners), 1))
    return _draw(corners, surface.vertices, own, surface.n_polygons < 5000 if edges is None else edges, 1.0, ax, who)


def plot_cells(
    partition: Any, regions: Sequence[int] | None = None, ax: Any = None, *, apart: float = 0.0, opacity: float = 1.0
) -> Any:
    """Draw regions of a box of three inputs, each in the colour of its pattern.

    Parameters
    ----------
    partition : BoxPartition
    regions : sequence of int, optional
        Which ones; by default all.
    ax : mpl_toolkits.mplot3d.Axes3D, optional
        Where to draw; by default on a new figure.
    apart : float
        How far to move regions from the middle of the box, as a share of their distance from it, so that one sees
        between them.
    opacity : float
        From 0 to 1.

    Returns
    -------
    Poly3DCollection

    Raises
    ------
    InvalidValueError
        If the box has not three inputs, or there are more than 100,000 polygons.
    MissingDependencyError
        If matplotlib is not installed.
    """
    who = "plot_cells"
    if partition.n_in != 3:
        raise InvalidValueError(
            f"`partition` has {partition.n_in} inputs, but {who} needs three. Draw a plane of it: "
            "`partition(network, PlaneWindow(...))`."
        )
    chosen = range(partition.n_regions) if regions is None else regions
    offsets, facets = partition.cell_facets
    middle = 0.5 * (partition.vertices.min(axis=0) + partition.vertices.max(axis=0))
    corners, owner = [], []
    for k, region in enumerate(chosen):
        shift = apart * (partition.centroids[region] - middle)
        for f in facets[offsets[region] : offsets[region + 1]].tolist():
            own = partition.facet_vertices[partition.facet_offsets[f] : partition.facet_offsets[f + 1]]
            if partition.facet_cells[f, 0] != region:
                own = own[::-1]  # seen from outside
            corners.append(partition.vertices[own] + shift)
            owner.append(k)
    own_colors = pattern_colors(partition.patterns[np.asarray(list(chosen), dtype=np.intp)])[:, :3]
    points = np.concatenate([partition.vertices, *corners])
    return _draw(corners, points, own_colors[owner], len(corners) < 5000, opacity, ax, who)


def surface_figure(surface: Any, *, title: str, size: tuple[float, float] | None = None) -> Any:
    """Return a figure of a surface, not known to pyplot; the title goes above."""
    figure, ax = _figure(size, "surface_figure")
    plot_surface(surface, ax)
    ax.set_title(title)
    return figure


def cells_figure(partition: Any, *, title: str, size: tuple[float, float] | None = None) -> Any:
    """Return a figure of all regions of a box of three inputs, moved apart, not known to pyplot."""
    figure, ax = _figure(size, "cells_figure")
    plot_cells(partition, ax=ax, apart=0.6)
    ax.set_title(title)
    return figure


def _figure(size: tuple[float, float] | None, who: str) -> tuple[Any, Any]:
    figure = matplotlib_module("matplotlib.figure", who).Figure(figsize=figure_size(size, _SIZE, who))
    matplotlib_module("mpl_toolkits.mplot3d", who)  # brings the projection
    return figure, figure.add_subplot(projection="3d")


def _draw(
    corners: list[FloatArray], points: FloatArray, colors: FloatArray, edges: bool, opacity: float, ax: Any, who: str
) -> Any:
    if len(corners) > _MOST_POLYGONS:
        raise InvalidValueError(
            f"`self` has {len(corners):,} polygons, but {who} draws {_MOST_POLYGONS:,} at most. Choose fewer regions, "
            "or write a surface with `save` for a program that draws meshes."
        )
    art3d = matplotlib_module("mpl_toolkits.mplot3d.art3d", who)
    if ax is None:
        pyplot = matplotlib_module("matplotlib.pyplot", who)
        ax = pyplot.figure(figsize=figure_size(None, _SIZE, who)).add_subplot(projection="3d")
    shaded = np.column_stack([colors * _light_on(corners)[:, None], np.full(len(corners), opacity)])
    artist = art3d.Poly3DCollection(
        corners, facecolors=shaded, edgecolors=(0, 0, 0, 0.35) if edges else shaded, linewidths=0.25 if edges else 0.1
    )
    ax.add_collection3d(artist)
    low, high = points.min(axis=0), points.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    ax.set_box_aspect(high - low)
    return artist


def _light_on(corners: list[FloatArray]) -> FloatArray:
    """Return how light polygons are, from `_SHADE` to 1."""
    shades = np.ones(len(corners))
    for k, polygon in enumerate(corners):
        normal = np.cross(polygon - polygon[0], np.roll(polygon, -1, axis=0) - polygon[0]).sum(axis=0)
        size = float(np.linalg.norm(normal))
        if size > 0:
            shades[k] = _SHADE + (1 - _SHADE) * 0.5 * (1 + float(normal @ _LIGHT) / size)
    return shades
