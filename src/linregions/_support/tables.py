"""Write and read tables and the settings they came from; each file is written whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.files import as_path, brief, replacing
from linregions._support.fingerprints import checksum_of_mapping
from linregions._support.points import read_points as read_points
from linregions.errors import FileFormatError, InvalidValueError

Row = Mapping[str, Any]
_CHECKSUM = re.compile(r"\['[0-9a-f]{16}'\]")

_PACKAGES = ("linregions", "numpy", "numba", "torch", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, without importing them."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_table(path: str | os.PathLike[str], rows: Sequence[Row]) -> list[Path]:
    """Write rows as CSV with a header, and as Parquet beside it when pyarrow is installed; floats keep all digits.

    Rows, one at least, have the same keys in the same order. Returns the files written; missing folders are made.
    """
    columns = _columns(rows, "write_table")
    with replacing(path, "write_table") as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([plain(row[column]) for column in columns] for row in rows)
    files = [Path(path)]
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return files
    files.append(files[0].with_suffix(".parquet"))
    table = pyarrow.table({column: _alike([row[column] for row in rows]) for column in columns})
    with replacing(files[-1], "write_table") as temporary:
        pyarrow.parquet.write_table(table, temporary)
    return files


def read_table(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    r"""Read a CSV table written by `write_table`, row by row.

    A column is integers if all its entries are, else floats, else booleans, else text; an empty entry is None.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "table.csv"
    >>> file.write_text("epoch,regions,name\n0.5,912,[64]\n1.0,,[64]\n") > 0
    True
    >>> read_table(file)
    [{'epoch': 0.5, 'regions': 912, 'name': '[64]'}, {'epoch': 1.0, 'regions': None, 'name': '[64]'}]
    """
    text = _text(path, "read_table", "a CSV table")
    try:
        lines = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise FileFormatError(
            f"`path` is {os.fspath(path)!r}, which is no CSV ({brief(error)}), but read_table needs a table. Write it "
            "again with `write_table`."
        ) from None
    lengths = {len(line) for line in lines}
    if len(lengths) != 1 or len(lines) < 2:
        raise FileFormatError(
            f"`path` is {os.fspath(path)!r} with {len(lines)} lines of {sorted(lengths)} entries, but read_table "
            "needs a header and rows as long as it. Write it again with `write_table`."
        )
    header, *entries = lines
    columns = [_typed(list(column)) for column in zip(*entries, strict=True)]
    return [dict(zip(header, row, strict=True)) for row in zip(*columns, strict=True)]


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a mapping written by `write_json`, also one of earlier versions, without a checksum."""
    text = _text(path, "read_json", "a JSON file")
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError(f"it holds {type(content).__name__}")
        if content.get("checksum", expected := checksum_of_mapping(content)) != expected:
            raise ValueError("its checksum differs")
        # It comes last: so nothing else has been made of its name.
        if "checksum" not in content and _CHECKSUM.fullmatch(str(list(content.values())[-1:])):
            raise ValueError("its checksum has another name")
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"`path` is {os.fspath(path)!r}, which cannot be read ({brief(error)}), but read_json needs a JSON object "
            "as it was written. Write it again with `write_json`."
        ) from None
    return content


def _text(path: str | os.PathLike[str], who: str, what: str) -> str:
    source = as_path(path, "path", who)
    if not os.path.isfile(source):
        raise InvalidValueError(
            f"`path` is {os.fspath(source)!r}, where there is no file, but {who} needs {what}. "
            "Check the spelling and the current folder."
        )
    try:
        return source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"`path` is {os.fspath(source)!r}, which is no text ({error}), but {who} needs {what}. Write it again."
        ) from None


def _typed(column: list[str]) -> list[Any]:
    """Return the entries of a CSV column as the simplest type that fits them all."""
    for read in (int, float, {"True": True, "False": False}.__getitem__):
        try:
            return [None if entry == "" else read(entry) for entry in column]
        except (ValueError, KeyError):
            continue
    return list(column)


def _alike(column: list[Any]) -> list[Any]:
    """Return the entries of a column as one type that Parquet has: text if any is text, floats if any is a float."""
    values = [entry.item() if isinstance(entry, np.generic) else entry for entry in column]
    if any(isinstance(entry, str) for entry in values):
        return [None if entry is None else str(entry) for entry in values]
    if any(isinstance(entry, float) for entry in values):
        return [None if entry is None else float(entry) for entry in values]
    return values


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON; arrays become lists, dataclasses mappings, infinities strings.

    A last entry ``checksum`` tells damage. Who changes the file by hand takes it out.
    """
    made = plain(content)
    text = json.dumps({**made, "checksum": checksum_of_mapping(made)}, indent=2, allow_nan=False) + "\n"
    with replacing(path, "write_json") as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_metadata(path: str | os.PathLike[str], *, settings: Any, seed: int | None, **more: Any) -> None:
    """Write what made a result: settings, seed (None where nothing was random), versions, and what else is given."""
    write_json(path, {"settings": settings, "seed": seed, **more, "versions": versions()})


def format_table(rows: Sequence[Row]) -> str:
    """Return rows, all with the same keys, as text with aligned columns, floats to four significant digits.

    >>> print(format_table([{"epoch": 0.0, "regions": 10403}, {"epoch": 0.5, "regions": 912}]))
    epoch  regions
        0   10,403
      0.5      912
    """
    columns = _columns(rows, "format_table")
    cells = [columns, *([cell_text(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numeric = [not isinstance(plain(rows[0][column]), str) for column in columns]
    lines = [
        "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(line, widths, numeric, strict=True))
        for line in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def writable_folder(path: str | os.PathLike[str], who: str, name: str = "out") -> Path:
    """Make a folder if it is missing, and find out before any work whether files can be written there, or raise."""
    folder = as_path(path, name, who)
    probe = folder / ".writable"
    with replacing(probe, who, name):
        pass
    probe.unlink(missing_ok=True)
    return folder


def plain(value: Any) -> Any:
    """Return `value` made of JSON's types only: numbers, strings, lists and dicts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, Path):
        return os.fspath(value)
    return value


def _columns(rows: Sequence[Row], who: str) -> list[str]:
    if not rows:
        raise InvalidValueError(f"`rows` is empty, but {who} needs at least one row. Leave the table out.")
    columns = list(rows[0])
    for k, row in enumerate(rows):
        if list(row) != columns:
            raise InvalidValueError(
                f"`rows[{k}]` has the columns {list(row)}, but {who} needs those of the first row, {columns}. "
                "Give every row the same keys in the same order."
            )
    return columns


def cell_text(value: Any) -> str:
    """Return an entry of a table for the eye: thousands separated, floats to four significant digits."""
    entry = plain(value)
    if isinstance(entry, bool) or entry is None:
        return str(entry).lower()
    if isinstance(entry, int):
        return f"{entry:,}"
    return f"{entry:.4g}" if isinstance(entry, float) else str(entry)
