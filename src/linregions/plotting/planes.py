"""Pictures of plane partitions."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray, as_choice, as_integer, require
from linregions.errors import InvalidValueError
from linregions.plotting.colors import LAYER_COLORS, gradient_colors, pattern_colors
from linregions.plotting.marks import euclidean, layer_handles, plot_points, plot_scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from linregions.domains import PlaneWindow
    from linregions.planes import PlanePartition

COLOR_BY = ("gradient", "pattern", "output", "area")
_RASTERIZE_ABOVE = 5000


@dataclass(frozen=True)
class PlaneArtists:
    """What `plot_plane` put on the axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    faces : matplotlib.collections.PolyCollection
        One polygon for each region, in the partition's order.
    edges : matplotlib.collections.LineCollection
        One line for each edge that is not on the border.
    decision_boundary : matplotlib.collections.LineCollection or None
    points : list of artists
        Dots and labels.
    """

    axes: Any
    faces: Any
    edges: Any
    decision_boundary: Any
    points: list[Any]


def plot_plane(
    partition: PlanePartition,
    ax: Axes | None = None,
    *,
    color_by: str = "gradient",
    output: int | None = None,
    scale: float | None = None,
    edges: bool = True,
    decision_boundary: bool = False,
    points: npt.ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    scale_bar: bool = True,
) -> PlaneArtists:
    """Draw the regions of a plane partition.

    Parameters
    ----------
    partition : PlanePartition
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    color_by : {"gradient", "pattern", "output", "area"}
        ``"gradient"``: direction and size of the gradient of an output in the plane (`gradient_colors`), with a
        small tint by pattern; ``"pattern"``: a colour of its own for each activation pattern, the same in every
        picture; ``"output"``: the output in the middle of the region; ``"area"``: the area. The last two can be
        given to a colour bar as `faces`.
    output : int, optional
        Which output colours refer to; by default the one that is largest in the middle of the region.
    scale : float, optional
        Gradient that gets half of the full colour; by default the root mean square over the window. Give one
        number for several pictures to compare them.
    edges : bool
        Whether to draw boundaries as thin lines.
    decision_boundary : bool
        Whether to draw where the largest output changes.
    points : array_like, shape (k, n_in), optional
        Points of the input space to mark; those outside the plane are projected onto it.
    labels : sequence of str, optional
        One for each point.
    scale_bar : bool
        Whether to draw a bar with its length in the input space. A window over the inputs of a 2-input network
        gets axes with ticks instead.

    Returns
    -------
    PlaneArtists

    Raises
    ------
    InvalidValueError
        If `color_by` or `output` is unknown, or points and labels do not fit.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    The picture is drawn in orthonormal coordinates of the plane, so that lengths and angles are true also when the
    window's basis is not orthonormal. More than 5,000 polygons are rasterised in SVG and PDF files.

    Examples
    --------
    >>> import linregions as lr
    >>> from matplotlib.figure import Figure
    >>> net = lr.random_network([2, 8, 8, 1], 0, bias_variance=0.1)
    >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    >>> drawn = plot_plane(p, Figure().subplots(), color_by="pattern")
    >>> len(drawn.faces.get_paths()) == p.n_regions
    True
    """
    who = "plot_plane"
    as_choice(color_by, "color_by", who, COLOR_BY)
    collections = require("matplotlib", "plot", who, lambda: importlib.import_module("matplotlib.collections"))
    ax = _axes(ax)
    corners = _polygons(partition)
    many = len(corners) > _RASTERIZE_ABOVE
    # Each polygon also gets a hairline of its own colour: it closes the seams that antialiasing leaves.
    faces = collections.PolyCollection(corners, edgecolors="face", linewidths=0.3, rasterized=many, zorder=1)
    if color_by == "gradient":
        faces.set_facecolor(_gradient_colors(partition, output, scale))
    elif color_by == "pattern":
        faces.set_facecolor(pattern_colors(partition.patterns))
    else:
        _color_by_values(partition, faces, color_by, output)
    ax.add_collection(faces, autolim=False)
    inner = partition.edge_neuron >= 0
    # A fortieth of the mean size of a region in the picture, so that lines never cover what they bound.
    width = _points_across(ax) / np.sqrt(len(corners)) / 40
    lines = collections.LineCollection(
        euclidean(partition.window, partition.vertices)[partition.edges[inner]],
        colors=[(0.0, 0.0, 0.0, 0.55)],
        linewidths=float(np.clip(width, 0.05, 0.8)),
        rasterized=many,
        zorder=2,
    )
    if edges:
        ax.add_collection(lines, autolim=False)
    boundary = _draw_decision_boundary(partition, ax, collections) if decision_boundary else None
    marks = [] if points is None else plot_points(partition.window, points, ax, labels=labels)
    _frame(partition.window, ax, scale_bar)
    return PlaneArtists(ax, faces, lines, boundary, marks)


def plot_layers(
    partition: PlanePartition,
    ax: Axes | None = None,
    *,
    newest: int | None = None,
    fill: bool = False,
    legend: bool = True,
) -> PlaneArtists:
    """Draw boundaries in the colour of the layer whose neurons make them.

    Parameters
    ----------
    partition : PlanePartition
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    newest : int, optional
        Hidden layer (from 0) to emphasise; by default the last.
    fill : bool
        Whether to fill regions with a pale colour by the gradient of the first output.
    legend : bool
        Whether to name the colours.

    Returns
    -------
    PlaneArtists

    References
    ----------
    Hanin & Rolnick (2019), figure 2.
    """
    who = "plot_layers"
    collections = require("matplotlib", "plot", who, lambda: importlib.import_module("matplotlib.collections"))
    ax = _axes(ax)
    offsets = partition.network.neuron_offsets
    last = len(offsets) - 2
    emphasised = last if newest is None else as_integer(newest, "newest", who, 0)
    corners = _polygons(partition)
    pale = 0.45 * _gradient_colors(partition, 0, None) + 0.55 if fill else "none"
    many = len(corners) > _RASTERIZE_ABOVE
    faces = collections.PolyCollection(
        corners,
        facecolors=pale,
        edgecolors="face",
        linewidths=0.3,
        rasterized=many,
        zorder=1,
    )
    ax.add_collection(faces, autolim=False)
    inner = partition.edge_neuron >= 0
    layer = np.searchsorted(offsets, partition.edge_neuron[inner], side="right") - 1
    order = np.argsort(layer, kind="stable")  # later layers on top
    layer = layer[order]
    lines = collections.LineCollection(
        euclidean(partition.window, partition.vertices)[partition.edges[inner]][order],
        colors=[LAYER_COLORS[k % len(LAYER_COLORS)] for k in layer],
        linewidths=np.where(layer == emphasised, 1.5, 0.7),
        capstyle="round",
        zorder=2,
    )
    ax.add_collection(lines, autolim=False)
    if legend:
        ax.legend(handles=layer_handles(last + 1), loc="upper right", fontsize="small", framealpha=0.9).set_zorder(9)
    _frame(partition.window, ax, True)
    return PlaneArtists(ax, faces, lines, None, [])


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    pyplot = require("matplotlib", "plot", "plot", lambda: importlib.import_module("matplotlib.pyplot"))
    made: Axes = pyplot.subplots(figsize=(6, 6), layout="constrained")[1]
    return made


def _points_across(ax: Axes) -> float:
    """Return the shorter side of the axes in typographic points."""
    box = ax.get_window_extent()
    return float(72.0 / ax.figure.dpi * min(box.width, box.height))


def _polygons(partition: PlanePartition) -> FloatArray:
    """Return all faces as one array (F, m, 2), short ones with their last corner repeated."""
    sizes = np.diff(partition.face_offsets)
    slot = np.minimum(np.arange(sizes.max())[None, :], sizes[:, None] - 1)
    vertices = euclidean(partition.window, partition.vertices)
    return np.asarray(vertices[partition.face_vertices[partition.face_offsets[:-1, None] + slot]])


def _chosen_outputs(partition: PlanePartition, output: int | None) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Return which output each region is coloured by, and its value in the mean of the region's corners."""
    maps = partition.affine_maps
    starts, sizes = partition.face_offsets[:-1], np.diff(partition.face_offsets)
    middle = np.add.reduceat(partition.vertices[partition.face_vertices], starts, axis=0) / sizes[:, None]
    values = np.einsum("fok,fk->fo", maps[:, :, :2], middle) + maps[:, :, 2]
    if output is None:
        chosen = np.argmax(values, axis=1)
    else:
        number = as_integer(output, "output", "plot_plane", 0)
        if number >= maps.shape[1]:
            raise InvalidValueError(
                f"`output` is {number}, but plot_plane needs one below the number of outputs, {maps.shape[1]}. "
                "Count outputs from 0."
            )
        chosen = np.full(len(maps), number)
    return chosen, values[np.arange(len(maps)), chosen]


def _gradient_colors(partition: PlanePartition, output: int | None, scale: float | None) -> FloatArray:
    chosen, _ = _chosen_outputs(partition, output)
    basis = partition.window.basis
    maps = partition.affine_maps[np.arange(len(chosen)), chosen, :2]
    gradients = np.linalg.solve(np.linalg.cholesky(basis @ basis.T), maps.T).T
    if scale is None:
        share = partition.areas / partition.areas.sum()
        scale = float(np.sqrt(share @ np.sum(gradients**2, axis=1)))
    return gradient_colors(gradients, scale, partition.patterns)


def _color_by_values(partition: PlanePartition, faces: Any, color_by: str, output: int | None) -> None:
    """Give the polygons numbers with a colour map, so that a colour bar can be made of them."""
    from matplotlib.colors import LogNorm

    faces.set_cmap("cividis")
    if color_by == "area":
        areas = np.maximum(partition.areas, np.finfo(np.float64).tiny)
        # Most regions are tiny and cover next to nothing; the lower half of them shares the darkest colour.
        low, high = float(np.median(areas)), float(areas.max())
        faces.set_norm(LogNorm(low if low < high else low / 2, high))
        faces.set_array(areas)
    else:
        faces.set_array(_chosen_outputs(partition, output)[1])


def _draw_decision_boundary(partition: PlanePartition, ax: Axes, collections: Any) -> Any:
    from matplotlib.patheffects import withStroke

    width = float(np.clip(_points_across(ax) / 320, 0.8, 1.4))
    lines = [euclidean(partition.window, line) for line in partition.decision_boundary().polylines]
    artist = collections.LineCollection(
        lines,
        colors="black",
        linewidths=width,
        capstyle="round",
        joinstyle="round",
        zorder=4,
        path_effects=[withStroke(linewidth=width + 1.2, foreground=(1, 1, 1, 0.8))],
    )
    ax.add_collection(artist, autolim=False)
    return artist


def _frame(window: PlaneWindow, ax: Axes, scale_bar: bool) -> None:
    corners = euclidean(window, window.polygon)
    ax.set_xlim(float(corners[:, 0].min()), float(corners[:, 0].max()))
    ax.set_ylim(float(corners[:, 1].min()), float(corners[:, 1].max()))
    ax.set_aspect("equal")
    if window.n_in == 2 and np.array_equal(window.basis, np.eye(2)) and not np.any(window.origin):
        ax.set_xlabel("$x_1$")
        ax.set_ylabel("$x_2$")
        return
    ax.set_xticks([])
    ax.set_yticks([])
    if scale_bar:
        plot_scale_bar(ax)
