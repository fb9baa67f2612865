"""Partitions of lines, rays, segments and polygonal paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.saved_arrays import switches_of
from linregions._support.shown import Told, doubts
from linregions._support.validation import FloatArray
from linregions.domains.windows import Line, LineDomain, Path, Ray, Segment, lengths_of
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons
from linregions.regions.files import read_result, unpack_line, write_result
from linregions.regions.lines.patterns import (
    Switches,
    line_gradient_boundaries,
    pattern_blocks,
    proved_gradient_boundaries,
)
from linregions.regions.lines.queries import LineQueries
from linregions.regions.outputs import maps_along, piece_slopes

_FORMAT = "linregions-line-1"
_ARRAYS = (
    "breakpoints",
    "is_linear_boundary",
    "first_pattern",
    "switch_offsets",
    "switch_neurons",
    "switch_breakpoints",
    "switch_directions",
)
# How many numbers a temporary array may hold when slopes are propagated.
_BLOCK_NUMBERS = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class LinePartition(Told, LineQueries):
    """The linear regions of a network along a line, ray, segment or path, in order of the parameter t.

    Made by `partition`. Region k lies between breakpoints k - 1 and k.

    Parameters
    ----------
    domain : Segment, Ray, Line or Path
    network : Network
    breakpoints : ndarray of float64, shape (K,)
        Parameters t where the activation pattern changes, strictly increasing (of a certified partition two are the
        same float where no float parts them).
    is_linear_boundary : ndarray of bool, shape (K,)
        Whether a *good* neuron switches there, so that linear regions meet.
    first_pattern : ndarray of uint8, shape (n_neurons,)
        Activation pattern of the first region.
    switch_offsets : ndarray of int64, shape (K + 1,)
        At breakpoint k happen the switches ``switch_offsets[k]`` to ``switch_offsets[k + 1] - 1``.
    switch_neurons, switch_breakpoints : ndarray of int32, shape (S,)
        Which neuron switches (flat number, see `Network.locate_neuron`) and at which breakpoint of its activation.
    switch_directions : ndarray of int8, shape (S,)
        1 where its pre-activation rises above the breakpoint as t grows, -1 where it ceases to be above.
    diagnostics : dict
        ``snapped_signs``: pre-activations within the band of a breakpoint that were taken as on it;
        ``merged_ties``: cuts that could not be told from their neighbour and were made one point with it;
        ``smallest_margin``: the closest decision that was not taken as zero or equal, in multiples of its band
        (above 1024 a lower bound of it; inf if there was none);
        ``undecided``: decisions that rounding may have changed, whichever way they were taken. Where it is 0, double
        precision decided everything;
        ``certify_advised``: whether there are such decisions, or one within 128 bands, so that `certify=True` would
        have had something to settle.
        Of a certified partition instead ``certified``: True, every sign and order being proved; ``exact_decisions``:
        how many of them were left to integer arithmetic, and ``mended_decisions``: for how many of these floats gave
        another answer; ``undecided``: 0.

    Notes
    -----
    A neuron that is on a breakpoint throughout an interval counts as not above it there. The two ends of a closed
    path are not joined: its first and last region count as two, even where they are pieces of one.

    At most points one neuron switches. Where several do (`switch_offsets` lists all), `neurons` and
    `breakpoint_indices` name the first of them: lowest layer, then lowest number.
    """

    domain: LineDomain
    network: Network
    breakpoints: FloatArray
    is_linear_boundary: npt.NDArray[np.bool_]
    first_pattern: npt.NDArray[np.uint8]
    switch_offsets: npt.NDArray[np.int64]
    switch_neurons: npt.NDArray[np.int32]
    switch_breakpoints: npt.NDArray[np.int32]
    switch_directions: npt.NDArray[np.int8]
    diagnostics: dict[str, Any]

    @property
    def n_regions(self) -> int:
        """Number of activation regions: maximal open intervals of constant pattern."""
        return self.breakpoints.size + 1

    @cached_property
    def n_linear_regions(self) -> int:
        """Number of linear regions: activation regions joined where no good neuron switches (Proposition 9)."""
        return int(np.count_nonzero(self.is_linear_boundary)) + 1

    @cached_property
    def is_gradient_boundary(self) -> npt.NDArray[np.bool_]:
        """Whether the gradient, in all inputs, jumps at each breakpoint (eq. 4), shape (K,).

        Never where `is_linear_boundary` is False. Where only that is True, good neurons cancel exactly. The slope along
        the line may stay the same where the gradient jumps: where several neurons switch at once, it can do so
        across the line only.
        """
        if self.diagnostics.get("certified"):
            return _read_only(proved_gradient_boundaries(self.network, self._switches(), self.is_linear_boundary))
        return _read_only(line_gradient_boundaries(self.network, *self._switches()))

    @cached_property
    def n_gradient_regions(self) -> int:
        """Number of gradient regions: pieces of the complement of the paper's B_N (eq. 4), where the gradient jumps."""
        return int(np.count_nonzero(self.is_gradient_boundary)) + 1

    @cached_property
    def neurons(self) -> npt.NDArray[np.int32]:
        """Flat number of the neuron that switches at each breakpoint, shape (K,)."""
        return self.switch_neurons[self.switch_offsets[:-1]]

    @cached_property
    def breakpoint_indices(self) -> npt.NDArray[np.int32]:
        """Which breakpoint of its activation that neuron is on, from 0, shape (K,)."""
        return self.switch_breakpoints[self.switch_offsets[:-1]]

    @cached_property
    def patterns(self) -> npt.NDArray[np.uint8]:
        """Activation pattern of each region, shape (n_regions, n_neurons); see `Network.patterns`."""
        ((_, block),) = self._pattern_blocks(self.n_regions)
        return _read_only(block)

    def _pattern_blocks(self, size: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """Yield (first region, patterns of at most `size` regions) from the first to the last."""
        return pattern_blocks(*self._switches(), size)

    def _switches(self) -> Switches:
        return self.first_pattern, self.switch_offsets, self.switch_neurons, self.switch_directions

    @cached_property
    def intervals(self) -> FloatArray:
        """Parameters t where each region begins and ends, infinite where it does not; shape (n_regions, 2)."""
        low, high = _ends(self.domain)
        return np.stack([np.append(low, self.breakpoints), np.append(self.breakpoints, high)], axis=1)

    @cached_property
    def lengths(self) -> FloatArray:
        """Euclidean length of each region, in units of the input space, inf where unbounded; shape (n_regions,)."""
        intervals = self.intervals
        if not isinstance(self.domain, Path):
            direction = self.domain.b - self.domain.a if isinstance(self.domain, Segment) else self.domain.direction
            return np.asarray((intervals[:, 1] - intervals[:, 0]) * lengths_of(direction))
        legs = lengths_of(np.diff(self.domain.points, axis=0))
        before = np.concatenate([[0.0], np.cumsum(legs)])
        low = np.minimum(np.floor(intervals[:, 0]).astype(np.intp), legs.size - 1)
        high = np.clip(np.ceil(intervals[:, 1]).astype(np.intp) - 1, low, None)
        whole = before[high] - before[np.minimum(low + 1, high)]
        parts = (low + 1 - intervals[:, 0]) * legs[low] + whole + (intervals[:, 1] - high) * legs[high]
        return np.asarray(np.where(low == high, (intervals[:, 1] - intervals[:, 0]) * legs[low], parts))

    @cached_property
    def slopes(self) -> FloatArray:
        """Change of every output per unit of t in each region, shape (n_regions, n_out).

        Propagated through the open neurons, not taken from differences. NaN where a region of a path goes round a
        corner, since there it has no single slope.
        """
        out = np.empty((self.n_regions, self.network.n_out))
        intervals, is_chain = self.intervals, self.network.is_chain
        if isinstance(self.domain, Path):
            directions = np.diff(self.domain.points, axis=0)
            leg = np.minimum(np.floor(intervals[:, 0]).astype(np.intp), directions.shape[0] - 1)
        else:
            direction = self.domain.b - self.domain.a if isinstance(self.domain, Segment) else self.domain.direction
            directions = direction[None, :]
            leg = np.zeros(self.n_regions, dtype=np.intp)
        widest = max(self.network.widths[1:]) if is_chain else max(self.network.n_neurons, 2 * self.network.n_in)
        if is_chain:
            directions = self.network.layers[0].linear(directions)
        for start, patterns in self._pattern_blocks(max(1, _BLOCK_NUMBERS // widest)):
            if not is_chain:
                rows = np.zeros((patterns.shape[0], 2, self.network.n_in))
                rows[:, 0] = directions[leg[start : start + patterns.shape[0]]]
                out[start : start + patterns.shape[0]] = maps_along(self.network, rows, patterns)[:, :, 0]
                continue
            change = directions[leg[start : start + patterns.shape[0]]]
            for k, layer in enumerate(self.network.layers[1:]):
                change = layer.linear(change * piece_slopes(self.network, k, patterns))
            out[start : start + patterns.shape[0]] = change
        if isinstance(self.domain, Path):
            out[intervals[:, 1] > leg + 1] = np.nan
        return out

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the outputs along the line; see `linregions.plotting.plot_line` for the options.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_line

        return plot_line(self, ax=ax, **options)

    def explore(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Make one self-contained page to pan, zoom and hover over the graph.

        Parameters
        ----------
        path : str or path-like, optional
            Where to write it, e.g. ``"regions.html"``. Without it a notebook shows the page.
        **options
            See `linregions.plotting.explore`.

        Returns
        -------
        linregions.plotting.Explorer

        Raises
        ------
        MissingDependencyError
            If jinja2 is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting.explorer import explore

        return explore(self, path, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the partition with its domain and network as an NPZ file (no pickle), whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Usually ending in ``.npz``; missing folders are made.

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        write_result(path, _FORMAT, self, self.domain, _ARRAYS)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LinePartition:
        """Read a partition written by `save`.

        Raises
        ------
        InvalidValueError
            If there is no such file.
        FileFormatError
            If the file is truncated, pickled or holds no partition of a line.
        """
        saved, network, domain = read_result(path, _FORMAT, "LinePartition", "partition of a line", unpack_line)
        found = switches_of(saved, breakpoints_of_neurons(network), _ends(domain))
        arrays = {name: _read_only(array) for name, array in found.items()}
        return cls(domain, network, diagnostics=saved.mapping("diagnostics"), **arrays)

    def _facts(self) -> dict[str, Any]:
        return {
            "domain": type(self.domain).__name__,
            "activation regions": self.n_regions,
            "linear regions": self.n_linear_regions,
            "network": repr(self.network),
            **doubts(self.diagnostics),
        }

    def __repr__(self) -> str:
        return (
            f"LinePartition({type(self.domain).__name__}, {self.n_regions} activation regions, "
            f"{self.n_linear_regions} linear regions)"
        )


def _ends(domain: LineDomain) -> tuple[float, float]:
    if isinstance(domain, Ray):
        return -np.inf if isinstance(domain, Line) else 0.0, np.inf
    return 0.0, float(domain.points.shape[0] - 1) if isinstance(domain, Path) else 1.0


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array
