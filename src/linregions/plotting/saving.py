"""Figures as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from linregions._files import as_path, replacing
from linregions._validation import as_choice

FORMATS = ("png", "svg", "pdf")
# Without dates and random names the same picture is the same file.
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save_figure(
    figure: Any, stem: str | os.PathLike[str], formats: Sequence[str] = ("png",), *, dpi: float = 200
) -> list[Path]:
    """Write a figure in one or more formats, each file whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    stem : str or path-like
        File name without ending.
    formats : sequence of {"png", "svg", "pdf"}
    dpi : float
        Resolution of PNG files and of rasterised polygons in the others, in dots per inch.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    InvalidValueError
        If a format is unknown or the place cannot be written.
    """
    import matplotlib

    chosen = [as_choice(entry, "formats", "save_figure", FORMATS) for entry in formats]
    base = as_path(stem, "stem", "save_figure")
    files = []
    for ending in chosen:
        file = base.with_name(f"{base.name}.{ending}")
        with (
            matplotlib.rc_context({"svg.hashsalt": "linregions"}),
            replacing(file, "save_figure", "stem") as temporary,
        ):
            figure.savefig(temporary, format=ending, dpi=dpi, metadata=_METADATA[ending])
        files.append(file)
    return files
