"""What can come of a comparison."""

from __future__ import annotations

from typing import NamedTuple

#: Only the last is a fault: a wrong result that nothing tells of.
RIGHT, RIGHT_UNDECIDED, REFUSED, WARNED, SILENT = "right", "right, undecided", "refused", "wrong, warned", "silent"
OUTCOMES = (RIGHT, RIGHT_UNDECIDED, REFUSED, WARNED, SILENT)


class Found(NamedTuple):
    """One comparison."""

    family: str
    number: int
    domain: str
    outcome: str
    text: str


def judge(same: bool, undecided: int, text: str) -> tuple[str, str]:
    """Tell the outcome of a comparison, with its text."""
    if same:
        return (RIGHT_UNDECIDED if undecided else RIGHT), text
    return (WARNED if undecided else SILENT), text
