"""Statistics of the regions of a plane window, with nothing kept for each region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Shown, doubts
from linregions._support.validation import FloatArray, as_float_array, as_integer
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.networks.switches import has_maxima, unpack_patterns
from linregions.regions.planes.kernels.workspace import V
from linregions.regions.planes.sink import PlaneSummary, RegionBatch, Sink
from linregions.regions.planes.sinks.joined_count import JoinedCount, JoinedParts, joined_parts
from linregions.regions.planes.sinks.sizes import measure
from linregions.regions.planes.sinks.straight import Straight, StraightSides, straight_vertices

# Bins are tenths of a decade, from below the smallest positive number to above the largest.
_BINS_IN_DECADE = 10
_BIN_OF_ONE = 330 * _BINS_IN_DECADE
_N_BINS = 640 * _BINS_IN_DECADE
_BINS_IN_DOUBLING = float(_BINS_IN_DECADE * np.log10(2.0))
_MOST_SIDES = 64


@dataclass(frozen=True, eq=False, repr=False)
class NotableRegion(Shown):
    """A region that stands out.

    Parameters
    ----------
    area, perimeter, distance : float
        Euclidean; distance to the point asked for, from the nearest point of the region, NaN if none was.
    corners : ndarray of float64, shape (sides, 2)
        Plane coordinates, counter-clockwise.
    pattern : ndarray of uint8, shape (n_neurons,)
        Linear piece of every neuron.
    """

    area: float
    perimeter: float
    distance: float
    corners: FloatArray
    pattern: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False, repr=False)
class Histogram(Shown):
    """Counts of a positive quantity in tenths of a decade.

    Parameters
    ----------
    log10_edges : ndarray of float64, shape (n + 1,)
        Decimal logarithms of the borders between bins.
    counts : ndarray of int64, shape (n,)
    """

    log10_edges: FloatArray
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class PlaneStatistics(Shown):
    """What is known of the regions of a window together; see `RegionStatistics`.

    Parameters
    ----------
    n_regions : int
        Activation regions.
    n_linear_regions, n_gradient_regions : int or None
        Linear and gradient regions, None if not asked for.
    n_vertices, n_edges : int
        Those on the window's border included; V - E + F = 1.
    area, perimeter, boundary_length : float
        Sums over all regions: Euclidean areas, perimeters, and the length of all boundaries between activation
        regions, without the window's border.
    sides : ndarray of int64, shape (65,)
        ``sides[k]`` regions have k sides; the last entry holds those with 64 or more.
    areas, perimeters : Histogram
    largest, nearest : tuple of NotableRegion
        In order.
    diagnostics : dict
        As in `PlanePartition`.
    """

    n_regions: int
    n_linear_regions: int | None
    n_gradient_regions: int | None
    n_vertices: int
    n_edges: int
    area: float
    perimeter: float
    boundary_length: float
    sides: npt.NDArray[np.int64]
    areas: Histogram
    perimeters: Histogram
    largest: tuple[NotableRegion, ...]
    nearest: tuple[NotableRegion, ...]
    diagnostics: dict[str, Any]

    def _facts(self) -> dict[str, Any]:
        kinds = {"linear regions": self.n_linear_regions, "gradient regions": self.n_gradient_regions}
        return {
            "activation regions": self.n_regions,
            **{name: count for name, count in kinds.items() if count is not None},
            "vertices": self.n_vertices,
            "edges": self.n_edges,
            "area": self.area,
            "boundaries": self.boundary_length,
            **doubts(self.diagnostics),
        }

    def plot(self, axes: Any = None, **options: Any) -> Any:
        """Draw histograms of areas, perimeters and sides; see `linregions.plotting.plot_statistics`.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_statistics

        return plot_statistics(self, axes, **options)


class _Candidate(NamedTuple):
    key: float  # the smallest are kept
    area: float
    perimeter: float
    distance: float
    corners: FloatArray
    words: npt.NDArray[np.uint64]
    region: int  # of the batch, then of all


class _Digest(NamedTuple):
    sums: FloatArray
    sides: npt.NDArray[np.int64]
    areas: tuple[int, npt.NDArray[np.int64]]
    perimeters: tuple[int, npt.NDArray[np.int64]]
    largest: list[_Candidate]
    nearest: list[_Candidate]
    joined: list[JoinedParts]
    straight: Straight | None


class RegionStatistics(Sink):
    """Measure all regions of a window and keep only sums, histograms and a few notable regions.

    Pass it as ``sink`` to `linregions.partition`, which then returns `PlaneStatistics`. Memory does not grow with
    the number of regions.

    Parameters
    ----------
    linear, gradient : bool
        Whether to count linear or gradient regions as well, which takes the patterns of all regions.
    largest : int
        How many of the largest regions to keep.
    nearest : int
        How many of the regions nearest to `point` to keep.
    point : array_like, shape (2,), optional
        Plane coordinates, by default (0, 0), the window's origin.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
    >>> window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    >>> found = lr.partition(net, window, sink=lr.RegionStatistics())
    >>> found.n_regions == lr.count_regions(net, window), round(found.area, 12)
    (True, 4.0)
    """

    def __init__(
        self,
        *,
        linear: bool = False,
        gradient: bool = False,
        largest: int = 3,
        nearest: int = 0,
        point: npt.ArrayLike | None = None,
    ) -> None:
        who = "RegionStatistics"
        self.linear, self.gradient = bool(linear), bool(gradient)
        self._kinds = [kind for kind, wanted in (("linear", self.linear), ("gradient", self.gradient)) if wanted]
        self.n_largest = as_integer(largest, "largest", who, 0)
        self.n_nearest = as_integer(nearest, "nearest", who, 0)
        self.point = as_float_array(np.zeros(2) if point is None else point, "point", who, ndim=1)
        if self.point.shape != (2,):
            raise InvalidValueError(
                f"`point` has shape {self.point.shape}, but {who} needs two plane coordinates. Give e.g. `(0, 0)`."
            )
        # Notable regions come with their patterns.
        self.needs_patterns = bool(self._kinds) or self.n_largest > 0 or self.n_nearest > 0
        self._largest: list[_Candidate] = []
        self._nearest: list[_Candidate] = []

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Forget everything."""
        self._sums: list[FloatArray] = []
        self._sides = np.zeros(_MOST_SIDES + 1, dtype=np.int64)
        self._histograms = np.zeros((2, _N_BINS), dtype=np.int64)
        self._largest, self._nearest = [], []
        self._network = network
        self._counts = [JoinedCount(network, kind) for kind in self._kinds]
        # Where comparisons of maxima lose, vertices within straight sides are left, which do not count.
        self._straight = StraightSides(self._sides) if has_maxima(network) else None

    def digest(self, batch: RegionBatch) -> Any:
        """Measure a batch."""
        from linregions.regions.planes.kernels.sizes import tally_regions

        _, areas, perimeters, sums = measure(batch)
        sides = np.zeros(_MOST_SIDES + 1, dtype=np.int64)
        bins = np.empty((2, areas.size), dtype=np.int64)
        values = areas, areas.view(np.int64), perimeters, perimeters.view(np.int64)
        scale = _bin_borders(), _BIN_OF_ONE, _BINS_IN_DOUBLING
        first_area, first_perimeter = tally_regions(*values, batch.face_offsets, *scale, bins, sides)
        distances = _distances(batch, self.point) if self.n_nearest else None
        straight = straight_vertices(batch) if has_maxima(batch.network) else None
        sizes = areas, perimeters, distances, None if straight is None else straight.within
        return _Digest(
            sums,
            sides,
            (first_area, np.bincount(bins[0])),
            (first_perimeter, np.bincount(bins[1])),
            _candidates(batch, areas, -1.0, self.n_largest, self._largest, *sizes),
            [] if distances is None
            else _candidates(batch, distances, 1.0, self.n_nearest, self._nearest, *sizes),
            [joined_parts(batch, kind) for kind in self._kinds],
            straight,
        )  # fmt: skip

    def collect(self, digested: Any) -> None:
        """Add a batch."""
        self._sums.append(digested.sums)
        begun = 0
        if self._straight is None:
            self._sides += digested.sides
        else:
            begun = self._straight.n_regions
            self._straight.add(digested.straight)
        for total, (first, counts) in zip(self._histograms, (digested.areas, digested.perimeters), strict=True):
            total[first : first + counts.size] += counts
        self._largest = _first(self._largest, digested.largest, begun, self.n_largest)
        self._nearest = _first(self._nearest, digested.nearest, begun, self.n_nearest)
        for count, parts in zip(self._counts, digested.joined, strict=True):
            count.add(parts)

    def finish(self, summary: PlaneSummary) -> PlaneStatistics:
        """Return the statistics."""
        # Cell by cell, so that the sums do not depend on how cells were put to batches.
        area, perimeter, boundary = np.concatenate(self._sums).T.copy().sum(axis=1)
        counts = {count.kind: count.count for count in self._counts}
        n_vertices, n_edges = summary.n_vertices, summary.n_edges
        if self._straight is not None:
            n_edges -= self._straight.n_vertices
            n_vertices = 1 + n_edges - summary.n_regions
        return PlaneStatistics(
            n_regions=summary.n_regions,
            n_linear_regions=counts.get("linear"),
            n_gradient_regions=counts.get("gradient"),
            n_vertices=n_vertices,
            n_edges=n_edges,
            area=float(area),
            perimeter=float(perimeter),
            boundary_length=float(boundary),
            sides=self._sides,
            areas=_histogram(self._histograms[0]),
            perimeters=_histogram(self._histograms[1]),
            largest=_regions(self._network, self._largest, self._straight),
            nearest=_regions(self._network, self._nearest, self._straight),
            diagnostics=summary.diagnostics,
        )


class RegionCounter(Sink):
    """Count the regions of one kind, and the decisions that float64 could not tell (`undecided`)."""

    def __init__(self, kind: str = "activation") -> None:
        self.kind = kind
        self.needs_patterns = kind != "activation"
        self.undecided = 0

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Forget everything."""
        self._count = JoinedCount(network, self.kind) if self.needs_patterns else None

    def digest(self, batch: RegionBatch) -> Any:
        """Join regions of other kinds; activation regions are counted by the engine."""
        return joined_parts(batch, self.kind) if self.needs_patterns else None

    def collect(self, digested: Any) -> None:
        """Add a batch."""
        if self._count is not None:
            self._count.add(digested)

    def finish(self, summary: PlaneSummary) -> int:
        """Return the count."""
        self.undecided = int(summary.diagnostics["undecided"])
        return summary.n_regions if self._count is None else self._count.count


@cache
def _bin_borders() -> FloatArray:
    """Return where each bin begins, and where the last one ends."""
    with np.errstate(over="ignore"):
        return np.asarray(10.0 ** ((np.arange(_N_BINS + 1) - _BIN_OF_ONE) / _BINS_IN_DECADE))


def _histogram(counts: npt.NDArray[np.int64]) -> Histogram:
    """Cut a histogram to where it is not empty."""
    filled = np.flatnonzero(counts)
    first, last = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, 0)
    edges = (np.arange(first, last + 1) - _BIN_OF_ONE) / _BINS_IN_DECADE
    return Histogram(edges, counts[first:last].copy())


def _candidates(
    batch: RegionBatch,
    values: FloatArray,
    sign: float,
    n: int,
    kept: list[_Candidate],
    areas: FloatArray,
    perimeters: FloatArray,
    distances: FloatArray | None,
    straight: npt.NDArray[np.bool_] | None,
) -> list[_Candidate]:
    """Return the regions with the `n` smallest keys ``sign * values``, as far as they may replace one that is kept.

    Of equal keys, those that come first win; what is kept comes from earlier batches.
    """
    from linregions.regions.planes.kernels.sizes import find_smallest

    if not n:
        return []
    few = np.empty(min(n, values.size), dtype=np.int64)
    found = find_smallest(values, sign, kept[-1].key if len(kept) == n else np.nan, few)
    return [
        _Candidate(
            sign * float(values[k]),
            float(areas[k]),
            float(perimeters[k]),
            float("nan") if distances is None else float(distances[k]),
            batch.corners(k) if straight is None else batch.corners(k)[~straight[batch.corner_numbers(k)]],
            batch.pattern_words[k].copy(),  # unpacked if it is kept to the end
            k,
        )
        for k in few[:found].tolist()
    ]


def _first(kept: list[_Candidate], new: list[_Candidate], first_region: int, n: int) -> list[_Candidate]:
    entries = kept + [entry._replace(region=first_region + entry.region) for entry in new]
    return sorted(entries, key=lambda entry: entry.key)[:n]


def _regions(network: Network, kept: list[_Candidate], straight: StraightSides | None) -> tuple[NotableRegion, ...]:
    """Return what was kept, with patterns."""
    if not kept:
        return ()
    patterns = unpack_patterns(network, np.stack([entry.words for entry in kept]))
    return tuple(
        NotableRegion(
            entry.area,
            entry.perimeter,
            entry.distance,
            entry.corners if straight is None else straight.without_straight(entry.region, entry.corners),
            pattern,
        )
        for entry, pattern in zip(kept, patterns, strict=True)
    )


def _distances(batch: RegionBatch, point: FloatArray) -> FloatArray:
    """Return the Euclidean distance of each region to a point of the plane, 0 for the region that holds it."""
    side_v, offsets = batch.side[V], batch.face_offsets
    starts, sides = offsets[:-1], np.diff(offsets)
    after = np.arange(1, side_v.size + 1)
    after[offsets[1:] - 1] = starts
    begin, end = batch.vertices[side_v], batch.vertices[side_v[after]]
    step, off = batch.window.orthonormal(end - begin), batch.window.orthonormal(point - begin)
    along = np.clip(np.einsum("si,si->s", off, step) / np.einsum("si,si->s", step, step), 0.0, 1.0)
    nearest = np.minimum.reduceat(np.hypot(*(off - along[:, None] * step).T), starts)
    left = step[:, 0] * off[:, 1] - step[:, 1] * off[:, 0] >= 0
    inside = np.add.reduceat(left.astype(np.int64), starts) == sides
    return np.where(inside, 0.0, nearest)
