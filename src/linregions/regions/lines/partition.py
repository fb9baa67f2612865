"""Partitions of lines, rays, segments and polygonal paths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief, read_npz, write_npz
from linregions._support.saved_arrays import SavedArrays, switches_of
from linregions._support.validation import FloatArray
from linregions.domains.windows import Line, LineDomain, Path, Ray, Segment, lengths_of
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.network import Network, network_from_arrays, network_to_arrays
from linregions.networks.switches import breakpoints_of_neurons
from linregions.regions.lines.patterns import Switches, line_gradient_boundaries, pattern_blocks
from linregions.regions.lines.queries import LineQueries
from linregions.regions.tolerances import DEFAULT_TOLERANCES, Tolerances

if TYPE_CHECKING:
    from linregions.regions.lines.engine import Chunk
    from linregions.regions.lines.plan import Plan

_FORMAT = "linregions-line-1"
_PARAMETERS: dict[str, tuple[type[Segment] | type[Ray] | type[Path], tuple[str, ...]]] = {
    "Segment": (Segment, ("a", "b")),
    "Ray": (Ray, ("origin", "direction")),
    "Line": (Line, ("origin", "direction")),
    "Path": (Path, ("points",)),
}
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
class LinePartition(LineQueries):
    """The linear regions of a network along a line, ray, segment or path, in order of the parameter t.

    Made by `partition`. Region k lies between breakpoints k - 1 and k.

    Parameters
    ----------
    domain : Segment, Ray, Line or Path
    network : Network
    breakpoints : ndarray of float64, shape (K,)
        Parameters t where the activation pattern changes, strictly increasing.
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
        precision decided everything.

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
        intervals = self.intervals
        if isinstance(self.domain, Path):
            directions = self.network.layers[0].linear(np.diff(self.domain.points, axis=0))
            leg = np.minimum(np.floor(intervals[:, 0]).astype(np.intp), directions.shape[0] - 1)
        else:
            direction = self.domain.b - self.domain.a if isinstance(self.domain, Segment) else self.domain.direction
            directions = self.network.layers[0].linear(direction[None, :])
            leg = np.zeros(self.n_regions, dtype=np.intp)
        for start, patterns in self._pattern_blocks(max(1, _BLOCK_NUMBERS // max(self.network.widths[1:]))):
            change = directions[leg[start : start + patterns.shape[0]]]
            for k, activation in enumerate(self.network.activations):
                slopes = np.array(activation.slopes)
                if activation.n_breakpoints:
                    change = change * slopes[patterns[:, slice(*self.network.neuron_offsets[k : k + 2])]]
                else:
                    change = change * slopes[0]
                change = self.network.layers[k + 1].linear(change)
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
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(_FORMAT),
            "domain": np.array(type(self.domain).__name__),
            "diagnostics": np.array(json.dumps(self.diagnostics)),
            **{name: getattr(self, name) for name in _ARRAYS},
            **{f"domain_{name}": getattr(self.domain, name) for name in _PARAMETERS[type(self.domain).__name__][1]},
            **{f"network_{key}": array for key, array in network_to_arrays(self.network).items()},
        }
        write_npz(path, arrays, "LinePartition.save")

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
        who = "LinePartition.load"
        arrays = read_npz(path, who)
        saved = SavedArrays(arrays, f"`path` is {os.fspath(path)!r}", who, "Write it again with `LinePartition.save`.")
        if "format" not in arrays or str(arrays["format"]) != _FORMAT:
            raise saved.wrong("which is no saved partition of a line", "one")
        try:
            kind, names = _PARAMETERS[saved.text("domain")]
            domain: Any = kind(*(arrays[f"domain_{name}"] for name in names))
            inner = {key[8:]: array for key, array in arrays.items() if key.startswith("network_")}
            network = network_from_arrays(inner, path, who)
        except (KeyError, InvalidValueError, InvalidTypeError) as error:
            raise saved.wrong(f"which lacks or garbles an entry ({brief(error)})", "all of them") from None
        if domain.n_in != network.n_in:
            raise saved.wrong(f"whose line lies in {domain.n_in} dimensions", f"the network's {network.n_in}")
        found = switches_of(saved, breakpoints_of_neurons(network), _ends(domain))
        arrays = {name: _read_only(array) for name, array in found.items()}
        return cls(domain, network, diagnostics=saved.mapping("diagnostics"), **arrays)

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


def partition_lines(
    net: Network,
    domains: Sequence[LineDomain],
    *,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> list[LinePartition]:
    """Partition many lines together; `partition` checks the arguments and describes them.

    Parameters
    ----------
    net : Network
    domains : sequence of Segment, Ray, Line or Path
        At least one, each in the network's input space.
    tolerances : Tolerances
    threads : int
        Number of threads; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.
    memory_limit : int or None
        How many bytes to work with, the network and the result apart; None takes what is fastest. The result does not
        depend on it.

    Returns
    -------
    list of LinePartition

    Raises
    ------
    MemoryLimitError
        If a single line does not fit into `memory_limit`; the message says what would fit.
    NumericalError
        If values overflow.

    Notes
    -----
    The points of all lines stream through the layers, in blocks that stay in cache: an affine step is a matrix
    product for a block, a compiled kernel finds where neurons change sign between neighbouring points, puts points
    there and hands them to the next layer. Cost is that of a forward pass over the breakpoints that earlier layers
    made; the first layer acts on two points for a line. Memory beyond the result follows the network, however many
    breakpoints a line has. Every entry of a product is summed in a fixed order, so that no bit depends on the blocks,
    the batch or the threads.

    An end without bound is a row of weight 0 that holds the slope outwards, so no constant stands for infinity.

    References
    ----------
    Hanin & Rolnick (2019), sections 2.1, 3.1 and 5, eqs. (4), (11).

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions.regions.lines.partition import partition_lines
    >>> net = lr.Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])
    >>> (p,) = partition_lines(net, [lr.Line([0.0], [1.0])])
    >>> p
    LinePartition(Line, 3 activation regions, 3 linear regions)
    >>> p.breakpoints.tolist(), p.slopes.ravel().tolist()
    ([0.0, 1.0], [0.0, 1.0, 2.0])
    """
    from linregions.regions.lines.engine import work_lines

    chunks = work_lines(net, domains, _partitions, tolerances, threads, progress, memory_limit, "partition")
    return [part for chunk in chunks for part in chunk]


def _partitions(plan: Plan, domains: Sequence[LineDomain], chunk: Chunk) -> list[LinePartition]:
    linear = chunk.linear_boundaries(plan)
    breakpoints, first_patterns, offsets = chunk.breakpoints, chunk.first_patterns, chunk.own_offsets
    _, neuron, level, direction = chunk.events
    for array in (linear, breakpoints, first_patterns, offsets, neuron, level, direction):
        array.flags.writeable = False
    bounds, events = chunk.offsets.tolist(), chunk.event_offsets[chunk.offsets].tolist()
    diagnostics = zip(*(column.tolist() for column in chunk.tally), strict=True)
    result = []
    for i, (domain, (snapped, merged, margin, undecided)) in enumerate(zip(domains, diagnostics, strict=True)):
        start, stop, low, high = bounds[i], bounds[i + 1], events[i], events[i + 1]
        part = object.__new__(LinePartition)
        # As the constructor does, which takes longer than all the rest for a frozen class.
        values = {
            "domain": domain,
            "network": plan.net,
            "breakpoints": breakpoints[start:stop],
            "is_linear_boundary": linear[start:stop],
            "first_pattern": first_patterns[i],
            "switch_offsets": offsets[start + i : stop + i + 1],
            "switch_neurons": neuron[low:high],
            "switch_breakpoints": level[low:high],
            "switch_directions": direction[low:high],
            "diagnostics": {
                "snapped_signs": snapped,
                "merged_ties": merged,
                "smallest_margin": margin,
                "undecided": undecided,
            },
        }
        object.__setattr__(part, "__dict__", values)
        result.append(part)
    return result
