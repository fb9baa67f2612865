"""What can be asked of a partition of a line: affine maps, integrals, where the class changes, where points lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_choice, as_float_array, as_points
from linregions.domains.windows import Line, LineDomain, Path, Segment, lengths_of, power_of_two
from linregions.errors import InvalidValueError
from linregions.exact.equal_outputs import undecided_equals, undecided_slopes
from linregions.networks.network import Network
from linregions.regions.adjacency import Adjacency, IndexArray, adjacency_of, as_region, data_frame, hexadecimal
from linregions.regions.lines.changes import changes_on_spans, clear_winners
from linregions.regions.lines.decision import DecisionPoints
from linregions.regions.outputs import Comparison, maps_along, maps_on_pieces, root_mean_squares
from linregions.regions.tolerances import DEFAULT_TOLERANCES

# How many numbers a temporary array may hold.
_BLOCK_NUMBERS = 1 << 20
# Outputs below two to this power, and above its inverse, are compared as they are.
_MODERATE = 400


@dataclass(frozen=True, eq=False, repr=False)
class LineRegion:
    """One region of a partition of a line: a view, which computes what is asked for.

    Parameters
    ----------
    partition : LineQueries
        The partition it belongs to.
    index : int
        Its number there.
    """

    partition: LineQueries
    index: int

    @property
    def interval(self) -> FloatArray:
        """Parameters t where it begins and ends, shape (2,)."""
        return np.asarray(self.partition.intervals[self.index])

    @property
    def length(self) -> float:
        """Euclidean length, inf where unbounded."""
        return float(self.partition.lengths[self.index])

    @property
    def pattern(self) -> npt.NDArray[np.uint8]:
        """Linear piece of every neuron, shape (n_neurons,)."""
        return np.asarray(self.partition.patterns[self.index])

    @property
    def affine_map(self) -> FloatArray:
        """The network on it, shape (n_out, 2): outputs are ``affine_map @ (t, 1)``."""
        return np.asarray(self.partition.affine_maps[self.index])

    @property
    def neighbors(self) -> IndexArray:
        """The regions before and after it."""
        return self.partition.neighbors(self.index)

    def __repr__(self) -> str:
        return f"LineRegion({self.index}, t from {self.interval[0]:.6g} to {self.interval[1]:.6g})"


@dataclass(frozen=True)
class _Spans:
    """Straight, finitely or infinitely long pieces of regions, in order, each seen from a finite end.

    Outputs at distance s from `start`, backwards where `sign` is -1, are ``maps @ (s, 1)``.
    """

    region: IndexArray
    start: FloatArray
    sign: FloatArray
    length: FloatArray
    direction: FloatArray  # (S, n_in), change of the input per unit of s
    point: FloatArray  # (S, n_in), the input at the start


class LineQueries:
    """Questions to a partition of a line."""

    if TYPE_CHECKING:  # what a partition holds
        network: Network
        domain: LineDomain
        breakpoints: FloatArray
        switch_offsets: npt.NDArray[np.int64]
        is_linear_boundary: npt.NDArray[np.bool_]
        diagnostics: dict[str, Any]

        @property
        def n_regions(self) -> int:
            """Number of regions."""

        @property
        def neurons(self) -> npt.NDArray[np.int32]:
            """Neuron of every breakpoint."""

        @property
        def patterns(self) -> npt.NDArray[np.uint8]:
            """Pattern of every region."""

        @property
        def intervals(self) -> FloatArray:
            """Interval of every region."""

        @property
        def lengths(self) -> FloatArray:
            """Length of every region."""

        def _pattern_blocks(self, size: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]: ...

    def __len__(self) -> int:
        """Return the number of activation regions, which is never 0."""
        return self.n_regions

    def __iter__(self) -> Iterator[LineRegion]:
        """Go through the regions in order."""
        return (LineRegion(self, k) for k in range(self.n_regions))

    def adjacency(self) -> Adjacency:
        """Return which regions meet in a breakpoint, as sparse arrays; each meets the one before and the one after."""
        pairs = np.stack([np.arange(self.n_regions - 1), np.arange(1, self.n_regions)], axis=1)
        return adjacency_of(self.n_regions, pairs, np.ones(len(pairs)), self.neurons)

    def neighbors(self, region: int) -> IndexArray:
        """Return the regions before and after one of them, as far as there are any.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such region.
        """
        number = as_region(region, self.n_regions, f"{type(self).__name__}.neighbors")
        around = np.array([number - 1, number + 1], dtype=np.int64)
        return around[(around >= 0) & (around < self.n_regions)]

    def locate(self, points: npt.ArrayLike, *, coordinates: str = "input") -> IndexArray:
        """Find the region that each point lies in.

        Parameters
        ----------
        points : array_like, shape (..., n_in) or (...)
            Points of the input space, which are projected onto the line (on a path: to the nearest point of it); or
            parameters t.
        coordinates : {"input", "parameter"}
            Which of the two they are.

        Returns
        -------
        ndarray of int64, shape (...)
            Numbers of regions; -1 beyond the ends. A breakpoint belongs to the region before it.

        Raises
        ------
        InvalidValueError
            If the points do not fit.
        """
        who = f"{type(self).__name__}.locate"
        if as_choice(coordinates, "coordinates", who, ("input", "parameter")) == "input":
            x = as_points(points, "points", who, self.domain.n_in)
            given = _parameters(self.domain, x.reshape(-1, self.domain.n_in)).reshape(x.shape[:-1])
        else:
            given = as_float_array(points, "points", who)
        low, high = self.intervals[0, 0], self.intervals[-1, 1]
        found = np.searchsorted(self.breakpoints, given, side="left")
        return np.where((given >= low) & (given <= high), found, -1).astype(np.int64)

    @cached_property
    def affine_maps(self) -> FloatArray:
        """The network on every region, shape (n_regions, n_out, 2): output = ``maps[k] @ (t, 1)``.

        NaN where a region of a path goes round a corner, since there it has no single map.
        """
        spans = self._spans
        maps = self._maps(spans, self.network)
        slope = maps[:, :, 0] * spans.sign[:, None]
        values = np.stack([slope, maps[:, :, 1] - slope * spans.start[:, None]], axis=2)
        result = np.empty((self.n_regions, *values.shape[1:]))
        result[spans.region] = values
        if isinstance(self.domain, Path):
            result[np.bincount(spans.region, minlength=self.n_regions) > 1] = np.nan
        return result

    def integrate(self, per: str = "length") -> FloatArray:
        """Integrate every output along the line, exactly.

        Parameters
        ----------
        per : {"length", "t"}
            Over Euclidean length, or over the parameter t.

        Returns
        -------
        ndarray of float64, shape (n_out,)
            Divide by ``lengths.sum()`` for means over the length.

        Raises
        ------
        InvalidValueError
            If the domain has no end.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])  # relu(x)
        >>> p = lr.partition(net, lr.Segment([-1.0], [2.0]))
        >>> p.integrate(), p.integrate(per="t").round(12)
        (array([2.]), array([0.66666667]))
        """
        who = f"{type(self).__name__}.integrate"
        chosen = as_choice(per, "per", who, ("length", "t"))
        spans = self._spans
        if not np.all(np.isfinite(spans.length)):
            raise InvalidValueError(
                f"`domain` is a {type(self.domain).__name__}, which has no end, but {who} needs a finite length. "
                "Partition a `Segment` or a `Path`."
            )
        maps = self._maps(spans, self.network)
        weights = spans.length * (lengths_of(spans.direction) if chosen == "length" else 1.0)
        middles = maps[:, :, 1] + maps[:, :, 0] * (0.5 * spans.length)[:, None]
        return np.asarray(weights @ middles)

    def decision_points(self, decision: str = "argmax") -> DecisionPoints:
        """Find where the class changes, exactly: the arg-max of the outputs, or the sign of a single one.

        Parameters
        ----------
        decision : {"argmax", "argmin"}
            ``"argmin"`` for networks whose outputs are costs. Of outputs that tie the lowest number is the class. A
            single output has the classes 0 (not above zero; not below zero for ``"argmin"``) and 1.

        Returns
        -------
        DecisionPoints

        Raises
        ------
        InvalidValueError
            If `decision` is unknown.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0]], [0.0]), ([[1.0], [0.0]], [0.0, 0.5])])  # relu(x) against 1/2
        >>> found = lr.partition(net, lr.Line([0.0], [1.0])).decision_points()
        >>> found.t, found.classes
        (array([0.5]), array([[1, 0]]))
        """
        who = f"{type(self).__name__}.decision_points"
        return self._changes(Comparison.of_classes(self.network.n_out, decision, who))

    def level_set(self, output: int = 0, level: float = 0.0) -> DecisionPoints:
        """Find where one output passes a level, exactly: the ends of where it is above.

        Parameters
        ----------
        output : int
            Which output, from 0.
        level : float

        Returns
        -------
        DecisionPoints
            Of two classes, 0 (not above the level) and 1 (above).

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such output, or `level` is no finite number.
        """
        return self._changes(Comparison.of_level(self.network.n_out, output, level, f"{type(self).__name__}.level_set"))

    def to_dataframe(self) -> Any:
        """Return one row for each region, as a `pandas.DataFrame` indexed by region.

        Returns
        -------
        pandas.DataFrame
            Columns ``begin``, ``end`` (parameters t), ``length``, ``linear_region``, ``neuron`` (that switches where
            the region begins; -1 for the first) and ``pattern`` (hexadecimal, one byte for each neuron).

        Raises
        ------
        MissingDependencyError
            If pandas is not installed (``pip install 'linregions[table]'``).
        """
        return data_frame(
            {
                "begin": self.intervals[:, 0],
                "end": self.intervals[:, 1],
                "length": self.lengths,
                "linear_region": np.concatenate([[0], np.cumsum(self.is_linear_boundary)]),
                "neuron": np.concatenate([[-1], self.neurons]),
                "pattern": hexadecimal(self.patterns),
            },
            f"{type(self).__name__}.to_dataframe",
        )

    @cached_property
    def _spans(self) -> _Spans:
        domain = self.domain
        low, high = float(self.intervals[0, 0]), float(self.intervals[-1, 1])
        cuts = self.breakpoints
        if isinstance(domain, Path):
            cuts = np.union1d(cuts, np.arange(1.0, domain.points.shape[0] - 1))
        elif isinstance(domain, Line) and not cuts.size:
            cuts = np.zeros(1)  # so that each span has an end
        begin, end = np.append(low, cuts), np.append(cuts, high)
        region = np.searchsorted(self.breakpoints, begin, side="right")
        backwards = np.isinf(begin)
        start = np.where(backwards, end, begin)
        sign = np.where(backwards, -1.0, 1.0)
        if isinstance(domain, Path):
            # A corner belongs to the leg that begins there.
            leg = np.minimum(np.floor(begin).astype(np.intp), domain.points.shape[0] - 2)
            direction = np.diff(domain.points, axis=0)[leg]
        else:
            step = domain.b - domain.a if isinstance(domain, Segment) else domain.direction
            direction = np.broadcast_to(step, (begin.size, step.size))
        return _Spans(region.astype(np.int64), start, sign, end - begin, direction * sign[:, None], domain.point(start))

    def _maps(self, spans: _Spans, network: Network) -> FloatArray:
        """Return the outputs of a network with our hidden layers on spans, shape (S, n_out, 2)."""
        result = np.empty((spans.region.size, network.n_out, 2))
        if not network.is_chain:
            return self._graph_maps(spans, network)
        size = max(1, _BLOCK_NUMBERS // (2 * max(*network.widths[1:], network.n_in)))
        first = network.layers[0]
        with one_blas_thread():
            for start, patterns in self._pattern_blocks(size):
                # Spans ascend in their regions.
                here = slice(*np.searchsorted(spans.region, (start, start + patterns.shape[0])))
                stack = first.linear(np.stack([spans.direction[here], spans.point[here]], axis=1))
                stack[:, 1] += first.bias
                result[here] = maps_on_pieces(network, stack, patterns[spans.region[here] - start])
        return result

    def _graph_maps(self, spans: _Spans, network: Network) -> FloatArray:
        result = np.empty((spans.region.size, network.n_out, 2))
        size = max(1, _BLOCK_NUMBERS // max(network.n_neurons, 2 * network.n_in))
        with one_blas_thread():
            for start, patterns in self._pattern_blocks(size):
                here = slice(*np.searchsorted(spans.region, (start, start + patterns.shape[0])))
                rows = np.stack([spans.direction[here], spans.point[here]], axis=1)
                result[here] = maps_along(network, rows, patterns[spans.region[here] - start])
        return result

    def _changes(self, comparison: Comparison) -> DecisionPoints:
        compared, names = comparison.of(self.network)
        spans = self._spans
        finite = np.isfinite(spans.length)
        reach = np.where(finite, spans.length, 0.0)[:, None]
        sizes = np.maximum(np.abs(spans.point), np.abs(spans.point + spans.direction * reach))
        changes = np.abs(spans.direction)
        compared = _with_moderate_outputs(compared, np.maximum(sizes, changes).max(axis=0, keepdims=True))
        maps = self._maps(spans, compared)
        starts, ends = maps[:, :, 1], maps[:, :, 1] + maps[:, :, 0] * reach
        relative = float(self.diagnostics.get("relative_tolerance", DEFAULT_TOLERANCES.relative))
        most = root_mean_squares(compared, sizes.max(axis=0, keepdims=True))
        winner = clear_winners(starts, ends, 4.0 * relative * float(most.max()))
        winner[~finite] = -1
        # Bands of their own for those few that need a closer look.
        open_ = np.flatnonzero(winner < 0)
        bands = relative * root_mean_squares(compared, sizes[open_])
        slope_bands = relative * root_mean_squares(compared, changes[open_], biases=False)
        ends[~finite], bands_at_end = maps[~finite, :, 0], np.where(finite[open_, None], bands, slope_bands)
        where, between, undecided = changes_on_spans(
            spans.start, spans.sign, spans.length, starts, ends, maps[:, :, 0], winner, open_, bands, bands_at_end
        )
        undecided += undecided_equals(compared, maps[open_], lambda k: self.patterns[spans.region[open_[k]]])
        (far,) = np.nonzero(~finite)
        undecided += undecided_slopes(
            compared, maps[far, :, 0], spans.direction[far], lambda k: self.patterns[spans.region[far[k]]]
        )
        return DecisionPoints(where, names[between], {"undecided": undecided})


def _with_moderate_outputs(network: Network, sizes: FloatArray) -> Network:
    """Return a network whose outputs, for inputs of some sizes, are in a unit in which they do not overflow or vanish.

    The unit is a power of two, and of outputs that are compared only the order matters.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        most, exponent = float(root_mean_squares(network, sizes).max()), 0
        if not np.isfinite(most):
            exponent = 900
            most = float(root_mean_squares(network.in_unit(exponent), sizes).max())
    exponent += int(np.frexp(most)[1]) if np.isfinite(most) else 0
    return network if abs(exponent) < _MODERATE else network.in_unit(exponent)


def _along(offsets: FloatArray, step: FloatArray) -> FloatArray:
    """Return how many steps offsets, shape (N, n_in), go along a direction, whose square may overflow or vanish."""
    unit = power_of_two(float(np.abs(step).max()) / 2)
    small = step / unit
    return np.asarray((offsets / unit) @ small / (small @ small))


def _parameters(domain: LineDomain, points: FloatArray) -> FloatArray:
    """Return the parameters of the projections of points, shape (N,)."""
    if not isinstance(domain, Path):
        origin, step = (
            (domain.a, domain.b - domain.a) if isinstance(domain, Segment) else (domain.origin, domain.direction)
        )
        return _along(points - origin, step)
    result, nearest = np.zeros(points.shape[0]), np.full(points.shape[0], np.inf)
    for leg, (a, b) in enumerate(zip(domain.points[:-1], domain.points[1:], strict=True)):
        step = b - a
        s = np.clip(_along(points - a, step), 0.0, 1.0)
        distance = lengths_of(points - (a + s[:, None] * step))
        closer = distance < nearest
        result[closer], nearest[closer] = leg + s[closer], distance[closer]
    return result
