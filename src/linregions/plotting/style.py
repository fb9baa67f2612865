"""What a user's own settings of matplotlib say goes before what these pictures would choose."""

from __future__ import annotations

import importlib
from typing import Any

from linregions._support.validation import as_positive, require
from linregions.errors import InvalidTypeError, InvalidValueError


def matplotlib_module(name: str, who: str) -> Any:
    """Return a module of matplotlib, or say how to install it."""
    return require("matplotlib", "plot", who, lambda: importlib.import_module(name))


def setting(name: str, own: Any) -> Any:
    """Return matplotlib's setting of this name where the user changed it, by a matplotlibrc, a style or in the program.

    Otherwise it is `own`, in place of matplotlib's default.
    """
    import matplotlib

    given = matplotlib.rcParams[name]
    return own if given == matplotlib.rcParamsDefault[name] else given


def figure_size(size: Any, own: tuple[float, float], who: str) -> tuple[float, float]:
    """Return width and height of a figure in inches: what was asked for, the user's setting, or `own`, or raise."""
    if size is None:
        width, height = setting("figure.figsize", own)
        return float(width), float(height)
    try:
        width, height = size
    except (TypeError, ValueError):
        raise InvalidTypeError(
            f"`size` is {size!r}, but {who} needs a pair of inches. Give width and height, e.g. `(6, 6)`."
        ) from None
    return as_positive(width, "size[0]", who), as_positive(height, "size[1]", who)


def color_map(name: Any, who: str) -> Any:
    """Return the colour map for numbers: what was asked for, the user's setting, or one that everyone can read."""
    import matplotlib

    if name is None:
        return setting("image.cmap", "cividis")
    if isinstance(name, str) and name not in matplotlib.colormaps:
        raise InvalidValueError(
            f"`colormap` is {name!r}, which matplotlib does not know, but {who} needs one of its colour maps. "
            "Give e.g. 'viridis' or 'cividis'."
        )
    return name
