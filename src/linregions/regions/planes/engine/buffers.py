"""Buffers left by one call for the next, since touching fresh memory can cost as much as a small window's work.

The system hands out memory page by page, and clears each page when it is first touched: up to microseconds for each
four kilobytes on a virtual machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import numpy as np

# Most that is kept for good in a process, of which often less than half has ever been touched: the buffers of two
# threads at widths up to about a hundred.
MOST_BYTES = 32 << 20


class _Kept(NamedTuple):
    key: tuple[Hashable, ...]
    n_bytes: int
    records: Any


# Taken from and added to by any thread: each operation on a deque is indivisible.
_kept: deque[_Kept] = deque()


def n_bytes(record: Iterable[object]) -> int:
    """Return the bytes that the arrays of a record take."""
    total = 0
    for entry in record:
        if isinstance(entry, np.ndarray):
            total += entry.nbytes
        elif isinstance(entry, tuple):
            total += n_bytes(entry)
    return total


def take(key: tuple[Hashable, ...]) -> Any:
    """Return what was kept last under a key, no longer kept; None if nothing was."""
    found = None
    for _ in range(len(_kept)):
        try:
            entry = _kept.pop()
        except IndexError:  # another thread was quicker
            break
        if entry.key == key:
            found = entry.records
            break
        _kept.appendleft(entry)
    return found


def keep(key: tuple[Hashable, ...], records: Any, size: int) -> None:
    """Keep records of buffers that nobody uses any longer, in place of the oldest if there are too many."""
    if size > MOST_BYTES:
        return
    _kept.append(_Kept(key, size, records))
    while sum(entry.n_bytes for entry in list(_kept)) > MOST_BYTES:
        try:
            _kept.popleft()
        except IndexError:
            break


def let_go() -> None:
    """Keep nothing."""
    _kept.clear()
