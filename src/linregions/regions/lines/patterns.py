"""Activation patterns along a line, block by block, and the breakpoints where the gradient jumps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from linregions.exact.gradient_proofs import gradients_differ
from linregions.exact.gradients import gradient_boundaries
from linregions.networks.network import Network

PatternArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
#: Pattern of the first region, first switch of each breakpoint, and what switches where: neuron and direction.
Switches = tuple[PatternArray, npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int8]]


def pattern_blocks(
    first: PatternArray,
    offsets: npt.NDArray[np.int64],
    neurons: npt.NDArray[np.int32],
    directions: npt.NDArray[np.int8],
    size: int,
) -> Iterator[tuple[int, PatternArray]]:
    """Yield (first region, patterns of at most `size` regions) from the first to the last; see `Switches`."""
    current, n_regions = first, offsets.size
    for start in range(0, n_regions, size):
        stop = min(start + size, n_regions)
        # Breakpoint k leads into region k + 1. Sums modulo 256 are right, since every pattern is in 0..255.
        block = np.zeros((stop - start, current.size), dtype=np.uint8)
        block[0] = current
        low, high = offsets[max(start - 1, 0)], offsets[stop - 1]
        region = np.repeat(np.arange(max(start, 1), stop), np.diff(offsets[max(start - 1, 0) : stop]))
        np.add.at(block, (region - start, neurons[low:high]), directions[low:high].astype(np.uint8))
        np.cumsum(block, axis=0, dtype=np.uint8, out=block)
        current = block[-1]
        yield start, block


def line_gradient_boundaries(
    network: Network,
    first: PatternArray,
    offsets: npt.NDArray[np.int64],
    neurons: npt.NDArray[np.int32],
    directions: npt.NDArray[np.int8],
    pieces: int = 1 << 20,
) -> npt.NDArray[np.bool_]:
    """Tell for each breakpoint of a line whether the gradient in all inputs jumps there, shape (K,).

    A block of patterns holds about so many pieces of neurons.
    """
    result = np.zeros(offsets.size - 1, dtype=np.bool_)
    size = max(16, pieces // max(1, network.n_neurons))
    before = first[None, :]
    for start, block in pattern_blocks(first, offsets, neurons, directions, size):
        joined = block if start == 0 else np.concatenate([before, block])
        pairs = np.arange(joined.shape[0])
        low = max(start - 1, 0)
        result[low : low + pairs.size - 1] = gradient_boundaries(network, joined, pairs[:-1], pairs[1:])
        before = block[-1:]
    return result


def proved_gradient_boundaries(network: Network, switches: Switches, linear: npt.NDArray[np.bool_]) -> BoolArray:
    """Tell the same without leaving anything to chance, (K,); `linear` says where good neurons switch.

    Elsewhere the gradient stays the same. Residues that differ are a proof, and those that do not are none.
    """
    differs = line_gradient_boundaries(network, *switches)
    (open_places,) = np.nonzero(linear & ~differs)
    if open_places.size:
        ((_, patterns),) = pattern_blocks(*switches, switches[1].size)
        differs[open_places] = gradients_differ(network, patterns, open_places, open_places + 1)
    return differs
