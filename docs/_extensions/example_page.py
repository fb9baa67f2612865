"""Writes the page in the guide to the explorer, by that guide's first block of code, beside the documentation."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).parents[1] / "explorer.md"


def code() -> str:
    """Return the first block of code of the guide."""
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise ValueError(f"{GUIDE} has no code")
    return found[1]


def write(app: Any, error: Exception | None) -> None:
    """Run it, once all pages are written."""
    if error is not None or app.builder.format != "html":
        return
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            exec(code(), {"__name__": "page"})
            text = Path("regions.html").read_text(encoding="utf-8")
        finally:
            os.chdir(before)
    (Path(app.outdir) / "explorer-example.html").write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Ask to be called at the end."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
