"""The paper's figures: each a chain settings -> snapshots -> measurements -> table -> picture."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linregions._validation import as_choice

if TYPE_CHECKING:
    from linregions.experiments.context import Context, Measurement

_LOG = logging.getLogger(__name__)

#: What can be reproduced: name -> one line about it.
EXPERIMENTS = {
    "fig1": "all regions of a network trained on MNIST, in the plane through three examples",
    "fig2": "boundaries of a network with two inputs, layer by layer",
    "fig4": "graph of a network with one input and one output at initialisation",
    "fig8": "regions in the plane through three examples at several moments of training",
}


@dataclass(frozen=True, eq=False)
class Reproduction:
    """An experiment done.

    Parameters
    ----------
    name : str
    settings : dataclass
        What it was done with.
    measurement : Measurement
    files : list of pathlib.Path
        What was written.
    """

    name: str
    settings: Any
    measurement: Measurement
    files: list[Path]


def reproduce(name: str, context: Context, *, full: bool = False, settings: Any = None) -> Reproduction:
    """Do one of the paper's experiments and write its picture, table, arrays and settings.

    Parameters
    ----------
    name : {"fig1", "fig2", "fig4", "fig8"}
    context : linregions.experiments.context.Context
        Where results go, the seed, the data set.
    full : bool
        Whether to use the experiment's full settings instead of the quick ones.
    settings : dataclass, optional
        Settings of one's own, of the class ``Settings`` of the experiment's module.

    Returns
    -------
    Reproduction

    Raises
    ------
    InvalidValueError
        If there is no such experiment or the folder cannot be written; this is found out before any work.
    MissingDependencyError
        If an optional package is missing, likewise.
    """
    as_choice(name, "name", "reproduce", tuple(EXPERIMENTS))
    module = importlib.import_module(f"linregions.experiments.{name}")
    context.check(module.NEEDS)
    chosen = settings if settings is not None else module.FULL if full else module.QUICK
    _LOG.info("%s: %s", name, EXPERIMENTS[name])
    found = module.measure(chosen, context)
    _LOG.info("%s: drawing and writing", name)
    files = context.write(name, chosen, found, module.draw(found))
    return Reproduction(name, chosen, found, files)
