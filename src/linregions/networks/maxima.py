"""The comparisons of maxima as tournaments: winners from bits, bits from winners. Knows neither steps nor neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions.networks.graph import IndexArray, Maxima

Pieces = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Tournament:
    """How the comparisons of windows hang together; C of them, in the order of `Maxima`.

    The *bit* of a comparison is 1 where its right side wins.
    """

    window: IndexArray  # (C,)
    number: IndexArray  # (C,) which one of its window's comparisons
    entry: IndexArray  # (2, C) entry on the left and on the right, 0 where it is a winner
    earlier: IndexArray  # (2, C) the comparison whose winner stands there, -1 where it is an entry
    parent: IndexArray  # (C,) the comparison that the winner goes to, -1 for the last one of a window
    side: Pieces  # (C,) the side on which the winner stands there
    last: IndexArray  # (W,) the comparison whose winner is the window's, -1 where there is one entry
    first_leaf: IndexArray  # (W + 1,) where the entries of each window start in the next two
    leaf: IndexArray  # (entries,) the comparison that the entry goes to, -1 for a single one
    leaf_side: Pieces  # (entries,)
    rounds: tuple[IndexArray, ...]  # comparisons in an order in which they can be made

    @classmethod
    def of(cls, maxima: Maxima) -> Tournament:
        """Describe comparisons that `graph_checks` found sound."""
        n, n_windows = maxima.window.size, maxima.size.size
        counts = maxima.size - 1
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        own = np.argsort(maxima.window, kind="stable")  # window by window
        number = np.empty(n, dtype=np.int64)
        number[own] = np.arange(n) - starts[maxima.window[own]]
        first_leaf = np.concatenate([[0], np.cumsum(maxima.size)]).astype(np.int64)
        parent, side = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.uint8)
        leaf, leaf_side = np.full(first_leaf[-1], -1, dtype=np.int64), np.zeros(first_leaf[-1], dtype=np.uint8)
        entry, earlier = np.zeros((2, n), dtype=np.int64), np.full((2, n), -1, dtype=np.int64)
        for right, operand in enumerate((maxima.left, maxima.right)):
            is_entry = operand >= 0
            entry[right] = np.where(is_entry, operand, 0)
            who = np.flatnonzero(is_entry)
            place = first_leaf[maxima.window[who]] + operand[who]
            leaf[place], leaf_side[place] = who, right
            who = np.flatnonzero(~is_entry)
            earlier[right, who] = own[starts[maxima.window[who]] + ~operand[who]]
            parent[earlier[right, who]], side[earlier[right, who]] = who, right
        depth = np.zeros(n, dtype=np.int64)
        for k in range(int(counts.max(initial=0))):
            who = own[starts[:-1][counts > k] + k]
            before = np.where(earlier[:, who] >= 0, depth[earlier[:, who]], -1)
            depth[who] = before.max(axis=0) + 1
        rounds = tuple(np.flatnonzero(depth == k) for k in range(int(depth.max(initial=-1)) + 1)) if n else ()
        last = np.full(n_windows, -1, dtype=np.int64)
        some = counts > 0
        last[some] = own[starts[1:][some] - 1]
        return cls(maxima.window, number, entry, earlier, parent, side, last, first_leaf, leaf, leaf_side, rounds)

    def winners(self, bits: npt.NDArray[Any]) -> Pieces:
        """Return the winner of each window, shape (F, W), from the bits of all comparisons, shape (F, C)."""
        won = np.empty(bits.shape, dtype=np.uint8)
        for who in self.rounds:
            sides = [
                np.where(self.earlier[right, who] >= 0, won[:, self.earlier[right, who]], self.entry[right, who])
                for right in (0, 1)
            ]
            won[:, who] = np.where(bits[:, who] != 0, sides[1], sides[0])
        if not self.rounds:
            return np.zeros((bits.shape[0], self.last.size), dtype=np.uint8)
        return np.where(self.last >= 0, won[:, self.last], 0).astype(np.uint8)

    def bits(self, winners: Pieces) -> Pieces:
        """Return bits of all comparisons, shape (F, C), with which windows have these winners, shape (F, W).

        Those of comparisons that their window's winner does not take part in do not matter, and are 0.
        """
        bits = np.zeros((winners.shape[0], self.parent.size), dtype=np.uint8)
        place = self.first_leaf[:-1] + winners
        rows = np.broadcast_to(np.arange(winners.shape[0])[:, None], place.shape)
        at, side = self.leaf[place], self.leaf_side[place]
        while (some := at >= 0).any():
            rows, at, side = rows[some], at[some], side[some]
            bits[rows, at] = side
            at, side = self.parent[at], self.side[at]
        return bits

    def above(self, comparison: IndexArray) -> tuple[IndexArray, Pieces]:
        """Return where the winners of some comparisons go, -1 for nowhere, and on which side they stand there."""
        return self.parent[comparison], self.side[comparison]
