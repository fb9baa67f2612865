"""Figures as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linregions._support.files import as_path, replacing
from linregions._support.validation import as_choice, as_positive
from linregions.plotting.style import matplotlib_module, setting

# What files get where the user's settings leave matplotlib's defaults.
_SETTINGS = {"svg.hashsalt": "linregions", "pdf.fonttype": 42, "ps.fonttype": 42}
FORMATS = ("png", "svg", "pdf")
# Without dates and random names the same picture is the same file.
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save_figure(
    figure: Any, stem: str | os.PathLike[str], formats: Sequence[str] = ("png",), *, dpi: float | None = None
) -> list[Path]:
    """Write a figure in one or more formats, each file whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    stem : str or path-like
        File name without ending.
    formats : sequence of {"png", "svg", "pdf"}
    dpi : float, optional
        Resolution of PNG files and of rasterised polygons in the others, in dots per inch; by default your setting
        ``savefig.dpi``, or else 200.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    InvalidValueError
        If a format is unknown or the place cannot be written.

    Notes
    -----
    Fonts are embedded in PDF files as type 42, which publishers ask for and programs can edit, where your settings of
    matplotlib do not say otherwise.
    """
    matplotlib_module("matplotlib", "save_figure")
    from matplotlib import rc_context

    resolution = setting("savefig.dpi", 200) if dpi is None else as_positive(dpi, "dpi", "save_figure")
    own = {name: setting(name, value) for name, value in _SETTINGS.items()}
    chosen = [as_choice(entry, "formats", "save_figure", FORMATS) for entry in formats]
    base = as_path(stem, "stem", "save_figure")
    files = []
    for ending in chosen:
        file = base.with_name(f"{base.name}.{ending}")
        with rc_context(own), replacing(file, "save_figure", "stem") as temporary:
            figure.savefig(temporary, format=ending, dpi=resolution, metadata=_METADATA[ending])
        files.append(file)
    return files
