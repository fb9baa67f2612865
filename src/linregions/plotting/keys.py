"""The key to a picture of a plane: what its colours and lines mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.plotting.marks import plot_gradient_key
from linregions.plotting.region_colors import BY_NUMBER, class_color, layer_color

# Entries of a legend that has a place for each; more are not told apart by colour anyway.
_MOST_ENTRIES = 12

_TEXTS = {
    "gradient": [
        "Colour: direction in the plane in which the largest output grows (grey where it is flat),",
        "with a slight tint by activation pattern.",
    ],
    "pattern": ["Colour: the activation pattern; the same pattern has the same colour in every picture."],
    "linear": [
        "Colour: the linear region; where it is the same on both sides of a line, no good neuron switches there."
    ],
    "class": ["Colour: the largest output."],
    "layer": ["Colour: the last layer that has a boundary around the region."],
}


def class_handles(numbers: npt.ArrayLike, n_out: int, smallest: bool = False) -> list[Any]:
    """Return the legend's entries for the colours of classes.

    Parameters
    ----------
    numbers : array_like of int
        Classes that occur, in any order and number.
    n_out : int
        Outputs of the network; of one output the classes are 0 (not above zero) and 1.
    smallest : bool
        Whether classes are smallest outputs; of one output, 0 (not below zero) and 1.

    Returns
    -------
    list of matplotlib.patches.Patch
    """
    from matplotlib.patches import Patch

    signs = ("output ≥ 0", "output < 0") if smallest else ("output ≤ 0", "output > 0")
    names = dict(enumerate(signs)) if n_out == 1 else {}
    return [
        Patch(facecolor=class_color(number), edgecolor="0.3", linewidth=0.5, label=names.get(number, f"{number}"))
        for number in np.unique(np.asarray(numbers, dtype=np.int64)).tolist()
    ]


def newest_layer_handles(layers: npt.ArrayLike) -> list[Any]:
    """Return the legend's entries for the colours of regions by the layer of their newest boundary.

    Parameters
    ----------
    layers : array_like of int
        Layers that occur, from 0; -1 for none.

    Returns
    -------
    list of matplotlib.patches.Patch
    """
    from matplotlib.patches import Patch

    return [
        Patch(
            facecolor=layer_color(layer),
            edgecolor="0.3",
            linewidth=0.5,
            label=f"layer {layer + 1}" if layer >= 0 else "no boundary",
        )
        for layer in np.unique(np.asarray(layers, dtype=np.int64)).tolist()
    ]


def name_of_lines(boundary: Any) -> str:
    """Return what the black lines that `plot_plane` drew are, nothing where there are none."""
    return "" if boundary is None or not len(boundary.get_segments()) else str(boundary.get_label())


def explain_colors(
    ax: Any,
    color_by: str,
    note: str = "",
    black_lines: str = "",
    *,
    handles: Sequence[Any] = (),
    faces: Any = None,
    output: int | None = None,
    single: bool = False,
    smallest: bool = False,
) -> None:
    """Say in a strip below a picture what colours and lines mean.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        A strip of its own, below the picture.
    color_by : str
        As in `plot_plane`.
    note : str
        What to add.
    black_lines : str
        What they are, if there are any; see `name_of_lines`.
    handles : sequence of artists
        Entries of a legend, where colours stand for few things.
    faces : matplotlib.collections.PolyCollection, optional
        Where colours stand for numbers, what a colour bar is made of.
    output : int, optional
        Which output colours refer to; by default the largest.
    single : bool
        Whether the network has one output only.
    smallest : bool
        Whether classes are smallest outputs.
    """
    ax.set_axis_off()
    which = _name_of_output(output, single)
    if color_by in BY_NUMBER:
        place = ax.inset_axes((0.2, 0.55, 0.6, 0.2))
        _color_bar(ax.figure, faces, color_by, which, cax=place, orientation="horizontal")
        lines = []
    else:
        lines = list(_TEXTS[color_by])
    if color_by == "class" and handles and handles[0].get_label().startswith("output"):
        lines = ["Colour: the sign of the output."]
    if color_by == "gradient":
        the = "the " if output is not None and not single else ""  # but: in which output 3 grows
        lines = [line.replace(f"{the}largest output", which) for line in lines]
    if color_by == "class" and smallest:
        lines = [line.replace("largest", "smallest") for line in lines]
    if black_lines:
        lines = [*lines[:-1], " ".join([*lines[-1:], f"Black lines: {black_lines}."])]
    left, middle = 0.0, 0.5
    if color_by == "gradient":
        plot_gradient_key(ax.inset_axes((0.0, 0.0, 0.12, 1.0)), title="")
        left = 0.13
    elif color_by in BY_NUMBER:
        middle = -0.35
    elif handles:
        middle = 0.8
        if len(handles) > _MOST_ENTRIES:
            lines[0] += f" There are {len(handles)}."
        else:
            ax.legend(
                handles=handles,
                loc="center left",
                bbox_to_anchor=(0.0, 0.3),
                ncols=6,
                fontsize="small",
                frameon=False,
                borderaxespad=0.0,
                handlelength=1.4,
                columnspacing=1.2,
            )
    text = "\n".join([*lines, *([note] if note else [])])
    if text:
        # Not laid out, since the picture would become narrower for a long line, which is broken where it has to.
        ax.text(left, middle, text, transform=ax.transAxes, va="center", fontsize="small", wrap=True, in_layout=False)


def plot_key_beside(
    ax: Any,
    color_by: str,
    *,
    handles: Sequence[Any] = (),
    faces: Any = None,
    output: int | None = None,
    single: bool = False,
    smallest: bool = False,
) -> None:
    """Say in or beside a picture, in few words, what its colours mean; arguments are those of `explain_colors`."""
    which = _name_of_output(output, single)
    if color_by in BY_NUMBER:
        _color_bar(ax.figure, faces, color_by, which, ax=ax)
    elif color_by == "gradient":
        title = f"uphill direction\nof {'the ' if output is None or single else ''}{which}"
        # In room that is taken from the picture, as a colour bar does, so that no axes beside it are covered.
        from matplotlib.colorbar import make_axes

        plot_gradient_key(make_axes(ax, fraction=0.24, shrink=0.4, aspect=1, anchor=(0.0, 1.0))[0], title=title)
    elif handles and len(handles) <= _MOST_ENTRIES:
        words = "newest boundary"
        if color_by == "class":
            words = "smallest output" if smallest else "largest output"
        if handles[0].get_label().startswith("output"):
            words = ""  # the entries say all
        legend = ax.legend(handles=handles, title=words or None, fontsize="small", framealpha=0.9)
        legend.get_title().set_fontsize("small")
        legend.set_zorder(9)


def _name_of_output(output: int | None, single: bool) -> str:
    if single:
        return "output"
    return "largest output" if output is None else f"output {output}"


def _color_bar(figure: Any, faces: Any, color_by: str, which: str, **where: Any) -> None:
    label = f"{which}, in the middle of the region" if color_by == "output" else "area of the region"
    figure.colorbar(faces, label=label, extend="min" if color_by == "area" else "neither", **where)
