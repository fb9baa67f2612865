"""Do an experiment by its name, or draw it again from its files."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from linregions._support.files import as_path
from linregions._support.validation import as_choice
from linregions.errors import InvalidValueError

if TYPE_CHECKING:
    from linregions.experiments.context import Context, Measurement
    from linregions.experiments.saved import Saved

_LOG = logging.getLogger(__name__)

#: What can be reproduced: name -> one line about it.
EXPERIMENTS = {
    "fig1": "all regions of a network trained on MNIST, in the plane through three examples",
    "fig2": "boundaries of a network with two inputs, layer by layer",
    "fig3": "Telgarsky's sawtooth with 3 n + 4 neurons, and what noise on weights and biases leaves of it",
    "fig4": "graph of a network with one input and one output at initialisation",
    "fig5": "regions on whole lines through the origin and a training example, through training",
    "fig6": "mean distance to the nearest boundary, through training",
    "fig7": "distribution of the distances to the nearest boundary at three moments of training",
    "fig8": "regions in the plane through three examples at several moments of training",
    "theorems": "every theorem, corollary and lemma against exact partitions of random networks",
    "conv": "not in the paper: regions on lines and distances of a small CNN and a small ResNet, through training",
}


class Experiment(Protocol):
    """What the module of an experiment has."""

    NAME: str
    NEEDS: tuple[str, ...]
    QUICK: Any
    FULL: Any

    def measure(self, settings: Any, context: Context) -> Measurement:
        """Find what the tables say."""

    def draw(self, saved: Saved) -> Any:
        """Return the figure."""


@dataclass(frozen=True, eq=False)
class Reproduction:
    """An experiment done.

    Parameters
    ----------
    name : str
    settings : dataclass
        What it was done with.
    measurement : Measurement
    saved : Saved
        The same as it is on disk.
    files : list of pathlib.Path
        What was written.
    """

    name: str
    settings: Any
    measurement: Measurement
    saved: Saved
    files: list[Path]


def experiment(name: str) -> Experiment:
    """Return the module of an experiment, or raise InvalidValueError if there is none of this name."""
    as_choice(name, "name", "reproduce", tuple(EXPERIMENTS))
    place = "theorems" if name == "theorems" else f"figures.{name}"
    module: Any = importlib.import_module(f"linregions.experiments.{place}")
    found: Experiment = module
    return found


def reproduce(name: str, context: Context, *, full: bool = False, settings: Any = None) -> Reproduction:
    """Do one of the paper's experiments and write its tables, arrays and settings, then its picture from these.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
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
        If there is no such experiment, the folder cannot be written, or it has the experiment with other settings,
        seed or data and `context` does not say `force`; this is found out before any work.
    MissingDependencyError
        If an optional package is missing, likewise.
    """
    from linregions.experiments.counting import Proof
    from linregions.experiments.saved import load_saved

    module = experiment(name)
    context.check(module.NEEDS)
    chosen = settings if settings is not None else module.FULL if full else module.QUICK
    context.check_replaced(name, chosen)
    _LOG.info("%s: %s", name, EXPERIMENTS[name])
    context.counting.proof = Proof()
    found = module.measure(chosen, context)
    files = context.write(name, chosen, found)
    pictures = redraw(name, context.folder, context.formats)
    return Reproduction(name, chosen, found, load_saved(context.folder, name), pictures + files)


def reproduced(results: str | os.PathLike[str]) -> list[str]:
    """Return the experiments that a folder of `reproduce` has, in the order of the paper.

    Parameters
    ----------
    results : str or path-like

    Returns
    -------
    list of str

    Raises
    ------
    InvalidValueError
        If there are none.
    """
    folder = as_path(results, "results", "linregions plot")
    names = [name for name in EXPERIMENTS if (folder / f"{name}.json").is_file()]
    if not names:
        raise InvalidValueError(
            f"`results` is {os.fspath(folder)!r}, which has no experiment in it, but linregions plot needs the folder "
            "that `linregions reproduce` wrote. Check the spelling and the current folder."
        )
    return names


def redraw(
    name: str,
    results: str | os.PathLike[str],
    formats: Sequence[str] = ("png",),
    out: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Draw an experiment again from the files that `reproduce` wrote; nothing is computed.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    results : str or path-like
        The folder with the files.
    formats : sequence of {"png", "svg", "pdf"}
    out : str or path-like, optional
        Where pictures go, by default beside the files.

    Returns
    -------
    list of pathlib.Path
        The pictures, and of regions through training a page to explore them in.

    Raises
    ------
    InvalidValueError
        If there is no such experiment, or it has not been reproduced there.
    FileFormatError
        If a file is damaged.
    """
    from linregions.experiments.saved import load_saved
    from linregions.plotting import save_figure

    module, saved = experiment(name), load_saved(results, name)
    _LOG.info("%s: drawing", name)
    folder = saved.folder if out is None else as_path(out, "out", "linregions plot")
    files = save_figure(module.draw(saved), folder / name, formats)
    page = getattr(module, "page", None)  # to explore what was found, where there is one
    return files if page is None else [*files, page(saved).save(folder / f"{name}.html")]
