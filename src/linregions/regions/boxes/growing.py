"""Arrays that rows are appended to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# How much an array grows that is full. What is added is memory at once, so that it should not be much.
_GROWTH = 1.125


class Growing:
    """An array that rows are appended to. The system moves a large one without copying it."""

    def __init__(self, dtype: npt.DTypeLike, *row: int) -> None:
        self.rows = 0
        self.array: npt.NDArray[Any] = np.empty((0, *row), dtype)

    @property
    def n_bytes(self) -> int:
        """Bytes that the array takes."""
        return self.array.nbytes

    def reserve(self, count: int) -> npt.NDArray[Any]:
        """Return the array, with room for that many more rows."""
        rows = self.rows + count
        if rows > self.array.shape[0]:
            self._resize(max(rows, int(_GROWTH * self.array.shape[0])))
        return self.array

    def append(self, new: npt.NDArray[Any]) -> None:
        """Copy rows to the end."""
        begin = self.rows
        self.reserve(len(new))[begin : begin + len(new)] = new
        self.rows += len(new)

    def taken(self) -> npt.NDArray[Any]:
        """Return the rows, as an array of their size, and forget them."""
        self._resize(self.rows)
        array, self.array, self.rows = self.array, self.array[:0].copy(), 0
        return array

    def _resize(self, rows: int) -> None:
        self.array.resize((rows, *self.array.shape[1:]), refcheck=False)


class Numbers:
    """The numbers of keys of 128 bits, in the order they are met."""

    def __init__(self) -> None:
        self.keys = Growing(np.uint64, 2)
        self._table = np.full(1 << 10, -1, dtype=np.int32)

    def __len__(self) -> int:
        return self.keys.rows

    @property
    def n_bytes(self) -> int:
        """Bytes that keys and table take."""
        return self.keys.n_bytes + self._table.nbytes

    def of(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
        """Return the number of each key."""
        from linregions.regions.boxes.kernels.joining import number_keys, refill

        known = self.keys.reserve(len(keys))
        number = np.empty(len(keys), dtype=np.int32)
        if 2 * (len(self) + len(keys)) > self._table.size:
            size = 1 << int(4 * (len(self) + len(keys))).bit_length()
            self._table = np.full(size, -1, dtype=np.int32)
            refill(known, len(self), self._table)
        self.keys.rows = number_keys(keys, known, len(self), self._table, number)
        return number
