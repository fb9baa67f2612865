"""Pictures of plane partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Quiet
from linregions._support.validation import FloatArray, as_choice, as_integer
from linregions.plotting import region_colors
from linregions.plotting.colors import LAYER_COLORS, pattern_colors
from linregions.plotting.keys import class_handles, explain_colors, name_of_lines, newest_layer_handles, plot_key_beside
from linregions.plotting.layout import as_polygons, frame, new_axes
from linregions.plotting.marks import layer_handles, plot_points
from linregions.plotting.pictures import Picture
from linregions.plotting.style import color_map, matplotlib_module

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_RASTERIZE_ABOVE = 5000


@dataclass(frozen=True)
class PlaneArtists(Quiet):
    """What `plot_plane` put on the axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    faces : matplotlib.collections.PolyCollection
        One polygon for each region, in the partition's order.
    edges : matplotlib.collections.LineCollection
        One line for each edge that is not on the border.
    decision_boundary : matplotlib.collections.LineCollection or None
        The decision boundary or level set.
    points : list of artists
        Dots and labels.
    handles : list of artists
        Entries of a legend for the colours of regions, where these stand for classes or layers.
    """

    axes: Any
    faces: Any
    edges: Any
    decision_boundary: Any
    points: list[Any]
    handles: list[Any] = field(default_factory=list)


def plot_plane(
    partition: Picture,
    ax: Axes | None = None,
    *,
    color_by: str = "gradient",
    output: int | None = None,
    scale: float | None = None,
    edges: bool = True,
    decision_boundary: bool | str = False,
    level: float | None = None,
    points: npt.ArrayLike | None = None,
    labels: Sequence[Any] | npt.NDArray[Any] | None = None,
    scale_bar: bool = True,
    title: str | None = None,
    key: bool | None = None,
    note: str = "",
    colormap: str | None = None,
) -> PlaneArtists:
    """Draw the regions of a plane partition.

    Parameters
    ----------
    partition : PlanePartition
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    color_by : {"gradient", "pattern", "linear", "class", "layer", "output", "area"}
        ``"gradient"``: direction and size of the gradient of an output in the plane (`gradient_colors`), with a
        small tint by pattern; ``"pattern"``: a colour of its own for each activation pattern, the same in every
        picture; ``"linear"``: a colour for each linear region; ``"class"``: the largest output, also within the regions
        in which it changes, or the smallest one with ``decision_boundary="argmin"``, or the sign of a single one;
        ``"layer"``: the last layer that has a boundary around the region; ``"output"``: the output in the middle of the
        region; ``"area"``: the area. The last two can be given to a colour bar as `faces`.
    output : int, optional
        Which output colours refer to; by default the one that is largest in the middle of the region.
    scale : float, optional
        Gradient that gets half of the full colour; by default the root mean square over the window. Give one
        number for several pictures to compare them.
    edges : bool
        Whether to draw boundaries as thin lines.
    decision_boundary : bool or {"argmax", "argmin"}
        Whether to draw where the class changes, and which output the class is; see
        `PlanePartition.decision_boundary`.
    level : float, optional
        Draw where `output` (by default the first) equals this instead; see `PlanePartition.level_set`.
    points : array_like, shape (k, n_in), optional
        Points of the input space to mark; those outside the plane are projected onto it.
    labels : sequence or array of str or numbers, optional
        One for each point.
    scale_bar : bool
        Whether to draw a bar with its length in the input space. A window along two inputs gets axes with ticks
        instead.
    title : str, optional
        What to write above.
    key : bool, optional
        Whether to say what the colours mean: below a new figure (by default), or in and beside given axes (only if
        asked for, since it may take room from them).
    note : str
        What to add to the key below a new figure.
    colormap : str, optional
        Colours for numbers, by a name of matplotlib's; by default its setting ``image.cmap`` if you changed it, or else
        ``"cividis"``.

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
    window's basis is not orthonormal; `PlanePartition.to_axes` tells where points of the input space lie in it. More
    than 5,000 polygons are rasterised in SVG and PDF files.

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
    as_choice(color_by, "color_by", who, region_colors.COLOR_BY)
    collections = matplotlib_module("matplotlib.collections", who)
    strip, beside, smallest = None, bool(key) and ax is not None, decision_boundary == "argmin"
    if ax is None:
        ax, strip = new_axes(partition.window, key is not False)
    corners = _polygons(partition)
    many = len(corners) > _RASTERIZE_ABOVE
    # Each polygon also gets a hairline of its own colour: it closes the seams that antialiasing leaves.
    faces = collections.PolyCollection(corners, edgecolors="face", linewidths=0.3, rasterized=many, zorder=1)
    if color_by in region_colors.BY_NUMBER:
        _color_by_values(partition, faces, color_by, output, colormap)
        handles = []
    elif color_by == "class":
        handles = _fill_classes(partition, ax, collections, faces, smallest)
    else:
        handles = _fill(partition, faces, color_by, output, scale)
    ax.add_collection(faces, autolim=False)
    inner = partition.edge_neuron >= 0
    # A fortieth of the mean size of a region in the picture, so that lines never cover what they bound.
    width = _points_across(ax) / np.sqrt(len(corners)) / 40
    lines = collections.LineCollection(
        partition.window.axes_coordinates(partition.vertices)[partition.edges[inner]],
        colors=[(0.0, 0.0, 0.0, 0.55)],
        linewidths=float(np.clip(width, 0.05, 0.8)),
        rasterized=many,
        zorder=2,
    )
    if edges:
        ax.add_collection(lines, autolim=False)
    boundary = None
    if level is not None or decision_boundary:
        boundary = _draw_boundary(partition, decision_boundary, output, level, ax, collections)
    marks = [] if points is None else plot_points(partition.window, points, ax, labels=labels)
    frame(partition.window, ax, scale_bar)
    if title is not None:
        ax.set_title(title)
    single = partition.network.n_out == 1
    meaning = {"handles": handles, "faces": faces, "output": output, "single": single, "smallest": smallest}
    if strip is not None:
        explain_colors(strip, color_by, note, name_of_lines(boundary), **meaning)
    elif beside:
        plot_key_beside(ax, color_by, **meaning)
    return PlaneArtists(ax, faces, lines, boundary, marks, handles)


def plot_layers(
    partition: Picture, ax: Axes | None = None, *, newest: int | None = None, fill: bool = False, legend: bool = True
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
    collections = matplotlib_module("matplotlib.collections", who)
    if ax is None:
        ax, _ = new_axes(partition.window, False)
    offsets = partition.network.neuron_offsets
    last = len(offsets) - 2
    emphasised = last if newest is None else as_integer(newest, "newest", who, 0)
    corners = _polygons(partition)
    pale = 0.45 * region_colors.by_gradient(partition, 0, None) + 0.55 if fill else "none"
    many = len(corners) > _RASTERIZE_ABOVE
    faces = collections.PolyCollection(
        corners, facecolors=pale, edgecolors="face", linewidths=0.3, rasterized=many, zorder=1
    )
    ax.add_collection(faces, autolim=False)
    inner = partition.edge_neuron >= 0
    layer = np.searchsorted(offsets, partition.edge_neuron[inner], side="right") - 1
    order = np.argsort(layer, kind="stable")  # later layers on top
    layer = layer[order]
    lines = collections.LineCollection(
        partition.window.axes_coordinates(partition.vertices)[partition.edges[inner]][order],
        colors=[LAYER_COLORS[k % len(LAYER_COLORS)] for k in layer],
        linewidths=np.where(layer == emphasised, 1.5, 0.7),
        capstyle="round",
        zorder=2,
    )
    ax.add_collection(lines, autolim=False)
    if legend:
        ax.legend(handles=layer_handles(last + 1), loc="upper right", fontsize="small", framealpha=0.9).set_zorder(9)
    frame(partition.window, ax, True)
    return PlaneArtists(ax, faces, lines, None, [])


def _points_across(ax: Axes) -> float:
    """Return the shorter side of the axes in typographic points."""
    box = ax.get_window_extent()
    return float(72.0 / ax.figure.dpi * min(box.width, box.height))


def _polygons(partition: Picture) -> FloatArray:
    """Return all faces, as `as_polygons` does."""
    corners = partition.window.axes_coordinates(partition.vertices)[partition.face_vertices]
    return np.asarray(as_polygons(corners, partition.face_offsets))


def _fill(partition: Picture, faces: Any, color_by: str, output: int | None, scale: float | None) -> list[Any]:
    """Give the regions their colours; return the entries of a legend, where colours stand for few things."""
    if color_by == "gradient":
        faces.set_facecolor(region_colors.by_gradient(partition, output, scale))
    elif color_by == "pattern":
        faces.set_facecolor(pattern_colors(partition.patterns))
    elif color_by == "linear":
        faces.set_facecolor(region_colors.by_linear_region(partition))
    elif color_by == "layer":
        layers, which = np.unique(region_colors.newest_layers(partition), return_inverse=True)
        faces.set_facecolor(np.array([region_colors.layer_color(layer) for layer in layers.tolist()])[which])
        return newest_layer_handles(layers)
    return []


def _fill_classes(partition: Picture, ax: Axes, collections: Any, faces: Any, smallest: bool) -> list[Any]:
    """Colour regions by class, and those with several by pieces over them."""
    pieces, classes = region_colors.class_pieces(partition, smallest)
    middle = region_colors.classes_in_the_middle(partition, smallest)
    numbers, which = np.unique(np.concatenate([middle, np.asarray(classes, dtype=np.intp)]), return_inverse=True)
    colors = np.array([region_colors.class_color(number) for number in numbers.tolist()])[which]
    faces.set_facecolor(colors[: len(middle)])
    if pieces:
        ax.add_collection(
            collections.PolyCollection(
                [partition.window.axes_coordinates(piece) for piece in pieces],
                facecolors=colors[len(middle) :],
                edgecolors="face",
                linewidths=0.3,
                rasterized=faces.get_rasterized(),
                zorder=1.5,
            ),
            autolim=False,
        )
    return class_handles(numbers, partition.network.n_out, smallest)


def _color_by_values(partition: Picture, faces: Any, color_by: str, output: int | None, colormap: str | None) -> None:
    """Give the polygons numbers with a colour map, so that a colour bar can be made of them."""
    from matplotlib.colors import LogNorm

    faces.set_cmap(color_map(colormap, "plot_plane"))
    if color_by == "area":
        areas = np.maximum(partition.areas, np.finfo(np.float64).tiny)
        # Most regions are tiny and cover next to nothing; the lower half of them shares the darkest colour.
        low, high = float(np.median(areas)), float(areas.max())
        faces.set_norm(LogNorm(low if low < high else low / 2, high))
        faces.set_array(areas)
    else:
        faces.set_array(region_colors.chosen_outputs(partition, output)[1])


def _draw_boundary(
    partition: Picture, decision: bool | str, output: int | None, level: float | None, ax: Axes, collections: Any
) -> Any:
    from matplotlib.patheffects import withStroke

    name = "output" if partition.network.n_out == 1 else f"output {output or 0}"
    if level is not None:
        boundary, label = partition.level_set(output or 0, level), f"{name} = {level:g}"
    else:
        boundary = partition.decision_boundary("argmax" if decision is True else str(decision))
        label = "decision boundary" if partition.network.n_out > 1 else "output = 0"
    width = float(np.clip(_points_across(ax) / 320, 0.8, 1.4))
    lines = [partition.window.axes_coordinates(line) for line in boundary.polylines]
    artist = collections.LineCollection(
        lines,
        colors="black",
        linewidths=width,
        capstyle="round",
        joinstyle="round",
        zorder=4,
        label=label,
        path_effects=[withStroke(linewidth=width + 1.2, foreground=(1, 1, 1, 0.8))],
    )
    ax.add_collection(artist, autolim=False)
    return artist
