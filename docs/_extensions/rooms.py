"""The directive ``rooms``: the floors of the import contract in pyproject.toml, drawn, each with its first line."""

from __future__ import annotations

import ast
import html
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).resolve().parents[2]
_WIDTH, _FLOOR, _GAP = 1000, 56, 10


def floors() -> list[list[str]]:
    """Return the rooms of each floor, from the roof to the ground, as the contract names them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "floors")
    return [[room.strip().removeprefix("linregions.") for room in layer.split("|")] for layer in layers]


def about(room: str) -> str:
    """Return the first line of a room's docstring."""
    package = ROOT / "src" / "linregions"
    file = package / f"{room}.py" if (package / f"{room}.py").is_file() else package / room / "__init__.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].replace("``", "").split())


def drawing() -> str:
    """Return the house as SVG, in the colours of the page."""
    parts, listed = [], floors()
    for number, rooms in enumerate(listed):
        width = (_WIDTH - _GAP * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            x, y = place * (width + _GAP), number * (_FLOOR + _GAP)
            text = html.escape(about(room))
            lines = _wrapped(text, int(width / 6.6))
            parts.append(
                f'<g><title>{text}</title><rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{_FLOOR}" rx="6" '
                f'fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
                f'<text x="{x + 12:.0f}" y="{y + 19}" font-weight="600" font-size="15">{room}</text>'
                + "".join(
                    f'<text x="{x + 12:.0f}" y="{y + 35 + 14 * k}" font-size="12.5" fill-opacity="0.8">{line}</text>'
                    for k, line in enumerate(lines)
                )
                + "</g>"
            )
    height = len(listed) * (_FLOOR + _GAP)
    return (
        f'<svg viewBox="-2 -2 {_WIDTH + 4} {height}" role="img" aria-label="The rooms of the package, floor by floor" '
        f'fill="currentColor" style="width: 100%; height: auto">{"".join(parts)}</svg>'
    )


def _wrapped(text: str, most: int) -> list[str]:
    """Break a text into two lines at most, the second cut short."""
    if len(text) <= most:
        return [text]
    at = text.rfind(" ", 0, most)
    rest = text[at + 1 :]
    return [text[:at], rest if len(rest) <= most else rest[: rest.rfind(" ", 0, most - 2)] + " …"]


class Rooms(Directive):
    """Draws the house."""

    def run(self) -> list[nodes.Node]:
        """Return the drawing."""
        self.state.document.settings.env.note_dependency(str(ROOT / "pyproject.toml"))
        return [nodes.raw("", drawing(), format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
