"""Statistics of the cells of a box, with nothing kept for each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array, as_integer
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.batch import CellBatch, IndexArray, WordArray
from linregions.regions.boxes.frame import BoxFrame
from linregions.regions.boxes.joined import JoinedCells, JoinedCount, joined_cells
from linregions.regions.boxes.measuring import BatchMeasures, Measurer
from linregions.regions.boxes.sink import BoxSink, BoxSummary
from linregions.regions.boxes.sinks.checks import volume_defect, volume_of
from linregions.regions.boxes.totals import Totals
from linregions.regions.planes.sinks.statistics import Histogram

# Bins are tenths of a decade, from below the smallest positive number to above the largest.
_BINS_IN_DECADE = 10
_BIN_OF_ONE = 330 * _BINS_IN_DECADE
_N_BINS = 640 * _BINS_IN_DECADE
_MOST_FACETS = 64
_N_MOMENTS = 4


@dataclass(frozen=True, eq=False)
class NotableCell:
    """A cell that stands out.

    Parameters
    ----------
    volume : float
        Of dimension d.
    centroid : ndarray of float64, shape (d,)
        In coordinates of the input space.
    n_facets : int
    pattern : ndarray of uint8, shape (n_neurons,)
        Linear piece of every neuron.
    """

    volume: float
    centroid: FloatArray
    n_facets: int
    pattern: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CellStatistics:
    """What is known of the cells of a box together; see `BoxStatistics`.

    Parameters
    ----------
    n_regions : int
        Activation regions.
    n_linear_regions, n_gradient_regions : int or None
        Linear and gradient regions, None if not asked for.
    face_counts : ndarray of int64, shape (d + 1,)
        Number of vertices, edges, ..., cells, those in sides of the box included. Their alternating sum is 1.
    strata : ndarray of float64, shape (d + 1,)
        ``strata[k]`` is the volume, of dimension d - k, of all places where neurons switch that have codimension k,
        without the sides of the box: the paper's B_{N,k} of all neurons. ``strata[0]`` is the volume of the box.
    facets : ndarray of int64, shape (65,)
        ``facets[k]`` regions have k facets; the last entry holds those with 64 or more.
    mean_facets : float
        Of a region, those in sides of the box included.
    volumes : Histogram
    volume_moments : ndarray of float64, shape (4,)
        Means of the volume of a region and of its second to fourth power.
    largest : tuple of NotableCell
        In order.
    diagnostics : dict
        As in `BoxPartition`.
    """

    n_regions: int
    n_linear_regions: int | None
    n_gradient_regions: int | None
    face_counts: IndexArray
    strata: FloatArray
    facets: IndexArray
    mean_facets: float
    volumes: Histogram
    volume_moments: FloatArray
    largest: tuple[NotableCell, ...]
    diagnostics: dict[str, Any]

    @property
    def volume(self) -> float:
        """Sum of the volumes of all regions."""
        return float(self.strata[0])

    def volume_quantile(self, share: float) -> float:
        """Return the least volume that a share of the regions does not exceed, to within a twentieth of a decade.

        Parameters
        ----------
        share : float
            From 0 to 1.

        Raises
        ------
        InvalidValueError
            If it is no such number.
        """
        given = float(as_float_array(share, "share", "CellStatistics.volume_quantile", ndim=0))
        if not 0.0 <= given <= 1.0:
            raise InvalidValueError(
                f"`share` is {given:g}, but CellStatistics.volume_quantile needs a number from 0 to 1. Give 0.5 for "
                "the median."
            )
        reached = np.cumsum(self.volumes.counts)
        k = int(np.searchsorted(reached, max(1.0, given * reached[-1])))
        return float(10.0 ** self.volumes.log10_edges[k : k + 2].mean())


class _Large(NamedTuple):
    volume: float
    centroid: FloatArray
    n_facets: int
    words: WordArray


class _Digest(NamedTuple):
    measures: BatchMeasures
    facets: IndexArray
    n_facets: int
    volumes: tuple[int, IndexArray]
    moments: FloatArray
    largest: list[_Large]
    joined: list[JoinedCells]


class BoxStatistics(BoxSink):
    """Measure all cells of a box and keep only sums, histograms and a few large cells.

    Pass it as ``sink`` to `linregions.partition`, which then returns `CellStatistics`. Memory does not grow with the
    number of regions, but for faces where more neurons switch at once than in general position, and for linear and
    gradient regions, where it grows with the facets between what is done and what is not.

    Parameters
    ----------
    linear, gradient : bool
        Whether to count linear or gradient regions as well, which takes the patterns of all regions.
    largest : int
        How many of the largest regions to keep.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If `largest` is no whole number, or negative.
    """

    def __init__(self, *, linear: bool = False, gradient: bool = False, largest: int = 3) -> None:
        self.linear, self.gradient = bool(linear), bool(gradient)
        self._kinds = [kind for kind, wanted in (("linear", self.linear), ("gradient", self.gradient)) if wanted]
        self.n_largest = as_integer(largest, "largest", "BoxStatistics", 0)

    def begin(self, network: Network, domain: Box | Polytope, relative: float) -> None:
        """Forget everything."""
        self._network, self._domain, self._whole = network, domain, volume_of(domain)
        self._totals = Totals(network.n_in)
        self._facets = np.zeros(_MOST_FACETS + 1, dtype=np.int64)
        self._n_facets = 0
        self._volumes = np.zeros(_N_BINS, dtype=np.int64)
        self._moments = np.zeros(_N_MOMENTS)
        self._largest: list[_Large] = []
        self._counts = [JoinedCount(network, kind) for kind in self._kinds]

    def digest(self, batch: CellBatch) -> _Digest:
        """Measure a batch."""
        measures = Measurer(batch.points.shape[1]).measure(batch, names=bool(self._kinds))
        volumes = measures.volumes
        n_facets = np.bitwise_count(measures.present)
        # Powers of volumes of many inputs would underflow, but not of shares of the whole.
        shares = volumes / self._whole
        squares = shares * shares
        return _Digest(
            measures.sums(),
            np.bincount(np.minimum(n_facets, _MOST_FACETS), minlength=_MOST_FACETS + 1),
            int(n_facets.sum(dtype=np.int64)),
            _put_to_bins(volumes),
            np.array([powers.sum() for powers in (shares, squares, squares * shares, squares * squares)]),
            [
                _Large(float(volumes[c]), measures.centroids[c].copy(), int(n_facets[c]), batch.pattern_words[c].copy())
                for c in _largest(volumes, self.n_largest)
            ],
            [joined_cells(self._network, batch, measures, kind) for kind in self._kinds],
        )

    def collect(self, digested: _Digest) -> None:
        """Add a batch."""
        self._totals.add(digested.measures)
        self._facets += digested.facets
        self._n_facets += digested.n_facets
        first, counts = digested.volumes
        self._volumes[first : first + counts.size] += counts
        self._moments += digested.moments
        self._largest = sorted(self._largest + digested.largest, key=lambda cell: -cell.volume)[: self.n_largest]
        for count, joined in zip(self._counts, digested.joined, strict=True):
            count.add(joined)

    def finish(self, summary: BoxSummary) -> CellStatistics:
        """Return the statistics.

        Raises
        ------
        NumericalError
            If volumes do not sum to that of the box, or numbers of faces contradict one another.
        """
        strata, face_counts = self._totals.finish()
        diagnostics = {**summary.diagnostics, "volume_defect": volume_defect(float(strata[0]), self._domain)}
        counts = {count.kind: count.finish() for count in self._counts}
        center = BoxFrame.of(self._domain).center
        patterns = (
            unpack_patterns(self._network, np.array([cell.words for cell in self._largest])) if self._largest else ()
        )
        with np.errstate(over="ignore", under="ignore"):
            moments = self._moments / summary.n_cells * self._whole ** np.arange(1.0, _N_MOMENTS + 1)
        return CellStatistics(
            n_regions=summary.n_cells,
            n_linear_regions=counts.get("linear"),
            n_gradient_regions=counts.get("gradient"),
            face_counts=face_counts,
            strata=strata,
            facets=self._facets,
            mean_facets=self._n_facets / summary.n_cells,
            volumes=_histogram(self._volumes),
            volume_moments=moments,
            largest=tuple(
                NotableCell(cell.volume, cell.centroid + center, cell.n_facets, pattern)
                for cell, pattern in zip(self._largest, patterns, strict=True)
            ),
            diagnostics=diagnostics,
        )


def _largest(volumes: FloatArray, n: int) -> IndexArray:
    """Return the cells with the `n` largest volumes, in order; of equal ones, the first."""
    some = np.arange(volumes.size)
    if 0 < n < volumes.size:
        some = np.flatnonzero(volumes >= np.partition(volumes, -n)[-n])
    return some[np.argsort(-volumes[some], kind="stable")[:n]]


def _put_to_bins(volumes: FloatArray) -> tuple[int, IndexArray]:
    """Return the first bin that is not empty, and the counts from there on."""
    with np.errstate(divide="ignore"):
        bins = np.floor(_BINS_IN_DECADE * np.log10(volumes))
    numbers = np.clip(bins, -_BIN_OF_ONE, _N_BINS - _BIN_OF_ONE - 1).astype(np.int64) + _BIN_OF_ONE
    first = int(numbers.min())
    return first, np.bincount(numbers - first)


def _histogram(counts: IndexArray) -> Histogram:
    """Cut a histogram to where it is not empty."""
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1]) + 1
    return Histogram((np.arange(first, last + 1) - _BIN_OF_ONE) / _BINS_IN_DECADE, counts[first:last].copy())
