"""What an experiment left on disk: all that its picture and the report are made from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy.typing as npt

from linregions._support.files import as_path, read_npz, tell_unchecked
from linregions._support.fingerprints import checksum_of_text
from linregions._support.tables import read_json, read_table
from linregions.errors import FileFormatError, InvalidValueError
from linregions.experiments.counting import Proof
from linregions.regions.lines.partition import LinePartition
from linregions.regions.planes.partition import PlanePartition

_TABLE = re.compile(r"\w[\w-]*")


class AbsentFileError(InvalidValueError):
    """Tables are there, but not the arrays beside them that a picture is drawn from."""


@dataclass(frozen=True, eq=False)
class Saved:
    """An experiment's files, read when they are first asked for."""

    folder: Path
    name: str  # of the experiment; its files begin with it
    settings: Mapping[str, Any]  # what it was done with, as in the JSON file: lists where the dataclass has tuples
    seed: int
    tables: Sequence[str] = ()  # names of further tables beside `rows`
    checksums: Mapping[str, str] = field(default_factory=dict)  # of the files with tables; none in earlier versions
    proof: Proof | None = None  # what certifying came to, where it was asked for

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The table."""
        return self._read(f"{self.name}.csv")

    @cached_property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The numbers behind it."""
        return read_npz(self._there(f"{self.name}.npz"), "linregions plot", again=_again(self.name))

    def table(self, key: str) -> list[dict[str, Any]]:
        """Return a further table."""
        return self._read(f"{self.name}-{key}.csv")

    def _read(self, file: str) -> list[dict[str, Any]]:
        rows = read_table(self.folder / file)
        if self.checksums.get(file, found := checksum_of_table(self.folder / file)) != found:
            raise FileFormatError(
                f"`results` is {os.fspath(self.folder)!r}, whose {file} is not what was written (its checksum is "
                f"{found}), but linregions plot needs it whole. {_again(self.name)}"
            )
        return rows

    def plane(self, key: str) -> PlanePartition:
        """Return a saved partition of a plane."""
        return PlanePartition.load(self._there(f"{self.name}-{key}.npz"))

    def line(self, key: str) -> LinePartition:
        """Return a saved partition of a line."""
        return LinePartition.load(self._there(f"{self.name}-{key}.npz"))

    def _there(self, file: str) -> Path:
        if not (self.folder / file).is_file():
            raise AbsentFileError(
                f"`results` is {os.fspath(self.folder)!r}, where there is no {file}, but linregions plot needs it. "
                f"Make it with `linregions reproduce {self.name} --out {os.fspath(self.folder)}` and the same settings."
            )
        return self.folder / file


def checksum_of_table(file: Path) -> str:
    """Return what tells damage to a table, whatever its ends of lines are."""
    return checksum_of_text(file.read_text(encoding="utf-8"))


def _again(name: str) -> str:
    return f"Make it again with `linregions reproduce {name}` and the same settings."


def load_saved(results: str | os.PathLike[str], name: str) -> Saved:
    """Open what `reproduce` wrote for an experiment in a folder, or raise where there is nothing, or a damaged file."""
    folder = as_path(results, "results", "linregions plot")
    file = folder / f"{name}.json"
    if not file.is_file():
        raise InvalidValueError(
            f"`results` is {os.fspath(folder)!r}, where there is no {file.name}, but linregions plot needs it. "
            f"Make it with `linregions reproduce {name} --out {os.fspath(folder)}`."
        )
    content = read_json(file)
    try:
        tables = tuple(content["tables"])
        if not isinstance(content["settings"], dict) or not all(_TABLE.fullmatch(key) for key in tables):
            raise TypeError("settings or tables of another kind")
        checksums = content.get("checksums", {})
        if not isinstance(checksums, dict):
            raise TypeError("checksums of another kind")
        if "checksum" not in content or not checksums:
            tell_unchecked(file, "linregions plot", _again(name))
        numbers = content.get("certified")
        proof = None if numbers is None else Proof(**{key: int(value) for key, value in numbers.items()})
        return Saved(folder, name, content["settings"], int(content["seed"]), tables, checksums, proof)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FileFormatError(
            f"`results` has a {file.name} without a usable entry ({error}), but linregions plot needs settings, seed "
            f"and tables. Make it again with `linregions reproduce {name} --out {os.fspath(folder)}`."
        ) from None
