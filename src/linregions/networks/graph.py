"""Networks of any connectivity as flat records: tensors by site, steps with terms, taps with shared blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY, PiecewiseLinear

IndexArray = npt.NDArray[np.int64]

# Sites whose products are made together.
_SITES_AT_ONCE = 256
#: The tensor that a term reads where it is the network's input.
INPUT = -1


class Layout(NamedTuple):
    """How the units of a tensor lie: sites with all their channels, as pixels of an image are.

    Unit ``site * n_channels + channel`` has the flat number ``order[unit]`` in the user's own tensor.
    """

    n_sites: int
    n_channels: int
    order: IndexArray  # (units,), a permutation

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.n_sites * self.n_channels


class Term(NamedTuple):
    """A linear map of an earlier tensor, by taps: each adds the channels of an input site, times a block, to a site.

    The taps of output site s are ``taps[offsets[s]:offsets[s + 1]]``.
    """

    source: int  # number of the step whose tensor it reads, or INPUT
    offsets: IndexArray  # (output sites + 1,)
    site: IndexArray  # (taps,) input site
    block: IndexArray  # (taps,) which block
    blocks: FloatArray  # (blocks, input channels, output channels)


@dataclass(frozen=True, eq=False)
class Step:
    """A tensor: an activation of a sum of terms and a bias, in the layout of its own.

    Parameters
    ----------
    terms : tuple of Term
        Of earlier tensors; may be empty, where it is a constant.
    bias : ndarray of float64, shape (units,)
        By unit of the layout.
    layout : Layout
    activation : PiecewiseLinear
        Of all units; the identity where the step only makes a tensor.
    name : str
        Where it stands in the user's network: node or module.
    """

    terms: tuple[Term, ...]
    bias: FloatArray
    layout: Layout
    activation: PiecewiseLinear = IDENTITY
    name: str = ""


class Maxima(NamedTuple):
    """Which switches stand for the comparisons of a maximum, taken in pairs like a tournament.

    ``max(a, b) = a + relu(b - a)``: a unit of a ReLU step compares two entries or two winners. A window is one neuron;
    its piece is the number of its winner among its entries, the lowest where they are equal.
    """

    window: IndexArray  # (comparisons,) number of the window, from 0, each in its rounds' order
    step: IndexArray  # (comparisons,) step that compares
    unit: IndexArray  # (comparisons,) unit of its layout
    left: IndexArray  # (comparisons,) entry e >= 0, or ~k for the winner of the window's own comparison k
    right: IndexArray  # (comparisons,) the same: what is compared with it, and wins where it is larger
    size: IndexArray  # (windows,) number of entries
    after: IndexArray  # (windows,) step whose neurons the windows follow in the numbering
    names: tuple[str, ...] = ()


_NONE = np.zeros(0, dtype=np.int64)
NO_MAXIMA = Maxima(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE)


@dataclass(frozen=True, eq=False)
class Graph:
    """A network as steps in topological order; the last step is its output, with the identity.

    Parameters
    ----------
    n_in : int
        Inputs, flat, in the user's order: the input is one tensor with the layout `input_layout`.
    steps : tuple of Step
    input_layout : Layout
    input_shape, output_shape : tuple of int
        Without the batch axis, as the user's network has them.
    maxima : Maxima
    """

    input_layout: Layout
    steps: tuple[Step, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    maxima: Maxima = NO_MAXIMA

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.input_layout.n_units

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.steps[-1].layout.n_units

    @cached_property
    def last_use(self) -> tuple[int, ...]:
        """For each tensor, the last step that reads it, or itself."""
        last = list(range(len(self.steps)))
        for k, step in enumerate(self.steps):
            for term in step.terms:
                if term.source != INPUT:
                    last[term.source] = k
        return tuple(last)

    def pre_activations(self, points: FloatArray) -> list[FloatArray]:
        """Return the sums of each step before its activation, by unit, each of shape (N, units).

        Points have shape (N, n_in), in the user's order.
        """
        return list(self.run(points))

    def __call__(self, points: FloatArray) -> FloatArray:
        """Evaluate at points of shape (N, n_in): outputs in the user's order, shape (N, n_out)."""
        [last] = deque(self.run(points), maxlen=1)
        result = np.empty((len(points), self.n_out))
        result[:, self.steps[-1].layout.order] = self.steps[-1].activation(last)
        return result

    def run(self, points: FloatArray) -> Iterator[FloatArray]:
        """Yield the sums of each step before its activation, by unit; points are in the user's order."""
        tensors: dict[int, FloatArray] = {INPUT: points[:, self.input_layout.order]}
        for k, step in enumerate(self.steps):
            values = apply_terms(step, tensors, len(points)) + step.bias
            yield values
            if self.last_use[k] > k:
                tensors[k] = step.activation(values)
            for term in step.terms:
                if term.source != INPUT and self.last_use[term.source] == k:
                    tensors.pop(term.source, None)


def apply_terms(step: Step, tensors: dict[int, FloatArray], n: int) -> FloatArray:
    """Return the sum of a step's terms for n rows of the tensors that they read, without the bias."""
    sites, channels = step.layout.n_sites, step.layout.n_channels
    total = np.zeros((sites, n, channels))
    for term in step.terms:
        source = tensors[term.source]
        n_channels = term.blocks.shape[1]
        inputs = np.ascontiguousarray(source.reshape(n, -1, n_channels).transpose(1, 0, 2))
        for out, site, block in _rounds(term):
            total[out] += np.matmul(inputs[site], term.blocks[block] if block.ndim else term.blocks[int(block)])
    return np.ascontiguousarray(total.transpose(1, 0, 2)).reshape(n, sites * channels)


def _rounds(term: Term) -> Sequence[tuple[IndexArray, IndexArray, IndexArray]]:
    """Return the taps in rounds in which no output site comes twice: the first tap of each site, the second, ..."""
    counts = np.diff(term.offsets)
    rounds = []
    for number in range(int(counts.max(initial=0))):
        out = np.flatnonzero(counts > number)
        at = term.offsets[out] + number
        blocks = term.block[at]
        for first in range(0, out.size, _SITES_AT_ONCE):
            part = slice(first, first + _SITES_AT_ONCE)
            one = np.unique(blocks[part])
            rounds.append((out[part], term.site[at][part], one[0] if one.size == 1 else blocks[part]))
    return rounds
