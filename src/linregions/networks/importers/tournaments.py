"""Maxima as tournaments of comparisons: who meets whom, and which units of which steps compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from linregions.networks.graph import NO_MAXIMA, Layout, Maxima
from linregions.networks.importers.matrices import IndexArray
from linregions.networks.importers.taps import inverse


class Windows(NamedTuple):
    """Windows whose maxima were taken together, in rounds of one step each.

    In each round slots 0 and 1 meet, 2 and 3, and so on; the winner of slots 2i and 2i + 1 has slot i in the next, a
    slot without opponent goes on as it is. In the step of a round, unit ``slot * windows + window`` compares (in the
    user's order); units without an opponent are off everywhere.
    """

    sizes: IndexArray  # (windows,) entries of each
    steps: tuple[int, ...]  # of the rounds
    name: str = ""

    @classmethod
    def of_pairs(cls, n: int, step: int, name: str) -> Windows:
        """Return n windows of two."""
        return cls(np.full(n, 2), (step,), name)

    def renumbered(self, number: dict[int, int]) -> Windows:
        """Return them with other numbers of steps."""
        return self._replace(steps=tuple(number[step] for step in self.steps))


class _Match(NamedTuple):
    round: int
    slot: int
    left: int
    right: int


def matches(size: int) -> list[_Match]:
    """Return the comparisons of a window with so many entries: entries by number, winners of comparison k as ~k."""
    found: list[_Match] = []
    slots = list(range(size))
    number = 0
    while len(slots) > 1:
        after = []
        for slot in range(len(slots) // 2):
            found.append(_Match(number, slot, slots[2 * slot], slots[2 * slot + 1]))
            after.append(~(len(found) - 1))
        slots = after + slots[2 * len(after) :]
        number += 1
    return found


def as_maxima(groups: Sequence[Windows], layouts: dict[int, Layout]) -> Maxima:
    """Return all windows with their comparisons, in the units of their steps' layouts."""
    if not groups:
        return NO_MAXIMA
    # The numbering of windows follows the last of their steps; each group's are together.
    parts, sizes, after, names = [], [], [], []
    first = 0
    for group in sorted(groups, key=lambda each: each.steps[-1]):
        parts.append(_comparisons(group, first, layouts))
        sizes.append(group.sizes)
        after.append(np.full(group.sizes.size, group.steps[-1]))
        names.append(group.name)
        first += group.sizes.size
    window, step, unit, left, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Maxima(window, step, unit, left, right, np.concatenate(sizes), np.concatenate(after), tuple(names))


def _comparisons(group: Windows, first: int, layouts: dict[int, Layout]) -> list[IndexArray]:
    """Return window, step, unit, left and right of a group's comparisons, sorted by window."""
    n = group.sizes.size
    units = [inverse(layouts[step].order) for step in group.steps]
    rows: list[list[IndexArray]] = [[np.zeros(0, dtype=np.int64)] * 6]
    for size in np.unique(group.sizes):
        windows = np.flatnonzero(group.sizes == size)
        for k, match in enumerate(matches(int(size))):
            ones = np.ones(windows.size, dtype=np.int64)
            unit = units[match.round][match.slot * n + windows]
            step = group.steps[match.round]
            rows.append([windows + first, step * ones, unit, match.left * ones, match.right * ones, k * ones])
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    order = np.lexsort((columns[5], columns[0]))
    return [column[order] for column in columns[:5]]
