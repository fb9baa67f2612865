"""Parts of a stream of regions: checksums that tell damage, and what is read from them, checked."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import read_npz
from linregions._support.fingerprints import checksum_of_file
from linregions._support.saved_arrays import SavedArrays, complex_of, words_of
from linregions._support.validation import require
from linregions.errors import FileFormatError

Arrays = dict[str, npt.NDArray[Any]]

#: Attempt and first cell; and the checksum, which parts of earlier versions have not.
PART_NAME = re.compile(r"part-\d+-\d+(-(?P<checksum>[0-9a-f]{16}))?\.(npz|parquet)")
REMEDY = "Make the same call of `partition` again: it makes this part anew."


def checksum_in(name: str) -> str | None:
    """Return the checksum that a part has in its name, None for one of an earlier version."""
    found = PART_NAME.fullmatch(name)
    return found["checksum"] if found else None


def read_part(path: Path, expected: str | None, n_breakpoints: npt.NDArray[np.int32], patterns: bool) -> Arrays:
    """Read a part and check all that is in it, also its checksum if known; raise FileFormatError if it is damaged."""
    where = f"`folder` has the part {os.fspath(path)!r}"
    if expected is not None and (found := checksum_of_file(path)) != expected:
        raise FileFormatError(
            f"{where}, which is damaged (its checksum is {found}, not {expected}), but StreamedRegions needs it whole. "
            f"{REMEDY}"
        )
    try:
        arrays = read_npz(path, "StreamedRegions") if path.suffix == ".npz" else _read_table(path)
    except FileFormatError as error:
        raise FileFormatError(
            f"{where}, which is damaged, but StreamedRegions needs it whole ({error}). {REMEDY}"
        ) from None
    saved = SavedArrays(arrays, where, "StreamedRegions", REMEDY)
    if path.suffix == ".npz":
        made = complex_of(saved, n_breakpoints, patterns=patterns)
        made["corners"] = made["vertices"][made["face_vertices"]]
        made["edge_is_shared"] = saved.booleans("edge_is_shared", len(made["edges"]))
    else:
        corners = saved.floats("corners", None, 2)
        made = {"corners": corners, "face_offsets": saved.offsets("face_offsets", len(corners), 3)}
    n_regions = made["face_offsets"].size - 1
    made |= {name: saved.floats(name, n_regions) for name in ("areas", "perimeters")}
    if not patterns:
        made["pattern_words"] = np.zeros((n_regions, 0), dtype=np.uint64)
    elif path.suffix != ".npz":
        made["pattern_words"] = words_of(saved, n_breakpoints, n_regions)
    return made


def _read_table(path: Path) -> Arrays:
    parquet = parquet_module()
    try:
        table = parquet.read_table(path, partitioning=None).combine_chunks()
        corners = [table.column(f"corner_{axis}").chunk(0).flatten().to_numpy() for axis in "uv"]
        sides = np.asarray(table.column("sides").to_numpy())
        arrays = {
            "areas": table.column("area").to_numpy(),
            "perimeters": table.column("perimeter").to_numpy(),
            "face_offsets": np.concatenate([[0], np.cumsum(sides)]),
            "corners": np.stack(corners, axis=1),
        }
        words = np.zeros((len(sides), 0), dtype=np.uint64)
        if "pattern" in table.column_names:
            joined = b"".join(table.column("pattern").to_pylist())
            words = np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(len(sides), -1)
    except Exception as error:  # pyarrow raises OSError, ArrowInvalid, KeyError
        raise FileFormatError(str(error)) from None
    return {**arrays, "pattern_words": words}


def parquet_module() -> Any:
    """Return ``pyarrow.parquet``."""
    return require("pyarrow", "io", "StreamedRegions", lambda: __import__("pyarrow.parquet").parquet)
