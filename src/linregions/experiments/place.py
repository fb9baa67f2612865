"""Where the cells of a sweep find what they work with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a cell finds what it works with; nothing in it changes a number."""

    data: str  # data set, as in `load_dataset`; a path is absolute
    run_dir: str  # folder of trainings, absolute, in sight of every worker
