"""Read arrays in the IDX format, in which MNIST and its relatives are published."""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.archives import most_bytes
from linregions._support.files import as_path
from linregions.errors import FileFormatError

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_MOST_AXES = 8  # numpy has more; data sets have not


def _unpacked(data: bytes) -> bytes:
    most = most_bytes(len(data))
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as handle:
        whole = handle.read(most + 1)
    if len(whole) > most:
        raise OSError(f"{len(data):,} bytes unfold to more than {most:,}")
    return whole


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read one array in the IDX format, gzipped or not, in native byte order.

    Raises FileFormatError if the file is truncated, longer than its header says, or no IDX file.
    """
    file = as_path(path, "path", "read_idx")
    try:
        data = file.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _unpacked(data)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(
            f"`path` is {os.fspath(file)!r}, which cannot be read ({error}), but read_idx needs an IDX file, gzipped "
            "or not. Fetch it again."
        ) from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES or len(data) < 4 + 4 * data[3]:
        raise FileFormatError(
            f"`path` is {os.fspath(file)!r}, which starts with {data[:4].hex(' ') or 'nothing'}, but read_idx needs an "
            "IDX file, such as 00 00 08 03 for images. Check that it is the right file."
        )
    if not 1 <= data[3] <= _MOST_AXES:
        raise FileFormatError(
            f"`path` is {os.fspath(file)!r}, whose header tells of {data[3]} axes, but read_idx needs 1 to "
            f"{_MOST_AXES}. Check that it is the right file."
        )
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    dtype = np.dtype(_IDX_TYPES[data[2]])
    body = len(data) - 4 - 4 * data[3]
    expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if body != expected:
        raise FileFormatError(
            f"`path` is {os.fspath(file)!r}, which holds {body} bytes after its header, but read_idx needs {expected} "
            f"for shape {shape}. Fetch it again."
        )
    values = np.frombuffer(data, dtype=dtype, offset=4 + 4 * data[3]).reshape(shape)
    return values.astype(dtype.newbyteorder("="))
