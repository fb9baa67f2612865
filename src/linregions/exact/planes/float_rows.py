"""What every unit of a step computes on cells of a plane, in floats with a bound on what rounding did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, U, gamma, norms_above
from linregions.exact.forms import exact_intercepts
from linregions.networks.graph import INPUT, Graph, Step, Term, apply_terms, parts_of
from linregions.networks.numbering import LayerSwitches

#: No bound is below this where there is something to bound, so that none vanishes by underflow.
LEAST = 2.0**-1000
# Nor is a norm, whose squares may vanish.
_LEAST_NORM = 2.0**-480


class _Tensor(NamedTuple):
    """Rows of some cells: ``values[3 f + c]`` are the coefficients of column c; one cell stands for all."""

    values: FloatArray  # (3 F, units)
    error: FloatArray  # (F, 3) bound on the norm, over all units, of the error of a column
    norm: FloatArray  # (F, 3) bound on the norm of a column


class Rows(NamedTuple):
    """The forms ``values[f, j] . (1, s, t)`` of cells, each coefficient off by at most `error`."""

    values: FloatArray  # (F, units, 3)
    error: FloatArray  # (F, units, 3)


class _Sizes(NamedTuple):
    """Of a step: norms of the weights of its units, how many products a sum has, and how often a term reads a site."""

    norms: FloatArray  # (units,)
    products: int
    repeats: tuple[int, ...]


class FloatRows:
    """A graph on a plane."""

    def __init__(self, graph: Graph, layout: tuple[LayerSwitches, ...], rows: FloatArray) -> None:
        self.graph, self.layout = graph, layout
        rows = rows[:, graph.input_layout.order]
        norm = _norms(rows[None])
        self._input = _Tensor(rows, 2 * U * norm, norm)
        self._sizes: dict[int, _Sizes] = {}
        self._needed: dict[int, list[int]] = {}

    def at(self, k: int, bits: npt.NDArray[np.uint8]) -> Rows:
        """Return the forms of step k on cells with the bits of all earlier switches given, (F, switches)."""
        with np.errstate(all="ignore"):
            return self._at(k, bits)

    def _at(self, k: int, bits: npt.NDArray[np.uint8]) -> Rows:
        tensors = {INPUT: self._input}
        needed = self._ancestors(k)
        for number in needed[:-1]:
            rows = self._sums(number, tensors)
            tensors[number] = self._activated(number, rows, bits)
        found = self._sums(k, tensors)
        if found.values.shape[0] == bits.shape[0]:
            return found
        return Rows(*(np.broadcast_to(array, (bits.shape[0], *array.shape[1:])) for array in found))

    def _ancestors(self, k: int) -> list[int]:
        """Return the steps that a step depends on, in order, and itself."""
        if k not in self._needed:
            found = {k}
            for number in range(k, -1, -1):
                if number in found:
                    found |= {term.source for term in self.graph.steps[number].terms if term.source != INPUT}
            self._needed[k] = sorted(found)
        return self._needed[k]

    def _sums(self, k: int, tensors: dict[int, _Tensor]) -> Rows:
        step, sizes = self.graph.steps[k], self._sizes_of(k)
        n_cells = max([tensors[term.source].values.shape[0] // 3 for term in step.terms], default=1)
        read, error, norm = {}, np.zeros((n_cells, 3)), np.zeros((n_cells, 3))
        for term, repeats in zip(step.terms, sizes.repeats, strict=True):
            tensor = tensors[term.source]
            values = tensor.values
            if values.shape[0] != 3 * n_cells:
                values = np.tile(values, (n_cells, 1))
            read[term.source] = values
            error = error + repeats * tensor.error**2
            norm = norm + repeats * tensor.norm**2
        values = apply_terms(step, read, 3 * n_cells).reshape(n_cells, 3, -1)
        values[:, 0] += step.bias
        # Cauchy-Schwarz: a sum of products is off by no more than this times the norm of the weights.
        share = (np.sqrt(error) + gamma(sizes.products + 4) * np.sqrt(norm)) * SLACK
        off = share[:, :, None] * sizes.norms
        off += np.where((share[:, :, None] > 0) & (sizes.norms > 0), LEAST, 0.0)
        off[:, 0] += np.where(step.bias != 0, 4 * U * (np.abs(step.bias) + np.abs(values[:, 0])) + LEAST, 0.0)
        off *= SLACK
        return Rows(values.transpose(0, 2, 1), off.transpose(0, 2, 1))

    def _activated(self, k: int, rows: Rows, bits: npt.NDArray[np.uint8]) -> _Tensor:
        activation = self.graph.steps[k].activation
        values, error = rows
        own = self.layout[k]
        if own.n_breakpoints:
            pieces = bits[:, own.own].reshape(-1, own.n_units, own.n_breakpoints).sum(axis=2, dtype=np.uint8)
        else:
            pieces = np.zeros((1, own.n_units), dtype=np.uint8)
        slopes = np.array(activation.slopes)[pieces][:, :, None]
        values, error = values * slopes, error * np.abs(slopes)
        if not np.isin(activation.slopes, (0.0, 1.0, -1.0)).all():
            error = (error + np.where(values != 0, 2 * U * np.abs(values) + LEAST, 0.0)) * SLACK
        heights = np.array([float(height) for height in exact_intercepts(activation)])[pieces]
        if heights.any():
            values[:, :, 0] += heights
            size = np.abs(heights) + np.abs(values[:, :, 0])
            error[:, :, 0] += np.where(heights != 0, 4 * U * size + LEAST, 0.0)
        columns = np.ascontiguousarray(values.transpose(0, 2, 1))
        return _Tensor(columns.reshape(-1, values.shape[1]), _norms(error.transpose(0, 2, 1)), _norms(columns))

    def _sizes_of(self, k: int) -> _Sizes:
        if k not in self._sizes:
            self._sizes[k] = _sizes(self.graph.steps[k])
        return self._sizes[k]


def _norms(columns: FloatArray) -> FloatArray:
    """Return bounds on norms along the last axis; zero where all is."""
    found = np.sqrt(np.square(columns).sum(axis=-1)) * (1.0 + gamma(columns.shape[-1] + 4))
    return np.where(columns.any(axis=-1), found + _LEAST_NORM, 0.0)


def _sizes(step: Step) -> _Sizes:
    sites, channels = step.layout.n_sites, step.layout.n_channels
    largest = max([float(np.abs(term.blocks).max(initial=0.0)) for term in step.terms], default=0.0)
    scale = float(np.ldexp(1.0, int(np.frexp(largest)[1]))) if np.isfinite(largest) and largest else 1.0
    squares, products, nonzero = np.zeros((sites, channels)), np.zeros(sites), np.zeros((sites, channels), dtype=bool)
    for term, parts in zip(step.terms, parts_of(step), strict=True):
        for part in parts:
            weight = term.blocks[part.block].reshape(-1, channels)
            with np.errstate(all="ignore"):
                squares[part.out] += norms_above(weight / scale, axis=0) ** 2
            products[part.out] += weight.shape[0] + 1
            nonzero[part.out] |= weight.any(axis=0)
    with np.errstate(all="ignore"):
        norms = np.sqrt(squares) * scale * SLACK * (1.0 + gamma(len(step.terms) + 8))
    norms = np.where(nonzero, norms + LEAST, 0.0)
    return _Sizes(norms.reshape(-1), int(products.max(initial=0)), tuple(_repeats(term) for term in step.terms))


def _repeats(term: Term) -> int:
    """Return how often one output site reads the same input site at most."""
    out = np.repeat(np.arange(term.offsets.size - 1), np.diff(term.offsets))
    if not out.size:
        return 1
    _, counts = np.unique(np.stack([out, term.site], axis=1), axis=0, return_counts=True)
    return int(counts.max())
