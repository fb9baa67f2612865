"""Limits on memory: what is said where one is too small, and how one is shared between a batch and its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from linregions.errors import MemoryLimitError

# A batch holds its points, directions, ends and some of their products: about ten arrays of doubles.
_BYTES_OF_A_NUMBER = 80
_TRIED_BYTES = 1 << 26  # the largest limit with which a sufficient one is sought by trial


class Exceeded(Exception):
    """A part of some work needs more bytes than its share of a limit: `needed` would do, as far as this is known."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


def exceeded(
    memory_limit: int | None, who: str, needed: int, what: str, remedy: str = "Give that many at least."
) -> MemoryLimitError:
    """Return the error that the limit which the caller gave is too small for what is to be done."""
    return MemoryLimitError(
        f"`memory_limit` is {memory_limit} bytes, but {who} needs {needed} {what}. {remedy}", needed
    )


def out_of_memory(memory_limit: int | None, who: str, error: MemoryError) -> MemoryLimitError:
    """Return the error that the system gave the process less memory than the caller allowed."""
    detail = f" ({error})" if str(error) else ""
    return MemoryLimitError(
        f"`memory_limit` is {memory_limit}, but the process got no more memory{detail}, which {who} needs. Raise the "
        "limit of the process (`ulimit -v`), free some memory, or choose a smaller domain."
    )


def batch_numbers(most: int, memory_limit: int | None) -> int:
    """Return how many numbers one array of a batch may hold, `most` unless half of the limit is less."""
    return most if memory_limit is None else min(most, memory_limit // 2 // _BYTES_OF_A_NUMBER)


def limit_of_work(memory_limit: int | None, threads: int = 1) -> int | None:
    """Return what is left for counting, in each of some threads that count by themselves."""
    return None if memory_limit is None else max(1, memory_limit // 2 // threads)


def with_remedy(
    error: MemoryLimitError, memory_limit: int | None, who: str, share: int, work: Callable[[int], Any]
) -> MemoryLimitError:
    """Return the error with a limit that is enough for the whole, not for the part of it that was exceeded.

    The error is that of one line or plane, which was given one `share`-th of the limit. `work` works on some of them
    with another limit, since another of them may need more. It is asked only while that limit is small: whoever set one
    may not have so much memory.
    """
    assert memory_limit is not None
    needed = share * (error.needed or memory_limit)
    while needed <= _TRIED_BYTES:
        try:
            work(needed)
            break
        except MemoryLimitError as other:
            needed = max(2 * needed, share * (other.needed or 0))
    needed += needed // 2
    return exceeded(memory_limit, who, needed, "for one line or plane after the other")
