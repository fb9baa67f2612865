"""Arrays as text in a page: compact, and read by a browser without any library."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np
import numpy.typing as npt


class Pack:
    """Arrays one after another, compressed together.

    The bytes of an array are sorted by their place in a number, since the high bytes of neighbours are alike.
    """

    def __init__(self) -> None:
        self.places: dict[str, tuple[str, int, int]] = {}
        self._bytes = bytearray()

    def add(self, name: str, array: npt.NDArray[Any]) -> None:
        """Add floats as they are, and integers and truth values as the smallest unsigned type that holds them."""
        kept = array if array.dtype.kind == "f" else array.astype(_smallest(array))
        flat = np.ascontiguousarray(kept).ravel()
        flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        self.places[name] = (f"{flat.dtype.kind}{flat.itemsize}", flat.size, len(self._bytes))
        self._bytes += flat.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes()

    def text(self) -> str:
        """Return all of it in base64; the same arrays give the same text."""
        return base64.b64encode(gzip.compress(bytes(self._bytes), 6, mtime=0)).decode("ascii")


def _smallest(array: npt.NDArray[Any]) -> npt.DTypeLike:
    most = int(array.max(initial=0))
    return np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32
