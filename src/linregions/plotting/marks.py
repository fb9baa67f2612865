"""What explains a picture: labelled points, a scale bar, the key to colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import as_point_rows
from linregions.errors import InvalidValueError
from linregions.plotting.colors import LAYER_COLORS, gradient_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from linregions.domains.windows import PlaneWindow

_INK = "#222222"


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
    window: PlaneWindow, points: npt.ArrayLike, ax: Axes, *, labels: Sequence[Any] | npt.NDArray[Any] | None = None
) -> list[Any]:
    """Mark points of the input space by black dots with a white rim, and label them.

    Parameters
    ----------
    window : PlaneWindow
    points : array_like, shape (k, n_in)
        Images are flattened.
    ax : matplotlib.axes.Axes
    labels : sequence or array of str or numbers, optional
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

    array = as_point_rows(points, "points", "plot_points", window.n_in)
    texts = labels_of(labels, len(array), "plot_points")
    places = window.to_axes(array)
    artists: list[Any] = list(
        ax.plot(*places.T, "o", color="black", markersize=6, markeredgecolor="white", markeredgewidth=1.0, zorder=6)
    )
    for place, text in zip(places, texts, strict=False):
        artists.append(
            ax.annotate(
                text,
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


def labels_of(labels: Any, n: int, who: str) -> list[str]:
    """Return a text for each point, of a list or array of any kind; none at all where none are given."""
    if labels is None:
        return []
    given = labels.detach().cpu().numpy() if hasattr(labels, "detach") else labels
    entries = [given] if isinstance(given, str) else list(np.ravel(np.asarray(given, dtype=object)))
    if len(entries) != n:
        raise InvalidValueError(
            f"`labels` has {len(entries)} entries for {n} points, but {who} needs one for each. "
            "Give as many labels as points."
        )
    return [str(entry) for entry in entries]


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
