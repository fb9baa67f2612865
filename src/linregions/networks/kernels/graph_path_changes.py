"""Where good neurons of a graph switch, from region to region: what a switch does not touch stays. Pure array code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.graph_paths import (
    BoolArray,
    FloatArray,
    GraphPaths,
    IndexArray,
    PatternArray,
    State,
    WordArray,
    settle,
    settle_site,
)


class Reads(NamedTuple):
    """What the sites of a graph read, and how the winner of a window stands in its comparisons."""

    offsets: IndexArray  # (sites + 1,)
    site: IndexArray  # (reads,) the sites that each site reads
    step: IndexArray  # (sites,) of each site
    window: IndexArray  # (neurons,) which window it is, -1 for a unit
    unit: IndexArray  # (comparisons,) of each comparison
    parent: IndexArray  # (comparisons,) where its winner goes, -1 for nowhere
    side: PatternArray  # (comparisons,) and on which side
    first_leaf: IndexArray  # (windows + 1,)
    leaf: IndexArray  # (entries,) comparison that an entry goes to, -1 for a single one
    leaf_side: PatternArray  # (entries,)


class Waiting(NamedTuple):
    """Sites to be settled anew, step by step, and room to tell what that changes."""

    waits: BoolArray  # (sites,)
    listed: IndexArray  # (sites,) those of each step from its first site on
    filled: IndexArray  # (steps,) how many these are
    sent: FloatArray  # (2, most channels) sent before, and its size
    mask: WordArray  # (most words of a site,)


def make_waiting(paths: GraphPaths) -> Waiting:
    """Return room for the sites of a graph."""
    most, n_sites = int(paths.channels.max()), int(paths.first_site[-1])
    return Waiting(
        np.zeros(n_sites, np.bool_),
        np.zeros(n_sites, np.int64),
        np.zeros(paths.channels.size, np.int64),
        np.zeros((2, most)),
        np.zeros((most + 63) // 64, np.uint64),
    )


@compiled(internal=True)
def _wait(paths: GraphPaths, reads: Reads, waiting: Waiting, site: int) -> None:
    """List a site to be settled anew."""
    if not waiting.waits[site]:
        k = reads.step[site]
        waiting.waits[site] = True
        waiting.listed[paths.first_site[k] + waiting.filled[k]] = site
        waiting.filled[k] += 1


@compiled(internal=True)
def _change_piece(
    paths: GraphPaths, reads: Reads, waiting: Waiting, pieces: PatternArray, k: int, u: int, piece: int
) -> None:
    """Set the piece of a unit of step k; its site waits if that matters."""
    if pieces[u] != piece:
        if paths.is_open[k, pieces[u]] != paths.is_open[k, piece]:
            _wait(paths, reads, waiting, paths.first_site[k] + (u - paths.first_unit[k]) // paths.channels[k])
        pieces[u] = np.uint8(piece)


@compiled(internal=True)
def _settle_waiting(paths: GraphPaths, reads: Reads, waiting: Waiting, state: State, pieces: PatternArray) -> None:
    """Settle the sites that wait, from the last step to the first, and those that read something that changes."""
    for k in range(paths.channels.size - 1, -1, -1):
        n_channels = paths.channels[k]
        n_words = (n_channels + 63) // 64
        for i in range(waiting.filled[k]):
            site = waiting.listed[paths.first_site[k] + i]
            waiting.waits[site] = False
            first = paths.first_unit[k] + (site - paths.first_site[k]) * n_channels
            words = paths.first_word[k] + (site - paths.first_site[k]) * n_words
            for c in range(n_channels):
                waiting.sent[0, c], waiting.sent[1, c] = state.sent[first + c], state.size[first + c]
            for w in range(n_words):
                waiting.mask[w] = state.mask[words + w]
            settle_site(paths, state, pieces, k, site)
            same = True
            for c in range(n_channels):
                same &= waiting.sent[0, c] == state.sent[first + c] and waiting.sent[1, c] == state.size[first + c]
            for w in range(n_words):
                same &= waiting.mask[w] == state.mask[words + w]
            if not same:
                for j in range(reads.offsets[site], reads.offsets[site + 1]):
                    _wait(paths, reads, waiting, reads.site[j])
        waiting.filled[k] = 0


@compiled()
def mark_good_switches(
    paths: GraphPaths,
    reads: Reads,
    waiting: Waiting,
    state: State,
    pieces: PatternArray,
    pattern: PatternArray,
    offsets: IndexArray,
    neurons: npt.NDArray[np.int32],
    directions: npt.NDArray[np.int8],
    step_of_unit: npt.NDArray[np.int32],
    out: BoolArray,
) -> None:
    """Tell for each place of a sequence whether a neuron switches there that is good before or after it.

    Parameters
    ----------
    paths, reads, waiting, state
    pieces : (units,)
        Of the first region; are changed along.
    pattern : (neurons,)
        The same of its neurons.
    offsets : (K + 1,)
        First switch of each place.
    neurons, directions : (S,)
        What switches, and whether one piece up or down.
    step_of_unit : (units,)
    out : (K,)
    """
    settle(paths, state, pieces)
    first = offsets[0]
    for place in range(out.size):
        begin, end = offsets[place] - first, offsets[place + 1] - first
        good = False
        for i in range(begin, end):
            good |= paths.unit[neurons[i]] >= 0 and state.good[paths.unit[neurons[i]]]
            pattern[neurons[i]] += np.uint8(directions[i])
        for i in range(begin, end):
            neuron = neurons[i]
            window, u = reads.window[neuron], paths.unit[neuron]
            if window < 0:
                _change_piece(paths, reads, waiting, pieces, step_of_unit[u], u, pattern[neuron])
                continue
            leaf = reads.first_leaf[window] + pattern[neuron]
            at, side = reads.leaf[leaf], reads.leaf_side[leaf]
            while at >= 0:
                u = reads.unit[at]
                _change_piece(paths, reads, waiting, pieces, step_of_unit[u], u, side)
                side, at = reads.side[at], reads.parent[at]
        _settle_waiting(paths, reads, waiting, state, pieces)
        for i in range(begin, end):
            good |= paths.unit[neurons[i]] >= 0 and state.good[paths.unit[neurons[i]]]
        out[place] = good
