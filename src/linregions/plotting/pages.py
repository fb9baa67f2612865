"""Pages: self-contained HTML from templates, in one look, with every value escaped."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

from linregions._support.validation import require

_HERE = Path(__file__).parent / "templates"


@cache
def templates(folder: Path, who: str) -> Any:
    """Return the templates of a folder, which may extend those of all pages, as a `jinja2.Environment`."""
    jinja2 = require("jinja2", "plot", who, lambda: importlib.import_module("jinja2"))
    loader = jinja2.FileSystemLoader([folder, _HERE])
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
