"""Which neurons of a graph are good: whether open paths lead from them to an output. Pure array code.

Units are numbered through all steps, and so are sites. What a unit is to its readers goes backwards, step by step. Most
steps need only bits: a unit is good as soon as one good and open reader has a weight for it. Where maxima compare, bits
are not enough: ``a + relu(b - a)`` has a path to `a` although it is `b`, which only the sum of weights tells. There
units send random numbers in place of bits, comparisons hand them on, and what cancels is not good. So what stands
beside a comparison in a sum must read the same tensors as the comparison, as importers have it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
PatternArray = npt.NDArray[np.uint8]
WordArray = npt.NDArray[np.uint64]

# A sum this small beside its terms is rounding: the same number as for gradients.
_ROUNDING = 2.0**-42


class GraphPaths(NamedTuple):
    """Taps from the side of what is read, with the weights and where these are not zero."""

    channels: IndexArray  # (K,) of each step
    first_unit: IndexArray  # (K + 1,)
    first_site: IndexArray  # (K + 1,)
    first_word: IndexArray  # (K + 1,) words with a bit for each unit, whole ones for each site
    compares: BoolArray  # (K,) whether it compares entries of maxima
    takes_bits: BoolArray  # (K,) whether bits are enough: neither it nor a reader compares
    is_open: BoolArray  # (K, most pieces)
    offsets: IndexArray  # (sites + 1,) taps that read each site
    reader: IndexArray  # (taps,) step
    site: IndexArray  # (taps,) which of its sites
    row: IndexArray  # (taps,) first of its input channels in `entries`
    link: IndexArray  # (taps,) first of its words, (input channels, words of the reader's site)
    entries: IndexArray  # where the weights of each input channel of each block start
    channel: npt.NDArray[np.int32]  # (weights,) output channel
    weights: FloatArray  # (weights,) those that are not zero, of blocks that sums are taken of
    links: WordArray
    own: FloatArray  # (units,) what each sends: random numbers from 1 to 2
    unit: IndexArray  # (neurons,) unit that stands for each neuron, -1 for none


class State(NamedTuple):
    """What the units of a graph are to their readers in a region."""

    good: BoolArray  # (units,)
    sent: FloatArray  # (units,) what each sends to what it reads, where bits are not enough
    size: FloatArray  # (units,) and the size of the terms in that
    mask: WordArray  # (words,) which are good and open


def make_state(paths: GraphPaths) -> State:
    """Return the state of no region."""
    n_units = paths.own.size
    return State(
        np.zeros(n_units, np.bool_), np.zeros(n_units), np.zeros(n_units), np.zeros(paths.first_word[-1], np.uint64)
    )


@compiled(internal=True)
def _gather_bits(paths: GraphPaths, state: State, k: int, site: int) -> None:
    """Tell which units of a site have a reader that is good and open."""
    n_channels, good, mask = paths.channels[k], state.good, state.mask
    first = paths.first_unit[k] + (site - paths.first_site[k]) * n_channels
    left = n_channels
    for c in range(n_channels):
        good[first + c] = False
    for tap in range(paths.offsets[site], paths.offsets[site + 1]):
        reader = paths.reader[tap]
        n_words = (paths.channels[reader] + 63) // 64
        words = paths.first_word[reader] + paths.site[tap] * n_words
        for c in range(n_channels):
            if not good[first + c]:
                link = paths.link[tap] + c * n_words
                for w in range(n_words):
                    if paths.links[link + w] & mask[words + w]:
                        good[first + c] = True
                        left -= 1
                        break
        if left == 0:
            break


@compiled(internal=True)
def _gather_sums(paths: GraphPaths, state: State, k: int, site: int) -> None:
    """Sum what the readers of a site send into `sent`, and sizes of the terms into `size`."""
    n_channels, good, sent, size = paths.channels[k], state.good, state.sent, state.size
    first = paths.first_unit[k] + (site - paths.first_site[k]) * n_channels
    for c in range(n_channels):
        sent[first + c] = 0.0
        size[first + c] = 0.0
    for tap in range(paths.offsets[site], paths.offsets[site + 1]):
        reader, row = paths.reader[tap], paths.row[tap]
        begin = paths.first_unit[reader] + paths.site[tap] * paths.channels[reader]
        for c in range(n_channels):
            for i in range(paths.entries[row + c], paths.entries[row + c + 1]):
                u = begin + paths.channel[i]
                sent[first + c] += paths.weights[i] * sent[u]
                size[first + c] += abs(paths.weights[i]) * size[u]
    for c in range(n_channels):
        good[first + c] = abs(sent[first + c]) > _ROUNDING * size[first + c]


@compiled(internal=True)
def settle_site(paths: GraphPaths, state: State, pieces: PatternArray, k: int, site: int) -> None:
    """Find what the units of a site of step k are, once their readers are known, and what they send."""
    good, sent, size, mask = state
    n_channels, compares = paths.channels[k], paths.compares[k]
    n_words = (n_channels + 63) // 64
    if k + 1 < paths.channels.size:
        if paths.takes_bits[k]:
            _gather_bits(paths, state, k, site)
        else:
            _gather_sums(paths, state, k, site)
    first = paths.first_unit[k] + (site - paths.first_site[k]) * n_channels
    words = paths.first_word[k] + (site - paths.first_site[k]) * n_words
    for w in range(n_words):
        mask[words + w] = 0
    for c in range(n_channels):
        u = first + c
        if not (good[u] and paths.is_open[k, pieces[u]]):
            sent[u] = 0.0
            size[u] = 0.0
            continue
        mask[words + c // 64] |= np.uint64(1) << np.uint64(c % 64)
        if not compares:
            sent[u] = paths.own[u]
            size[u] = paths.own[u]


@compiled(internal=True)
def settle(paths: GraphPaths, state: State, pieces: PatternArray) -> None:
    """Find what all units are in a region, with the pieces of all, (units,)."""
    n_steps = paths.channels.size
    for u in range(paths.first_unit[n_steps - 1], paths.own.size):
        state.good[u] = True
    for k in range(n_steps - 1, -1, -1):
        for site in range(paths.first_site[k], paths.first_site[k + 1]):
            settle_site(paths, state, pieces, k, site)


@compiled()
def mark_good_neurons(paths: GraphPaths, state: State, pieces: PatternArray, out: BoolArray) -> None:
    """Tell for each region, with the pieces of all units, (R, units), which neurons are good, (R, neurons)."""
    for r in range(pieces.shape[0]):
        settle(paths, state, pieces[r])
        for j in range(paths.unit.size):
            out[r, j] = paths.unit[j] >= 0 and state.good[paths.unit[j]]
