"""Pictures of regions on disk, drawn part by part."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray, as_choice, as_integer
from linregions.errors import InvalidValueError
from linregions.networks.switches import unpack_patterns
from linregions.plotting.colors import pattern_colors
from linregions.plotting.layout import as_polygons, axes_and_strip, frame, size_for
from linregions.plotting.marks import plot_points
from linregions.plotting.pictures import StreamPicture
from linregions.plotting.style import color_map, figure_size, matplotlib_module

STREAM_COLOR_BY = ("pattern", "area")


def plot_stream(
    regions: StreamPicture,
    ax: Any = None,
    *,
    color_by: str | None = None,
    pixels: int = 1200,
    edges: bool = True,
    points: Any = None,
    labels: Any = None,
    scale_bar: bool = True,
    title: str | None = None,
    colormap: str | None = None,
) -> Any:
    """Draw the regions of a stream into one image, with the corners of one part in memory, however many there are.

    Parameters
    ----------
    regions : StreamedRegions
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    color_by : {"pattern", "area"}, optional
        ``"pattern"``: a colour of its own for each activation pattern, as in `plot_plane`, where patterns were written;
        ``"area"``: the area. By default patterns where there are some.
    pixels : int
        Length of the longer side of the image, from 16 to 20,000.
    edges : bool
        Whether to draw boundaries as thin lines, as far as regions are large enough in the image.
    points, labels, scale_bar, title, colormap
        As in `plot_plane`.

    Returns
    -------
    matplotlib.image.AxesImage

    Raises
    ------
    InvalidValueError
        If colours by pattern are asked for and no patterns were written, or an option is unknown.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    About a second for 20,000 regions; colours by area keep one number for each. Regions much smaller than a pixel mix
    their colours.

    Examples
    --------
    >>> import tempfile
    >>> import linregions as lr
    >>> from matplotlib.figure import Figure
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stream = lr.partition(net, lr.PlaneWindow.of_inputs(-1, 1), sink=lr.RegionStream(folder))
    ...     stream.plot(Figure().subplots(), pixels=200).get_array().shape
    (200, 200, 4)
    """
    who = "plot_stream"
    matplotlib_module("matplotlib", who)
    wanted = "pattern" if regions.manifest["patterns"] else "area"
    if color_by is not None:
        wanted = as_choice(color_by, "color_by", who, STREAM_COLOR_BY)
        if wanted == "pattern" and not regions.manifest["patterns"]:
            raise InvalidValueError(
                f"`color_by` is 'pattern', but {who} needs patterns, which were not written. Give 'area', or write the "
                "regions with `RegionStream(folder, patterns=True)`."
            )
    size = as_integer(pixels, "pixels", who, 16)
    if size > 20_000:
        raise InvalidValueError(f"`pixels` is {size}, but {who} needs at most 20000. Give a smaller number.")
    if ax is None:
        pyplot = importlib.import_module("matplotlib.pyplot")
        figure = pyplot.figure(figsize=figure_size(None, size_for(regions.window, 6.4), who), layout="constrained")
        ax, _ = axes_and_strip(figure, False)
    corners = regions.window.axes_coordinates(regions.window.polygon)
    low, high = corners.min(axis=0), corners.max(axis=0)
    colors = _Colors(regions, wanted, colormap, who)
    image = ax.imshow(
        _rasterise(regions, colors, low, high, size, edges),
        extent=(low[0], high[0], low[1], high[1]),
        origin="upper",
        interpolation="antialiased",
        zorder=1,
    )
    if points is not None:
        plot_points(regions.window, points, ax, labels=labels)
    frame(regions.window, ax, scale_bar)
    if wanted == "area":
        ax.figure.colorbar(colors.scale, ax=ax, label="area of the region", extend="min")
    if title is not None:
        ax.set_title(title)
    return image


class _Colors:
    """Colours of the regions of a part, by what was asked for."""

    def __init__(self, regions: StreamPicture, color_by: str, colormap: str | None, who: str) -> None:
        self.network = regions.network if color_by == "pattern" else None
        self.scale: Any = None
        if self.network is None:
            from matplotlib.cm import ScalarMappable
            from matplotlib.colors import LogNorm

            # As in `plot_plane`: the smaller half shares the darkest colour.
            low, high = float(np.median(regions.areas)), float(regions.areas.max())
            tiny = np.finfo(np.float64).tiny
            low, high = max(low, tiny), max(high, 2 * tiny)
            self.scale = ScalarMappable(LogNorm(low if low < high else low / 2, high), color_map(colormap, who))

    def of(self, part: dict[str, Any]) -> FloatArray:
        """Return a colour for each region of a part."""
        if self.network is not None:
            return pattern_colors(unpack_patterns(self.network, part["pattern_words"]))
        return np.asarray(self.scale.to_rgba(np.maximum(part["areas"], np.finfo(np.float64).tiny)))


def _rasterise(
    regions: StreamPicture, colors: _Colors, low: FloatArray, high: FloatArray, pixels: int, edges: bool
) -> Any:
    """Draw all parts one after the other into one buffer, shape (height, width, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

    dpi = 100.0
    width, height = np.maximum(np.round(pixels * (high - low) / (high - low).max()), 1.0)
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    renderer = canvas.get_renderer()
    # As in `plot_plane`: a fortieth of the mean size of a region, so that lines never cover what they bound.
    line = float(min(width, height)) * 72 / dpi / np.sqrt(max(regions.n_regions, 1)) / 40
    for number in range(regions.n_parts):
        part = regions.part(number)
        polygons = as_polygons(regions.window.axes_coordinates(part["corners"]), part["face_offsets"])
        collection = PolyCollection(polygons, facecolors=colors.of(part), edgecolors="face", linewidths=0.3)
        ax.add_collection(collection, autolim=False)
        collection.draw(renderer)
        if edges and line > 0.02:
            collection.set(facecolor="none", edgecolor=(0, 0, 0, 0.55), linewidth=float(np.clip(line, 0.05, 0.8)))
            collection.draw(renderer)
        collection.remove()
    return np.array(canvas.buffer_rgba())
