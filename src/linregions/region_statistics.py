"""Statistics of the regions of a plane window, with nothing kept for each region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._batch_measures import measure
from linregions._linear_count import LinearCount, LinearParts, linear_parts
from linregions._validation import FloatArray, as_float_array, as_integer
from linregions.domains import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.network import Network
from linregions.pattern_words import unpack_patterns
from linregions.sinks import PlaneSummary, RegionBatch, Sink

# Tenths of a decade, from the smallest positive number to the largest.
_BINS_A_DECADE = 10
_LOWEST = -330 * _BINS_A_DECADE
_N_BINS = 640 * _BINS_A_DECADE
_MOST_SIDES = 64
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class NotableRegion:
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


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of a positive quantity in tenths of a decade.

    Parameters
    ----------
    log10_edges : ndarray of float64, shape (n + 1,)
        Decimal logarithms of the borders between bins.
    counts : ndarray of int64, shape (n,)
    """

    log10_edges: FloatArray
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlaneStatistics:
    """What is known of the regions of a window together; see `RegionStatistics`.

    Parameters
    ----------
    n_regions : int
        Activation regions.
    n_linear_regions : int or None
        Linear regions, None if not asked for.
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


class _Candidate(NamedTuple):
    key: float  # the smallest are kept
    area: float
    perimeter: float
    distance: float
    corners: FloatArray
    words: npt.NDArray[np.uint64]


class _Digest(NamedTuple):
    sums: FloatArray
    sides: npt.NDArray[np.int64]
    areas: tuple[int, npt.NDArray[np.int64]]
    perimeters: tuple[int, npt.NDArray[np.int64]]
    largest: list[_Candidate]
    nearest: list[_Candidate]
    linear: LinearParts | None


class RegionStatistics(Sink):
    """Measure all regions of a window and keep only sums, histograms and a few notable regions.

    Pass it as ``sink`` to `linregions.partition`, which then returns `PlaneStatistics`. Memory does not grow with
    the number of regions.

    Parameters
    ----------
    linear : bool
        Whether to count linear regions as well, which takes the patterns of all regions.
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
        self, *, linear: bool = False, largest: int = 3, nearest: int = 0, point: npt.ArrayLike | None = None
    ) -> None:
        who = "RegionStatistics"
        self.linear = bool(linear)
        self.n_largest = as_integer(largest, "largest", who, 0)
        self.n_nearest = as_integer(nearest, "nearest", who, 0)
        self.point = as_float_array(np.zeros(2) if point is None else point, "point", who, ndim=1)
        if self.point.shape != (2,):
            raise InvalidValueError(
                f"`point` has shape {self.point.shape}, but {who} needs two plane coordinates. Give e.g. `(0, 0)`."
            )
        # Notable regions come with their patterns.
        self.needs_patterns = self.linear or self.n_largest > 0 or self.n_nearest > 0

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Forget everything."""
        self._sums: list[FloatArray] = []
        self._sides = np.zeros(_MOST_SIDES + 1, dtype=np.int64)
        self._histograms = np.zeros((2, _N_BINS), dtype=np.int64)
        self._largest: list[_Candidate] = []
        self._nearest: list[_Candidate] = []
        self._network = network
        self._count = LinearCount(network) if self.linear else None

    def digest(self, batch: RegionBatch) -> Any:
        """Measure a batch."""
        _, areas, perimeters, sums = measure(batch)
        sides = np.bincount(np.minimum(np.diff(batch.face_offsets), _MOST_SIDES), minlength=_MOST_SIDES + 1)
        distances = np.full(batch.n_regions, np.nan)
        nearest: list[_Candidate] = []
        if self.n_nearest:
            distances = _distances(batch, self.point)
            few = _smallest(distances, self.n_nearest, self._nearest)
            nearest = _candidates(batch, few, distances, areas, perimeters, distances)
        few = _smallest(-areas, self.n_largest, self._largest) if self.n_largest else _NONE
        return _Digest(
            sums,
            sides,
            _binned(areas),
            _binned(perimeters),
            _candidates(batch, few, -areas, areas, perimeters, distances),
            nearest,
            linear_parts(batch) if self.linear else None,
        )

    def collect(self, digested: Any) -> None:
        """Add a batch."""
        self._sums.append(digested.sums)
        self._sides += digested.sides
        for total, (first, counts) in zip(self._histograms, (digested.areas, digested.perimeters), strict=True):
            total[first : first + counts.size] += counts
        self._largest = _first(self._largest + digested.largest, self.n_largest)
        self._nearest = _first(self._nearest + digested.nearest, self.n_nearest)
        if self._count is not None:
            self._count.add(digested.linear)

    def finish(self, summary: PlaneSummary) -> PlaneStatistics:
        """Return the statistics."""
        # Cell by cell, so that the sums do not depend on how cells were put to batches.
        area, perimeter, boundary = np.concatenate(self._sums).T.copy().sum(axis=1)
        return PlaneStatistics(
            n_regions=summary.n_regions,
            n_linear_regions=None if self._count is None else self._count.count,
            n_vertices=summary.n_vertices,
            n_edges=summary.n_edges,
            area=float(area),
            perimeter=float(perimeter),
            boundary_length=float(boundary),
            sides=self._sides,
            areas=_histogram(self._histograms[0]),
            perimeters=_histogram(self._histograms[1]),
            largest=_regions(self._network, self._largest),
            nearest=_regions(self._network, self._nearest),
            diagnostics=summary.diagnostics,
        )


class RegionCounter(Sink):
    """Count the regions of one kind, and nothing else."""

    def __init__(self, linear: bool = False) -> None:
        self.linear = self.needs_patterns = linear

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Forget everything."""
        self._count = LinearCount(network)

    def digest(self, batch: RegionBatch) -> Any:
        """Find the linear parts; activation regions are counted by the engine."""
        return linear_parts(batch) if self.linear else None

    def collect(self, digested: Any) -> None:
        """Add a batch."""
        if self.linear:
            self._count.add(digested)

    def finish(self, summary: PlaneSummary) -> int:
        """Return the count."""
        return self._count.count if self.linear else summary.n_regions


def _binned(values: FloatArray) -> tuple[int, npt.NDArray[np.int64]]:
    """Return the first bin and the counts from there on; what is not positive is in the lowest bin."""
    if values.min() > 0.0:
        bins = np.log10(values)
        bins *= _BINS_A_DECADE
        np.floor(bins, out=bins)
    else:
        bins = np.full_like(values, _LOWEST)
        positive = values > 0.0
        bins[positive] = np.floor(_BINS_A_DECADE * np.log10(values[positive]))
    first = bins.min()
    bins -= first
    return int(first) - _LOWEST, np.bincount(bins.astype(np.int64))


def _histogram(counts: npt.NDArray[np.int64]) -> Histogram:
    """Cut a histogram to where it is not empty."""
    filled = np.flatnonzero(counts)
    first, last = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, 0)
    edges = (np.arange(first, last + 1) + _LOWEST) / _BINS_A_DECADE
    return Histogram(edges, counts[first:last].copy())


def _smallest(keys: FloatArray, n: int, kept: list[_Candidate]) -> npt.NDArray[np.int64]:
    """Return where the `n` smallest keys are, in order, as far as they may replace one that is kept.

    Of equal keys, those that come first win: what is kept comes from earlier batches.
    """
    few = np.arange(keys.size) if len(kept) < n else np.flatnonzero(~(keys >= kept[-1].key))
    if few.size > n:
        few = few[keys[few] <= np.partition(keys[few], n - 1)[n - 1]]
    return few[np.argsort(keys[few], kind="stable")][:n]


def _candidates(
    batch: RegionBatch,
    few: npt.NDArray[np.int64],
    keys: FloatArray,
    areas: FloatArray,
    perimeters: FloatArray,
    distances: FloatArray,
) -> list[_Candidate]:
    """Return some regions of a batch, whose patterns are unpacked if they are kept to the end."""
    return [
        _Candidate(
            float(keys[k]),
            float(areas[k]),
            float(perimeters[k]),
            float(distances[k]),
            batch.corners(int(k)),
            batch.pattern_words[k].copy(),
        )
        for k in few
    ]


def _first(entries: list[_Candidate], n: int) -> list[_Candidate]:
    return sorted(entries, key=lambda entry: entry.key)[:n]


def _regions(network: Network, kept: list[_Candidate]) -> tuple[NotableRegion, ...]:
    """Return what was kept, with patterns."""
    if not kept:
        return ()
    patterns = unpack_patterns(network, np.stack([entry.words for entry in kept]))
    return tuple(
        NotableRegion(entry.area, entry.perimeter, entry.distance, entry.corners, pattern)
        for entry, pattern in zip(kept, patterns, strict=True)
    )


def _distances(batch: RegionBatch, point: FloatArray) -> FloatArray:
    """Return the Euclidean distance of each region to a point of the plane, 0 for the region that holds it."""
    side_v, offsets = batch.side[0], batch.face_offsets
    starts, sides = offsets[:-1], np.diff(offsets)
    after = np.arange(1, side_v.size + 1)
    after[offsets[1:] - 1] = starts
    begin, end = batch.vertices[side_v], batch.vertices[side_v[after]]
    gram = batch.window.basis @ batch.window.basis.T
    step, off = end - begin, point - begin
    length = np.einsum("si,ij,sj->s", step, gram, step)
    along = np.clip(np.einsum("si,ij,sj->s", off, gram, step) / length, 0.0, 1.0)
    gap = off - along[:, None] * step
    nearest = np.sqrt(np.minimum.reduceat(np.einsum("si,ij,sj->s", gap, gram, gap), starts))
    left = step[:, 0] * off[:, 1] - step[:, 1] * off[:, 0] >= 0
    inside = np.add.reduceat(left.astype(np.int64), starts) == sides
    return np.where(inside, 0.0, nearest)
