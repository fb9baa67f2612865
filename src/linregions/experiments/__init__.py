"""The paper's figures and theorems: each a chain settings -> snapshots -> measurements -> table -> picture.

The module of an experiment has

- ``NAME``, which its files begin with, and ``NEEDS``, what measuring needs beside the core (`Context.check`);
- ``QUICK`` and ``FULL``, instances of its frozen dataclass ``Settings``;
- ``measure(settings, context) -> Measurement``: tables, arrays and partitions, which `reproduce` writes;
- ``draw(saved) -> Figure``: the picture, from a `linregions.experiments.saved.Saved`, that is from files alone.
"""

from __future__ import annotations

from typing import Any

from linregions.experiments.context import DEFAULT_FOLDER
from linregions.experiments.runner import (
    EXPERIMENTS,
    Experiment,
    Reproduction,
    experiment,
    redraw,
    reproduce,
    reproduced,
)

__all__ = [
    "DEFAULT_FOLDER",
    "EXPERIMENTS",
    "Experiment",
    "Reproduction",
    "experiment",
    "redraw",
    "reproduce",
    "reproduced",
]


def __getattr__(name: str) -> Any:
    if name in EXPERIMENTS:
        return experiment(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
