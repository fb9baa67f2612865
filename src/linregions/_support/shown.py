"""What an interactive session shows of an object: a line of text, or in a notebook a short table."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Mapping
from typing import Any

import numpy as np

# Arrays with more entries than this are told by their shape, and longer texts are cut.
_MOST_ENTRIES, _MOST_SIGNS = 9, 120
_LEFT = "text-align:left"


class Told:
    """An object that a notebook shows as a table of facts."""

    def _facts(self) -> Mapping[str, Any]:
        """Return what to tell, by name: of a dataclass its fields."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {entry.name: getattr(self, entry.name) for entry in fields if not entry.name.startswith("_")}

    def _repr_html_(self) -> str:
        facts = ((html.escape(name), html.escape(for_people(value))) for name, value in self._facts().items())
        rows = [f'<tr><th style="{_LEFT}">{name}</th><td style="{_LEFT}">{value}</td></tr>' for name, value in facts]
        return f"<table><caption>{html.escape(type(self).__name__)}</caption><tbody>{''.join(rows)}</tbody></table>"


class Shown(Told):
    """A dataclass whose text is short whatever its arrays hold; to be made with ``repr=False``."""

    def __repr__(self) -> str:
        parts = (f"{name}={brief(value)}" for name, value in Told._facts(self).items())
        return f"{type(self).__name__}({', '.join(parts)})"


class Quiet:
    """What was drawn already: a notebook that shows the drawing has nothing to add in words."""

    def _ipython_display_(self) -> None:
        pass


def brief(value: Any) -> str:
    """Return the text of a value in Python, arrays and sequences of more than a few entries by their size."""
    if isinstance(value, np.ndarray) and value.size > _MOST_ENTRIES:
        return f"<array of shape {value.shape}>"
    if isinstance(value, tuple | list) and len(value) > 3:
        kinds = {type(entry).__name__ for entry in value}
        return f"<{len(value)} of {kinds.pop() if len(kinds) == 1 else 'several kinds'}>"
    return _cut(repr(value))


def for_people(value: Any) -> str:
    """Return a value as one reads it: numbers in few digits, with marks between thousands."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{int(value):,}"
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    return _cut(value) if isinstance(value, str) else brief(value).strip("<>")


def doubts(diagnostics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what diagnostics say of how sure a result is, as a fact."""
    if diagnostics.get("certified"):
        return {"decisions": "all proved"}
    undecided = diagnostics.get("undecided", 0)
    return {"decisions": f"{undecided:,} within rounding" if undecided else "all beyond rounding"}


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_SIGNS else f"{line[:_MOST_SIGNS]}..."
