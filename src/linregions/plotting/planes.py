"""Pictures of plane partitions."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray, as_choice, as_float_array, as_integer, require
from linregions.errors import InvalidValueError
from linregions.plotting.colors import LAYER_COLORS, gradient_colors, pattern_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from linregions.domains import PlaneWindow
    from linregions.planes import PlanePartition

COLOR_BY = ("gradient", "pattern", "output", "area")
_RASTERIZE_ABOVE = 5000
_INK = "#222222"


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
        picture; ``"output"``: the output in the middle of the region; ``"area"``: the logarithm of the area.
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
    """
    who = "plot_plane"
    as_choice(color_by, "color_by", who, COLOR_BY)
    collections = require("matplotlib", "plot", who, lambda: importlib.import_module("matplotlib.collections"))
    ax = _axes(ax)
    corners = _polygons(partition)
    many = len(corners) > _RASTERIZE_ABOVE
    colors = _face_colors(partition, corners, color_by, output, scale)
    # Each polygon also gets a hairline of its own colour: it closes the seams that antialiasing leaves.
    faces = collections.PolyCollection(
        corners, facecolors=colors, edgecolors="face", linewidths=0.3, rasterized=many, zorder=1
    )
    ax.add_collection(faces, autolim=False)
    inner = partition.edge_neuron >= 0
    # A fortieth of the mean size of a region in the picture, so that lines never cover what they bound.
    box = ax.get_window_extent()
    width = 72.0 / ax.figure.dpi * min(box.width, box.height) / np.sqrt(len(corners)) / 40
    lines = collections.LineCollection(
        _euclidean(partition.window, partition.vertices)[partition.edges[inner]],
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
    colors = _face_colors(partition, corners, "gradient", 0, None)
    many = len(corners) > _RASTERIZE_ABOVE
    faces = collections.PolyCollection(
        corners,
        facecolors=0.45 * colors + 0.55 if fill else "none",
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
        _euclidean(partition.window, partition.vertices)[partition.edges[inner]][order],
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


def layer_handles(n_layers: int) -> list[Any]:
    """Return the legend's entries for the colours of layers.

    Parameters
    ----------
    n_layers : int

    Returns
    -------
    list of matplotlib.lines.Line2D
    """
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=LAYER_COLORS[k % len(LAYER_COLORS)], linewidth=1.5, label=f"layer {k + 1}")
        for k in range(n_layers)
    ]


def plot_points(
    window: PlaneWindow, points: npt.ArrayLike, ax: Axes, *, labels: Sequence[str] | None = None
) -> list[Any]:
    """Mark points of the input space by black dots with a white rim, and label them.

    Parameters
    ----------
    window : PlaneWindow
    points : array_like, shape (k, n_in)
    ax : matplotlib.axes.Axes
    labels : sequence of str, optional
        One for each point.

    Returns
    -------
    list of artists

    Raises
    ------
    InvalidValueError
        If the numbers of points and labels differ.
    """
    from matplotlib.patheffects import withStroke

    array = as_float_array(points, "points", "plot_points", ndim=2)
    if labels is not None and len(labels) != len(array):
        raise InvalidValueError(
            f"`labels` has {len(labels)} entries for {len(array)} points, but plot_points needs one for each. "
            "Give as many labels as points."
        )
    places = _euclidean(window, window.coordinates(array))
    artists: list[Any] = list(
        ax.plot(*places.T, "o", color="black", markersize=6, markeredgecolor="white", markeredgewidth=1.0, zorder=6)
    )
    for place, label in zip(places, labels or [], strict=False):
        artists.append(
            ax.annotate(
                label,
                place,
                xytext=(6, 5),
                textcoords="offset points",
                fontsize="large",
                fontweight="bold",
                zorder=7,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
        )
    return artists


def plot_scale_bar(ax: Axes, *, unit: str = "") -> list[Any]:
    """Draw a bar of round length in the lower left corner; one unit of the axes is one unit of the input space.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its limits must be set already.
    unit : str
        Written after the length.

    Returns
    -------
    list of artists
    """
    from matplotlib.patheffects import withStroke

    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    power = 10.0 ** np.floor(np.log10((right - left) / 4))
    length = max(step * power for step in (1, 2, 5) if step * power <= (right - left) / 4)
    start, height = left + 0.04 * (right - left), bottom + 0.04 * (top - bottom)
    halo = [withStroke(linewidth=5, foreground="white")]
    bar = ax.plot([start, start + length], [height, height], color=_INK, linewidth=2.5, zorder=8, solid_capstyle="butt")
    bar[0].set_path_effects([*halo, withStroke(linewidth=2.5, foreground=_INK)])
    text = ax.annotate(
        f"{length:g}{' ' + unit if unit else ''}",
        (start + length / 2, height),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        va="bottom",
        zorder=8,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )
    return [*bar, text]


def plot_gradient_key(ax: Axes, *, title: str = "uphill direction\nof the largest output") -> Any:
    """Draw the disc that explains the colours of ``color_by="gradient"``: grey for flat, full colour for steep.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A small square one, of its own.
    title : str

    Returns
    -------
    matplotlib.image.AxesImage
    """
    n = 161
    side = np.linspace(-1, 1, n)
    x, y = np.meshgrid(side, side)
    radius = np.hypot(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.where(radius < 0.999, 1.0 / (1.0 - np.minimum(radius, 0.999)), 1000.0)
    colors = gradient_colors(np.stack([x.ravel(), y.ravel()], axis=1) * stretch.ravel()[:, None], 1.0)
    alpha = np.clip((1.0 - radius) * n / 2, 0.0, 1.0)
    image = ax.imshow(
        np.dstack([colors.reshape(n, n, 3), alpha]), origin="lower", extent=(-1, 1, -1, 1), interpolation="bilinear"
    )
    for angle in np.arange(4) * np.pi / 2:
        x_part, y_part = float(np.cos(angle)), float(np.sin(angle))
        tip, tail = (0.86 * x_part, 0.86 * y_part), (0.35 * x_part, 0.35 * y_part)
        ax.annotate("", tip, tail, arrowprops={"arrowstyle": "->", "color": _INK, "linewidth": 0.8})
    ax.set_axis_off()
    ax.set_title(title, fontsize="small", color=_INK)
    return image


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    pyplot = require("matplotlib", "plot", "plot", lambda: importlib.import_module("matplotlib.pyplot"))
    made: Axes = pyplot.subplots(figsize=(6, 6), layout="constrained")[1]
    return made


def _euclidean(window: PlaneWindow, plane_coordinates: npt.NDArray[Any]) -> FloatArray:
    """Return orthonormal coordinates of the plane; the same numbers where the basis is orthonormal."""
    gram = window.basis @ window.basis.T
    if np.allclose(gram, np.eye(2), rtol=0, atol=1e-12):
        return np.asarray(plane_coordinates, dtype=np.float64)
    return np.asarray(plane_coordinates @ np.linalg.cholesky(gram))


def _polygons(partition: PlanePartition) -> FloatArray:
    """Return all faces as one array (F, m, 2), short ones with their last corner repeated."""
    sizes = np.diff(partition.face_offsets)
    slot = np.minimum(np.arange(sizes.max())[None, :], sizes[:, None] - 1)
    vertices = _euclidean(partition.window, partition.vertices)
    return np.asarray(vertices[partition.face_vertices[partition.face_offsets[:-1, None] + slot]])


def _face_colors(
    partition: PlanePartition, corners: FloatArray, color_by: str, output: int | None, scale: float | None
) -> FloatArray:
    if color_by == "pattern":
        return pattern_colors(partition.patterns)
    if color_by == "area":
        return _sequential(np.log(np.maximum(partition.areas, np.finfo(np.float64).tiny)))
    maps = partition.affine_maps
    sizes = np.diff(partition.face_offsets)
    starts = partition.face_offsets[:-1]
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
    rows = np.arange(len(maps))
    if color_by == "output":
        return _sequential(values[rows, chosen])
    gram = partition.window.basis @ partition.window.basis.T
    gradients = np.linalg.solve(np.linalg.cholesky(gram), maps[rows, chosen, :2].T).T
    if scale is None:
        share = partition.areas / partition.areas.sum()
        scale = float(np.sqrt(share @ np.sum(gradients**2, axis=1)))
    return gradient_colors(gradients, scale, partition.patterns)


def _sequential(values: FloatArray) -> FloatArray:
    from matplotlib import colormaps

    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(colormaps["cividis"](share)[:, :3])


def _draw_decision_boundary(partition: PlanePartition, ax: Axes, collections: Any) -> Any:
    from matplotlib.patheffects import withStroke

    lines = [_euclidean(partition.window, line) for line in partition.decision_boundary().polylines]
    artist = collections.LineCollection(
        lines,
        colors="black",
        linewidths=1.4,
        capstyle="round",
        joinstyle="round",
        zorder=4,
        path_effects=[withStroke(linewidth=2.6, foreground=(1, 1, 1, 0.8))],
    )
    ax.add_collection(artist, autolim=False)
    return artist


def _frame(window: PlaneWindow, ax: Axes, scale_bar: bool) -> None:
    corners = _euclidean(window, window.polygon)
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
