"""Which neurons are good, and where open paths of a network can lead, described for the kernels once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import INPUT
from linregions.networks.network import Network
from linregions.networks.numbering import NONE, Numbering

if TYPE_CHECKING:
    from linregions.networks.kernels.graph_path_changes import Reads
    from linregions.networks.kernels.graph_paths import GraphPaths
    from linregions.networks.kernels.open_paths import Paths

BoolArray = npt.NDArray[np.bool_]
# How many pieces of units a block of regions may hold.
_BLOCK_NUMBERS = 1 << 24


@lru_cache(maxsize=1)
def paths_of(network: Network) -> Paths:
    """Return the paths of a chain, which never changes; those of the last one asked for are kept.

    Reading all weights takes longer than a batch of regions, and every batch asks.
    """
    from linregions.networks.kernels.open_paths import make_paths

    return make_paths([layer.weight for layer in network.layers], [each.slopes for each in network.activations])


def good_neurons(network: Network, patterns: npt.NDArray[np.uint8]) -> BoolArray:
    """Return for each region and each neuron of any network whether it is good there, shape (R, n_neurons).

    A neuron is good where a path of open units leads from it to an output; units of steps without a breakpoint are
    open. In a graph a path goes through a window of a maximum from its winner only. A window of one entry is not good,
    since it never switches.

    Parameters
    ----------
    network : Network
    patterns : (R, n_neurons) uint8
    """
    if network.is_chain:
        from linregions.networks.kernels import open_paths

        return open_paths.good_neurons(paths_of(network), patterns)
    from linregions.networks.kernels.graph_paths import make_state, mark_good_neurons

    paths, numbering = _graph_paths_of(network), network.numbering
    state = make_state(paths)
    out = np.zeros(patterns.shape, dtype=np.bool_)
    size = max(1, _BLOCK_NUMBERS // max(1, paths.own.size))
    for begin in range(0, patterns.shape[0], size):
        block = slice(begin, begin + size)
        pieces = np.ascontiguousarray(np.concatenate(numbering.pieces(patterns[block]), axis=1))
        mark_good_neurons(paths, state, pieces, out[block])
    return out


def good_changes(
    network: Network, patterns: npt.NDArray[np.uint8], left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> BoolArray:
    """Tell for each pair of neighbouring regions whether a neuron differs that is good in one of them, shape (E,).

    Parameters
    ----------
    network : Network
    patterns : (R, n_neurons) uint8
    left, right : (E,) rows of `patterns`
    """
    good = good_neurons(network, patterns)
    result = np.empty(left.shape[0], dtype=np.bool_)
    size = max(1, _BLOCK_NUMBERS // max(1, patterns.shape[1]))
    for begin in range(0, left.shape[0], size):
        one, other = left[begin : begin + size], right[begin : begin + size]
        changes = patterns[one] != patterns[other]
        result[begin : begin + size] = (changes & (good[one] | good[other])).any(axis=1)
    return result


def good_switches(
    network: Network,
    first: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    neurons: npt.NDArray[np.int32],
    directions: npt.NDArray[np.int8],
) -> BoolArray:
    """Tell for each place along a line through a graph whether a neuron switches there that is good on a side of it.

    Parameters
    ----------
    network : Network
        No chain.
    first : (n_neurons,) uint8
        Pattern of the first region.
    offsets : (K + 1,)
        First switch of each place.
    neurons, directions : (S,)
        What switches, and whether one piece up or down.
    """
    from linregions.networks.kernels.graph_path_changes import make_waiting, mark_good_switches
    from linregions.networks.kernels.graph_paths import make_state

    paths = _graph_paths_of(network)
    pieces = np.concatenate(network.numbering.pieces(first[None]), axis=1)[0]
    out = np.zeros(offsets.size - 1, dtype=np.bool_)
    step = np.repeat(np.arange(paths.channels.size, dtype=np.int32), np.diff(paths.first_unit))
    mark_good_switches(
        paths,
        _reads_of(network),
        make_waiting(paths),
        make_state(paths),
        pieces.copy(),
        first.copy(),
        offsets,
        neurons.copy(),
        directions.copy(),
        step,
        out,
    )
    return out


@lru_cache(maxsize=1)
def _reads_of(network: Network) -> Reads:
    """Return what the sites of a graph read; those of the last one asked for are kept."""
    from linregions.networks.kernels.graph_path_changes import Reads

    paths, numbering = _graph_paths_of(network), network.numbering
    read = np.repeat(np.arange(paths.offsets.size - 1), np.diff(paths.offsets))
    reader = paths.first_site[paths.reader] + paths.site
    order = np.argsort(reader, kind="stable")
    window = np.full(numbering.n_neurons, NONE, dtype=np.int64)
    window[numbering.window_neuron] = np.arange(numbering.window_neuron.size)
    tournament, maxima = numbering.tournament, numbering.graph.maxima
    tables = (
        _starts(np.bincount(reader, minlength=int(paths.first_site[-1]))),
        read[order],
        np.repeat(np.arange(paths.channels.size), np.diff(paths.first_site)),
        window,
        paths.first_unit[maxima.step] + maxima.unit,
        tournament.parent,
        tournament.side,
        tournament.first_leaf,
        tournament.leaf,
        tournament.leaf_side,
    )
    return Reads(*[np.array(table) for table in tables])


@lru_cache(maxsize=1)
def _graph_paths_of(network: Network) -> GraphPaths:
    """Return the paths of a graph; those of the last one asked for are kept."""
    from linregions.networks.kernels.graph_paths import GraphPaths

    graph, numbering = network.graph, network.numbering
    steps, n_steps = graph.steps, len(graph.steps)
    channels = np.array([step.layout.n_channels for step in steps], dtype=np.int64)
    sites = np.array([step.layout.n_sites for step in steps], dtype=np.int64)
    n_words = (channels + 63) // 64
    first_site, first_unit, first_word = (_starts(n) for n in (sites, sites * channels, sites * n_words))
    compares = np.zeros(n_steps, dtype=np.bool_)
    compares[list(numbering.comparing)] = True
    takes_bits = ~compares
    is_open = np.zeros((n_steps, max(step.activation.n_breakpoints for step in steps) + 1), dtype=np.bool_)
    for k, step in enumerate(steps):
        is_open[k, : len(step.activation.slopes)] = np.asarray(step.activation.slopes) != 0
        for term in step.terms:
            if compares[k] and term.source != INPUT:
                takes_bits[term.source] = False
    rows, links = _Rows(), [np.zeros(0, dtype=np.uint64)]
    n_links = 0
    taps: list[tuple[npt.NDArray[np.int64], ...]] = [(np.zeros(0, dtype=np.int64),) * 5]
    for k, step in enumerate(steps):
        for term in step.terms:
            if term.source == INPUT:
                continue
            n_blocks, n_inputs = term.blocks.shape[:2]
            site = np.repeat(np.arange(sites[k]), np.diff(term.offsets))
            row = term.block * 0 if takes_bits[term.source] else rows.add(term.blocks) + term.block * n_inputs
            link = n_links + term.block * (n_inputs * n_words[k])
            taps.append((first_site[term.source] + term.site, np.full(site.size, k), site, row, link))
            bits = np.zeros((n_blocks, n_inputs, 8 * int(n_words[k])), dtype=np.uint8)
            packed = np.packbits(term.blocks != 0, axis=2, bitorder="little")
            bits[:, :, : packed.shape[2]] = packed
            links.append(bits.view("<u8").astype(np.uint64).ravel())
            n_links += links[-1].size
    read, *columns = (np.concatenate(column) for column in zip(*taps, strict=True))
    order = np.argsort(read, kind="stable")
    reader, site, row, link = (column[order] for column in columns)
    return GraphPaths(
        channels=channels,
        first_unit=first_unit,
        first_site=first_site,
        first_word=first_word,
        compares=compares,
        takes_bits=takes_bits,
        is_open=is_open,
        offsets=_starts(np.bincount(read, minlength=int(first_site[-1]))),
        reader=reader,
        site=site,
        row=row,
        link=link,
        entries=_starts(np.concatenate(rows.counts)),
        channel=np.concatenate(rows.channels),
        weights=np.concatenate(rows.weights),
        links=np.concatenate(links),
        own=np.random.default_rng(0).uniform(1.0, 2.0, int(first_unit[-1])),
        unit=_units_of_neurons(numbering, first_unit),
    )


class _Rows:
    """Weights that are not zero, of one input channel after the other of blocks."""

    def __init__(self) -> None:
        self.counts = [np.zeros(0, dtype=np.int64)]
        self.channels, self.weights = [np.zeros(0, dtype=np.int32)], [np.zeros(0)]
        self._n_rows = 0

    def add(self, blocks: FloatArray) -> int:
        """Add blocks; return the number of their first row."""
        first = self._n_rows
        flat = blocks.reshape(-1, blocks.shape[2])
        row, channel = np.nonzero(flat)
        self.counts.append(np.bincount(row, minlength=flat.shape[0]))
        self.channels.append(channel.astype(np.int32))
        self.weights.append(flat[row, channel])
        self._n_rows += flat.shape[0]
        return first


def _units_of_neurons(numbering: Numbering, first_unit: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the unit that stands for each neuron: of a window its last comparison."""
    unit = np.full(numbering.n_neurons, NONE, dtype=np.int64)
    for group in numbering.groups:
        if group.step != NONE:
            own = numbering.unit_neuron[group.step]
            unit[own] = first_unit[group.step] + np.arange(group.size)
    maxima, last = numbering.graph.maxima, numbering.tournament.last
    some = np.flatnonzero(last >= 0)
    unit[numbering.window_neuron[some]] = first_unit[maxima.step[last[some]]] + maxima.unit[last[some]]
    return unit


def _starts(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
