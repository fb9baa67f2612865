"""What every experiment shares: where results go, and how they are written."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from linregions._support.files import as_path, write_npz
from linregions._support.tables import Row, plain, read_json, writable_folder, write_metadata, write_table
from linregions._support.validation import as_choice, as_integer, as_threads
from linregions.errors import FileFormatError, InvalidValueError, MissingDependencyError
from linregions.experiments.counting import Counting
from linregions.experiments.place import Place
from linregions.experiments.saved import checksum_of_table
from linregions.plotting import FORMATS
from linregions.training.datasets import Dataset, load_dataset

#: Where results go unless another folder is given.
DEFAULT_FOLDER = "linregions-results"
# What experiments say that they need, the extra of the package that brings it, and what is looked for.
_NEEDED = (
    ("torch", "torch", "torch"),
    ("convolutions", "torch", "scipy"),
    ("plot", "plot", "matplotlib"),
    ("plot", "plot", "jinja2"),
)


class Savable(Protocol):
    """A result that writes itself, such as a partition."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an NPZ file."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What an experiment found."""

    rows: Sequence[Row]  # the table, one observation a row
    arrays: Mapping[str, Any]  # numbers behind it, for the NPZ file
    # Whole partitions by name, each written to a file of its own.
    partitions: Mapping[str, Savable] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # further tables by name


@dataclass(frozen=True, eq=False)
class Context:
    """Where and how an experiment runs; nothing in it changes a number but `seed` and `data`.

    Parameters
    ----------
    out : str or path-like
        Folder for results; trainings are kept in its folder ``runs`` and found again.
    seed : int
        Of the one random generator of each experiment.
    data : str or path-like
        Data set, as in `load_dataset`.
    formats : sequence of {"png", "svg", "pdf"}
        Of pictures.
    threads : int
        For partitions.
    progress : bool
        Whether to show progress bars on a terminal.
    workers : int
        Processes for the cells of a sweep.
    executor : concurrent.futures.Executor, optional
        Computes the cells of a sweep in their place, e.g. ``distributed.Client(...).get_executor()``.
    force : bool
        Whether an experiment may replace what the folder has of it with other settings.
    certify : bool
        Whether every partition and every count of regions is proved (`linregions.partition`); what is measured in
        other ways is not.
    """

    out: str | os.PathLike[str] = DEFAULT_FOLDER
    seed: int = 0
    data: str | os.PathLike[str] = "mnist"
    formats: Sequence[str] = ("png",)
    threads: int = 1
    progress: bool = True
    workers: int = 1
    executor: Executor | None = None
    force: bool = False
    certify: bool = False

    def __post_init__(self) -> None:
        who = "Context"
        object.__setattr__(self, "out", as_path(self.out, "out", who))
        as_integer(self.seed, "seed", who, 0)
        object.__setattr__(self, "threads", as_threads(self.threads, "threads", who))
        as_integer(self.workers, "workers", who, 1)
        object.__setattr__(self, "formats", tuple(as_choice(f, "formats", who, FORMATS) for f in self.formats))

    @property
    def folder(self) -> Path:
        """The folder for results."""
        return Path(self.out)

    @property
    def run_dir(self) -> Path:
        """The folder for trainings."""
        return self.folder / "runs"

    @property
    def place(self) -> Place:
        """Where cells of a sweep find data and trainings, from whatever folder a worker was started in."""
        known = os.fspath(self.data)
        data = os.path.abspath(known) if os.path.exists(known) and known != "mnist" else known
        return Place(data, os.path.abspath(self.run_dir))

    @cached_property
    def counting(self) -> Counting:
        """What partitions and counts, certified where asked, with the tally of the experiment under way."""
        return Counting(self.certify, self.threads)

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, loaded when first asked for."""
        return load_dataset(self.data)

    def check(self, needs: Sequence[str]) -> None:
        """Make sure before any work that what is needed, entries of `_NEEDED`, and a folder to write are there."""
        for need, extra, package in _NEEDED:
            if need in needs and importlib.util.find_spec(package) is None:
                raise MissingDependencyError(
                    f"`{package}` is not installed, but this experiment needs it. "
                    f"Install it with `pip install 'linregions[{extra}]'`."
                )
        writable_folder(self.folder, "reproduce")

    def check_replaced(self, name: str, settings: Any) -> None:
        """Raise InvalidValueError where results of other settings, seed or data would be lost without `force`."""
        file = self.folder / f"{name}.json"
        if self.force or not file.is_file():
            return
        mine = json.loads(json.dumps(plain({"settings": settings, "seed": self.seed, "data": os.fspath(self.data)})))
        try:
            there = read_json(file)
            theirs = {**there["settings"], "seed": there["seed"], "data": there["data"]}
            theirs["certify"] = there.get("certified") is not None
        except (FileFormatError, KeyError, TypeError):
            other = "settings that cannot be read"
        else:
            mine = {**mine["settings"], "seed": mine["seed"], "data": mine["data"], "certify": self.certify}
            keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
            if not keys:
                return
            other = "; ".join(f"{key} {theirs.get(key)}, not {mine.get(key)}" for key in keys[:3])
            other += f"; and {len(keys) - 3} more" if len(keys) > 3 else ""
        raise InvalidValueError(
            f"`out` is {os.fspath(self.folder)!r}, which has {name} made with {other}, but linregions reproduce "
            "replaces results of other settings only if told to. Give another folder with `--out`, or replace them "
            "with `--force`."
        )

    def write(self, name: str, settings: Any, found: Measurement) -> list[Path]:
        """Write tables, arrays, partitions, and last the settings, which say that all is there; return the files."""
        (self.folder / f"{name}.json").unlink(missing_ok=True)
        files = write_table(self.folder / f"{name}.csv", found.rows)
        for key, rows in found.tables.items():
            files += write_table(self.folder / f"{name}-{key}.csv", rows)
        files.append(self.folder / f"{name}.npz")
        write_npz(files[-1], dict(found.arrays), "reproduce")
        for key, partition in found.partitions.items():
            files.append(self.folder / f"{name}-{key}.npz")
            partition.save(files[-1])
        files.append(self.folder / f"{name}.json")
        tables = [file for file in files if file.suffix == ".csv"]
        write_metadata(
            files[-1],
            settings=settings,
            seed=self.seed,
            experiment=name,
            data=os.fspath(self.data),
            tables=list(found.tables),
            files=[file.name for file in files],
            **({"certified": self.counting.proof.numbers()} if self.certify else {}),
            checksums={file.name: checksum_of_table(file) for file in tables},
        )
        return files
