"""How a memory limit is shared between a batch of random lines or planes and the work on them."""

from __future__ import annotations

# A batch holds its points, directions, ends and some of their products: about ten arrays of doubles.
_BYTES_OF_A_NUMBER = 80


def batch_numbers(most: int, memory_limit: int | None) -> int:
    """Return how many numbers one array of a batch may hold, `most` unless half of the limit is less."""
    return most if memory_limit is None else min(most, memory_limit // 2 // _BYTES_OF_A_NUMBER)


def limit_of_work(memory_limit: int | None, threads: int = 1) -> int | None:
    """Return what is left for counting, in each of some threads that count by themselves."""
    return None if memory_limit is None else max(1, memory_limit // 2 // threads)
