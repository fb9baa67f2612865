"""NPZ archives: every one we write carries a checksum of its arrays, and none is trusted when it is read."""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from linregions._support.fingerprints import checksum_of_arrays

Arrays = dict[str, npt.NDArray[Any]]

#: The array that holds the checksum of all others.
CHECKSUM = "linregions_checksum"
# What a file says of each member, so that one which has lost its checksum is not taken for one of an earlier version.
_SEALED = b"sealed"
_NAME = re.compile(r"(?P<key>.+)\.npy", re.DOTALL)

# What an archive may unfold to: deflate shrinks zeros a thousandfold, and a small file shall not fill the memory.
_MOST_BYTES = 1 << 30
_MOST_TIMES = 100
_SPARE = 1 << 20  # for headers
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BY_NUMPY = "If you trust it, write its arrays again with `numpy.savez`, which does not pack them."


class DamagedArchiveError(Exception):
    """What is wrong with an archive, as the end of a clause, and a way to mend it if there is another than to rewrite.

    Never seen outside: who reads a file tells which file it is.
    """

    def __init__(self, found: str, way: str = "") -> None:
        super().__init__(found)
        self.found, self.way = found, way


def write_archive(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], *, packed: bool = True, seal: bool = True
) -> None:
    """Write arrays to an NPZ file: `packed` by deflate, with a `seal` that holds their checksum."""
    whole = {name: np.asanyarray(array) for name, array in arrays.items()}
    total = sum(array.nbytes for array in whole.values())
    if seal:
        whole[CHECKSUM] = np.array(checksum_of_arrays(whole))
    _write(path, whole, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED, seal)
    if packed and total + _SPARE > most_bytes(os.stat(path).st_size):  # we would not read it
        _write(path, whole, zipfile.ZIP_STORED, seal)


def _write(path: Path, arrays: Arrays, compression: int, seal: bool) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # without a date, so that the same arrays are the same bytes
            member.compress_type, member.comment = compression, _SEALED if seal else b""
            with archive.open(member, "w", force_zip64=True) as handle:
                np.lib.format.write_array(handle, array, allow_pickle=False)


def read_archive(path: Path, wanted: Callable[[str], bool] | None = None) -> tuple[Arrays, bool]:
    """Read the arrays of an NPZ file, and whether a checksum said that they are those that were written.

    With `wanted` only those of some names are read, and no checksum is looked at. A damaged file raises
    `DamagedArchiveError`, and sometimes nearly anything else that the readers of zip raise.
    """
    size = os.stat(path).st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_sizes(members, size)
        arrays: Arrays = {}
        for member in members:
            named = _NAME.fullmatch(member.filename)
            if named is None:
                raise DamagedArchiveError(f"an archive with {member.filename!r} in it, which is no array")
            if wanted is not None and not wanted(named["key"]):
                continue
            if named["key"] in arrays:
                raise DamagedArchiveError(f"an archive with {named['key']!r} in it twice")
            with archive.open(member) as handle:
                check_header(handle, member.file_size, named["key"])
            with archive.open(member) as handle:
                arrays[named["key"]] = np.lib.format.read_array(handle, allow_pickle=False)
                handle.read(1)  # at the end the reader of zip compares the member's own checksum
        expected = arrays.pop(CHECKSUM, None)
        if wanted is not None:
            return arrays, False
        if expected is None:
            if any(member.comment == _SEALED for member in members):
                raise DamagedArchiveError(f"an archive that has lost its checksum, the array {CHECKSUM}")
            return arrays, False
    if expected.shape != () or str(expected) != checksum_of_arrays(arrays):
        raise DamagedArchiveError(
            "an archive whose arrays are not those that were written (their checksum differs)",
            "Take a copy that is whole, or write it again with `save`; if the arrays were changed on purpose, write "
            f"them without {CHECKSUM}.",
        )
    return arrays, True


def _check_sizes(members: list[zipfile.ZipInfo], size: int) -> None:
    """Make sure that a file of `size` bytes can hold these members, and does not unfold to much more than it is."""
    if sum(member.compress_size for member in members) > size:
        raise DamagedArchiveError("an archive whose members lie over one another")
    if any(member.compress_type not in _METHODS for member in members):
        raise DamagedArchiveError("an archive packed by another method than deflate", _BY_NUMPY)
    total = sum(member.file_size for member in members)
    if total > most_bytes(size):
        raise DamagedArchiveError(
            f"an archive of {size:,} bytes that says it unfolds to {total:,}",
            _BY_NUMPY,
        )


def most_bytes(size: int) -> int:
    """Return what a packed file of `size` bytes may unfold to."""
    return max(_MOST_BYTES, _MOST_TIMES * size)


def check_header(handle: IO[bytes], size: int, name: str) -> None:
    """Make sure that the NPY file which begins here and has `size` bytes holds just the array that its header tells.

    So nothing is allocated that is not there.
    """
    try:
        version = np.lib.format.read_magic(handle)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read(handle)
        negative = any(length < 0 for length in shape)
        needed = math.prod(shape) * dtype.itemsize
    except Exception as error:  # a header is a Python literal; a damaged one raises nearly anything, MemoryError too
        raise DamagedArchiveError(f"where {name!r} is no array ({error})") from None
    if dtype.hasobject:
        raise DamagedArchiveError(f"where {name!r} holds pickled objects", "Write its arrays as numbers.")
    if negative or dtype.itemsize == 0 or handle.tell() + needed != size:
        raise DamagedArchiveError(
            f"where {name!r} should be {dtype} of shape {shape}, but has {size - handle.tell():,} bytes"
        )
