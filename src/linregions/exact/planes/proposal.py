"""What is to be proved of a window: faces as cycles of edges with patterns, without a coordinate."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network

IntArray = npt.NDArray[np.integer]
Words = npt.NDArray[np.uint64]


class Refuted(Exception):
    """A partition is wrong, or cannot be proved; says why in a sentence."""


class Proposal(NamedTuple):
    """A window cut into regions, as somebody claims."""

    edges: IntArray  # (E, 2) first and second vertex
    edge_faces: IntArray  # (E, 2) faces on the left and right, -1 outside
    edge_side: IntArray  # (E,) side of the window that an edge on its border is on, -1 inside
    face_offsets: IntArray  # (F + 1,)
    face_vertices: IntArray  # (C,) counter-clockwise
    face_edges: IntArray  # (C,) from each corner to the next
    words: Words  # (F, words) bits of all switches, those of comparisons that do not matter being 0


class Columns:
    """What is compared with zero at a vertex: switches, entries of maxima against the winner, sides of the window."""

    def __init__(self, network: Network, n_sides: int) -> None:
        numbering = network.numbering
        self.network, self.layout, self.tournament = network, numbering.layout, numbering.tournament
        self.n_switches = numbering.n_switches
        self.first_entry = self.n_switches
        self.first_side = self.first_entry + int(self.tournament.first_leaf[-1])
        self.n = self.first_side + n_sides
        self.n_words = -(-self.n // 64)
        # Comparisons, and what only fills a layout, are no switches of their own.
        self.is_plain = np.ones(self.n_switches, dtype=np.bool_)
        self.is_plain[numbering.comparison_switch] = False
        for k, units, _ in numbering.fillers:
            self.is_plain[self.layout[k].first + units] = False
        self.has_maxima = self.tournament.last.size > 0
        step_of = np.array([layer.own.stop for layer in self.layout] or [0])
        self.step_of_switch = np.searchsorted(step_of, np.arange(self.n_switches), side="right")
        last = self.tournament.last
        compared = numbering.graph.maxima.step
        self.step_of_window = np.where(last >= 0, compared[last] if compared.size else -1, -1)

    @cached_property
    def plain_words(self) -> Words:
        """The words whose bits are plain switches, (words,)."""
        return np.asarray(packed(self.is_plain[None], -(-self.n_switches // 64))[0], dtype=np.uint64)

    def winners(self, words: Words) -> npt.NDArray[np.uint8]:
        """Return the winner of each maximum, (F, W)."""
        bits = unpacked(words, self.n_switches)
        return self.tournament.winners(bits[:, self.network.numbering.comparison_switch])


def unpacked(words: Words, count: int) -> npt.NDArray[np.uint8]:
    """Return bits, (F, count), from words."""
    if not count:
        return np.zeros((words.shape[0], 0), dtype=np.uint8)
    as_bytes = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, bitorder="little", count=count)


def packed(bits: npt.NDArray[np.bool_] | npt.NDArray[np.uint8], n_words: int) -> Words:
    """Return words, (F, n_words), from bits."""
    as_bytes = np.packbits(bits, axis=1, bitorder="little")
    whole = np.zeros((bits.shape[0], 8 * n_words), dtype=np.uint8)
    whole[:, : as_bytes.shape[1]] = as_bytes
    return np.asarray(whole.view("<u8"), dtype=np.uint64)


def has_bit(words: Words, row: IntArray, column: IntArray) -> npt.NDArray[np.bool_]:
    """Tell of some rows of words whether a bit of each is set."""
    found = (words[row, column // 64] >> (column % 64).astype(np.uint64)) & np.uint64(1)
    return np.asarray(found.astype(np.bool_))
