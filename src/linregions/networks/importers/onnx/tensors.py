"""Numbers out of an ONNX file: sizes are checked before memory is taken, files outside its folder are not read."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief
from linregions.errors import FileFormatError, MemoryLimitError, UnsupportedModuleError

#: Numbers in all tensors of a file, 8 bytes each in the end.
MOST_NUMBERS = 1 << 30
_WHO = "from_onnx"
# A sparse tensor may stand for so many numbers, or so many times those that it holds.
_MOST_SPARSE = 1 << 24
_FULLEST = 64
_Array = npt.NDArray[Any]

# Type number in the file: how its numbers lie there raw, where they lie otherwise, and as what they are taken.
_TYPES: dict[int, tuple[str, str, str]] = {
    1: ("<f4", "float_data", "<f8"),
    2: ("u1", "int32_data", "u1"),
    3: ("i1", "int32_data", "i1"),
    4: ("<u2", "int32_data", "<u2"),
    5: ("<i2", "int32_data", "<i2"),
    6: ("<i4", "int32_data", "<i4"),
    7: ("<i8", "int64_data", "<i8"),
    9: ("?", "int32_data", "?"),
    10: ("<f2", "int32_data", "<f8"),
    11: ("<f8", "double_data", "<f8"),
    12: ("<u4", "uint64_data", "<u4"),
    13: ("<u8", "uint64_data", "<u8"),
    16: ("<u2", "int32_data", "<f8"),  # bfloat16: the upper half of a float32
}
#: Types that hold real numbers: taken as float64 everywhere.
FLOATS = frozenset({1, 10, 11, 16})
_BFLOAT16 = 16
_FLOAT16 = 10


def numpy_type(number: int) -> np.dtype[Any] | None:
    """Return as what numbers of an ONNX type are taken: float64 for all real ones; None for types we do not read."""
    return np.dtype(_TYPES[number][2]) if number in _TYPES else None


class Tensors:
    """Reads the tensors of one file, and counts what they hold.

    Parameters
    ----------
    path : pathlib.Path
        Of the model; external data may lie in its folder or below.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = 0

    def read(self, tensor: Any, what: str) -> _Array:
        """Return a ``TensorProto`` as an array, real numbers in float64, or raise.

        Raises
        ------
        FileFormatError
            If it holds fewer or more numbers than it declares, or lies where it must not.
        UnsupportedModuleError
            If its type is not read here.
        MemoryLimitError
            If it is too large.
        """
        shown = f"`path` is {os.fspath(self._path)!r}, where {what}"
        shape = tuple(int(size) for size in tensor.dims)
        if any(size < 0 for size in shape):
            raise FileFormatError(
                f"{shown} has the shape {brief(shape)}, but {_WHO} needs sizes of at least 0. Export the model again."
            )
        if len(shape) > 32:
            raise FileFormatError(
                f"{shown} has {len(shape)} axes, but {_WHO} needs at most 32. Export the model again."
            )
        if tensor.data_type not in _TYPES:
            raise UnsupportedModuleError(
                f"{shown} has the type number {tensor.data_type}, but {_WHO} needs numbers in float16 to float64, "
                "bfloat16, integers or bool. Convert it, or export the model without quantisation and strings."
            )
        count = math.prod(shape)
        self._numbers += count
        if self._numbers > MOST_NUMBERS:
            raise MemoryLimitError(
                f"{shown} has the shape {brief(shape)}, but {_WHO} takes models of at most {MOST_NUMBERS:,} numbers. "
                "Give a smaller model."
            )
        raw_type, field, wanted = _TYPES[tensor.data_type]
        n_bytes = count * np.dtype(raw_type).itemsize
        if tensor.HasField("segment"):
            raise FileFormatError(f"{shown} is stored in segments, but {_WHO} needs it whole. Export the model again.")
        if tensor.data_location == 1:
            content = self._external(tensor, n_bytes, shown)
        elif tensor.HasField("raw_data"):
            content = tensor.raw_data
        else:
            return self._typed(getattr(tensor, field), tensor.data_type, count, shown).reshape(shape)
        if len(content) != n_bytes:
            raise FileFormatError(
                f"{shown} holds {len(content):,} bytes, but {_WHO} needs {n_bytes:,} for the shape {brief(shape)} it "
                "declares. Export the model again, or copy the file again."
            )
        values = np.frombuffer(content, dtype=raw_type)
        if tensor.data_type == _BFLOAT16:
            values = _from_bfloat16(values)
        return values.astype(wanted).reshape(shape)

    def read_any(self, tensor: Any, what: str) -> _Array:
        """Return a tensor, or a sparse one with its zeros, as `read` does."""
        return self._sparse(tensor, what) if hasattr(tensor, "indices") else self.read(tensor, what)

    def _sparse(self, tensor: Any, what: str) -> _Array:
        shown = f"`path` is {os.fspath(self._path)!r}, where {what}"
        values, places = self.read(tensor.values, what), self.read(tensor.indices, what)
        shape = tuple(int(size) for size in tensor.dims)
        count = math.prod(shape)
        self._numbers += max(count, 0)
        if self._numbers > MOST_NUMBERS or count > max(_MOST_SPARSE, _FULLEST * values.size):
            raise MemoryLimitError(
                f"{shown} is sparse, of the shape {brief(shape)} with {values.size:,} numbers, but {_WHO} takes "
                f"{_MOST_SPARSE:,} or {_FULLEST} times as many. Give a smaller model."
            )
        flat = places
        if places.ndim == 2 and places.shape[1] == len(shape) and places.dtype.kind in "iu":
            inside = (places >= 0).all() and (places < np.array(shape)).all()
            flat = np.ravel_multi_index(tuple(places.T), shape) if inside else np.array([-1])
        fits = values.ndim == flat.ndim == 1 and values.shape == flat.shape and flat.dtype.kind in "iu"
        if min(shape, default=0) < 0 or not fits or np.any(flat < 0) or np.any(flat >= count):
            raise FileFormatError(
                f"{shown} is sparse, with places that do not fit the shape {brief(shape)}, but {_WHO} needs one for "
                "each number. Export the model again."
            )
        dense = np.zeros(count, dtype=values.dtype)
        dense[flat] = values
        return dense.reshape(shape)

    @staticmethod
    def _typed(values: Any, kind: int, count: int, shown: str) -> _Array:
        if len(values) != count:
            raise FileFormatError(
                f"{shown} holds {len(values):,} numbers, but {_WHO} needs {count:,} for the shape it declares. "
                "Export the model again, or copy the file again."
            )
        raw_type, _, wanted = _TYPES[kind]
        array = np.array(values, dtype=np.float64 if kind in (1, 11) else np.int64 if kind != 13 else np.uint64)
        if kind == _BFLOAT16:
            return _from_bfloat16(array.astype("<u2")).astype(wanted)
        if kind == _FLOAT16:
            return array.astype("<u2").view("<f2").astype(wanted)
        return array.astype(raw_type).astype(wanted)

    def _external(self, tensor: Any, n_bytes: int, shown: str) -> bytes:
        """Return the bytes of a tensor that lies in another file, of the model's own folder only."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        folder = os.path.realpath(self._path.parent)
        place = os.path.realpath(os.path.join(folder, location)) if location and "\0" not in location else ""
        parts = location.replace("\\", "/").split("/")
        if (
            not place
            or os.path.isabs(location)
            or ".." in parts
            or ":" in parts[0]
            or os.path.commonpath([folder, place]) != folder
        ):
            raise FileFormatError(
                f"{shown} lies in {brief(location)!r}, outside the model's folder, but {_WHO} reads nothing else. Save "
                "the model with `onnx.save_model(model, path, save_as_external_data=True, location='weights.bin')`."
            )
        if not os.path.isfile(place):
            raise FileFormatError(
                f"{shown} lies in {brief(location)!r}, where there is no file, but {_WHO} needs its numbers. "
                "Copy that file beside the model."
            )
        try:
            offset = int(entries.get("offset", "0") or "0")
            length = int(entries.get("length", str(n_bytes)) or str(n_bytes))
        except ValueError:
            offset = length = -1
        size = os.path.getsize(place)
        if offset < 0 or length != n_bytes or offset + length > size:
            raise FileFormatError(
                f"{shown} should be {n_bytes:,} bytes of {brief(location)!r} from {offset:,} on, which has {size:,}, "
                f"but {_WHO} needs exactly those. Copy that file again, or export the model again."
            )
        with open(place, "rb") as handle:
            handle.seek(offset)
            return handle.read(length)


def _from_bfloat16(values: _Array) -> _Array:
    return (values.astype("<u4") << np.uint32(16)).view("<f4")
