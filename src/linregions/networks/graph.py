"""Networks of any connectivity as flat records: tensors by site, steps with terms, taps with shared blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import IDENTITY, PiecewiseLinear

IndexArray = npt.NDArray[np.int64]

# How many numbers are gathered for one product.
_PRODUCT_NUMBERS = 1 << 18
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
    names: tuple[str, ...] = ()  # of the windows after each step that some follow, in order


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
        return (sums for sums, _ in self.run_sized(points, {}))

    def run_sized(
        self, points: FloatArray, absolute: Mapping[int, Step]
    ) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        """Yield the same, and for the steps given, with absolute weights, the sums of the sizes of their terms."""
        tensors: dict[int, FloatArray] = {INPUT: points[:, self.input_layout.order]}
        for k, step in enumerate(self.steps):
            values, sizes = apply_terms(step, tensors, len(points)) + step.bias, None
            if k in absolute:
                read = {term.source: np.abs(tensors[term.source]) for term in step.terms}
                sizes = apply_terms(absolute[k], read, len(points)) + np.abs(step.bias)
            yield values, sizes
            if self.last_use[k] > k:
                tensors[k] = step.activation(values)
            for term in step.terms:
                if term.source != INPUT and self.last_use[term.source] == k:
                    tensors.pop(term.source, None)


def with_absolute_weights(step: Step) -> Step:
    """Return a step with absolute weights."""
    return Step(tuple(term._replace(blocks=np.abs(term.blocks)) for term in step.terms), step.bias, step.layout)


def apply_terms(
    step: Step, tensors: Mapping[int, FloatArray], n: int, only: Container[int] | None = None
) -> FloatArray:
    """Return the sum of a step's terms for n rows of the tensors that they read, without the bias.

    With `only`, terms that read other tensors are left out.
    """
    sites, channels = step.layout.n_sites, step.layout.n_channels
    total = np.zeros((n, sites, channels))
    for term, parts in zip(step.terms, parts_of(step), strict=True):
        if only is not None and term.source not in only:
            continue
        source = tensors[term.source].reshape(n, -1, term.blocks.shape[1])
        for part in parts:
            depth = part.site.shape[1] * source.shape[2]
            # One product for all sites with the same blocks: a convolution as one of matrices.
            weight = term.blocks[part.block].reshape(depth, channels)
            size = max(1, _PRODUCT_NUMBERS // (depth * n))
            for first in range(0, part.out.size, size):
                chunk = slice(first, first + size)
                rows = source[:, part.site[chunk]].reshape(-1, depth)
                total[:, part.out[chunk]] += (rows @ weight).reshape(n, -1, channels)
    return total.reshape(n, sites * channels)


class Part(NamedTuple):
    """Output sites with the same blocks, T taps each."""

    out: IndexArray  # (S,)
    site: IndexArray  # (S, T)
    block: IndexArray  # (T,)


_known_parts: WeakKeyDictionary[Step, list[list[Part]]] = WeakKeyDictionary()


def parts_of(step: Step) -> list[list[Part]]:
    """Return the parts of each term of a step, found once."""
    found = _known_parts.get(step)
    if found is None:
        found = _known_parts[step] = [_parts(term) for term in step.terms]
    return found


def _parts(term: Term) -> list[Part]:
    counts = np.diff(term.offsets)
    parts = []
    for count in np.unique(counts[counts > 0]).tolist():
        out = np.flatnonzero(counts == count)
        taps = term.offsets[out][:, None] + np.arange(count)
        blocks, which = np.unique(term.block[taps], axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        ends = np.cumsum(np.bincount(which.ravel(), minlength=len(blocks)))
        for block, own in zip(blocks, np.split(order, ends[:-1]), strict=True):
            parts.append(Part(out[own], term.site[taps[own]], block))
    return parts
