"""Regions and boundaries within a radius of given points: exact counts, and the usual approximation by signs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.announcement import announce_compilation
from linregions._support.limits import batch_numbers, limit_of_work, with_remedy
from linregions._support.progress import ProgressBar
from linregions._support.shown import Told
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_choice, as_generator, as_integer, as_point_rows, as_positive
from linregions.domains.sections import random_frames
from linregions.domains.solids import Ball
from linregions.domains.windows import Segment
from linregions.errors import InvalidValueError, MemoryLimitError
from linregions.measures.input_units import in_units, unit_for
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.drive import Each, drive
from linregions.regions.kinds import COUNTS, KINDS
from linregions.regions.lines.find import partition_lines
from linregions.regions.lines.partition import LinePartition
from linregions.regions.options import Options
from linregions.regions.partition import warn_of_undecided
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.sections import count_in_disc

_WHO = "local_complexity"
# Directions of the frame, and planes, where nothing else is asked for.
_FRAME_SIZE = 20
_PLANES = 4
# Points with which a sufficient limit on memory is found.
_TRIED = 4
# How far points may be from the origin, in radii, to be measured in them.
_FARTHEST = 2.0**40


@dataclass(frozen=True, eq=False)
class LocalComplexity(Told):
    """What lies within a radius of each of N points; all arrays have shape (N,) and each its standard error.

    Made by `local_complexity`. Standard errors are those of the mean over the random frames or planes of a point, NaN
    where there was only one.

    Parameters
    ----------
    radius : float
        In units of the input space.
    kind : {"activation", "linear", "gradient"}
        What regions and boundaries are; `frame_switches` and `sign_changes` know no kind.
    line_regions, line_regions_stderr : ndarray of float64
        Mean number of regions on a diameter of the ball round the point, exact on each diameter.
    plane_regions, plane_regions_stderr : ndarray of float64
        Mean number of regions in a disc round the point, exact in each disc; NaN without planes.
    plane_boundaries, plane_boundaries_stderr : ndarray of float64
        Mean number of straight boundary pieces in a disc, that is, of facets of regions that the disc meets.
    frame_switches, frame_switches_stderr : ndarray of float64
        Mean number of distinct switches (a neuron at one of its breakpoints) on the diameters of an orthonormal frame.
    sign_changes, sign_changes_stderr : ndarray of float64
        The approximation: how many of these are told by the signs at the ends of the diameters alone.
    """

    radius: float
    kind: str
    line_regions: FloatArray
    line_regions_stderr: FloatArray
    plane_regions: FloatArray
    plane_regions_stderr: FloatArray
    plane_boundaries: FloatArray
    plane_boundaries_stderr: FloatArray
    frame_switches: FloatArray
    frame_switches_stderr: FloatArray
    sign_changes: FloatArray
    sign_changes_stderr: FloatArray

    @property
    def line_boundaries(self) -> FloatArray:
        """Mean number of boundaries on a diameter, shape (N,); its standard error is that of `line_regions`."""
        return self.line_regions - 1.0

    def _facts(self) -> dict[str, Any]:
        means = {name: getattr(self, name) for name in ("line_regions", "plane_regions", "frame_switches")}
        told = {
            name.replace("_", " "): f"mean {np.mean(values):.4g}" for name, values in means.items() if np.size(values)
        }
        return {"points": self.line_regions.size, "radius": self.radius, "kind": self.kind, **told}

    def __repr__(self) -> str:
        return f"LocalComplexity({self.line_regions.size} points, radius {self.radius:g}, {self.kind} regions)"


def local_complexity(
    network: Network,
    points: npt.ArrayLike,
    radius: float,
    *,
    rng: np.random.Generator | int,
    n_frames: int = 4,
    frame_size: int | None = None,
    n_planes: int | None = None,
    kind: str = "activation",
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> LocalComplexity:
    r"""Count regions and boundaries within a radius of points, exactly, along random directions and planes.

    Parameters
    ----------
    network : Network
        Or a PyTorch module or an MLP of scikit-learn, which is converted.
    points : array_like, shape (N, n_in)
        In units of the input space; one point may be given as shape (n_in,). Images are flattened.
    radius : float
        Of the ball round each point.
    rng : numpy.random.Generator or int
        Source of the frames and planes, or a seed.
    n_frames : int
        Random orthonormal frames for each point.
    frame_size : int, optional
        Vectors of a frame; by default 20, or `n_in` where that is less.
    n_planes : int, optional
        Random planes for each point; by default 4 (0 for one input). 0 leaves them out, and their arrays NaN.
    kind : {"activation", "linear", "gradient"}
        Regions of constant pattern, linear or gradient regions (see `partition`).
    threads : int
        Number of threads, -1 for all cores; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.
    memory_limit : int, optional
        Bytes that the work may take, beside the result, which does not depend on it.

    Returns
    -------
    LocalComplexity

    Raises
    ------
    InvalidValueError
        If points do not fit the network, the radius is not positive or so small that it leads nowhere in float64, or an
        option is out of its range.
    InvalidTypeError
        If an argument has the wrong type.
    NumericalError
        If the values of the network overflow.
    MemoryLimitError
        If a single line or plane does not fit into `memory_limit`; the message says what would fit.

    Notes
    -----
    Humayun et al. (2024) follow training by the number of neurons that cut a cross-polytope round a point, its 2 P
    corners :math:`x \pm r v_p` on an orthonormal frame: those whose sign is not the same at all corners. That is
    `sign_changes`, extended to any number of breakpoints. It misses every neuron that switches inside and is back at
    the corners, as the later layers of a trained network do, and it does not tell what its count means in regions.

    `frame_switches` is the exact counterpart on the same frames: the distinct switches that happen on the diameters
    from :math:`x - r v_p` to :math:`x + r v_p`. Two corners of different sign are joined through x by two radii, so
    ``sign_changes <= frame_switches`` always, but for rounding. `line_regions` counts on each diameter separately,
    neurons that switch several times included, and `plane_regions` in whole discs.

    A diameter's direction is uniform on the sphere, a plane's on the Grassmannian, for each point anew. Cost is about
    that of ``n_frames * frame_size`` short chords and `n_planes` partitions for each point.

    References
    ----------
    Humayun, Balestriero & Baraniuk (2024), Deep networks always grok and here is why, section 2. Hanin & Rolnick
    (2019), section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import linregions as lr
    >>> net = lr.random_network([10, 32, 32, 2], 0, bias_variance=0.1)
    >>> found = lr.local_complexity(net, np.zeros((3, 10)), 1.0, rng=1)
    >>> bool(np.all(found.sign_changes <= found.frame_switches))
    True
    """
    network = as_network(network, "network", _WHO)
    centers = as_point_rows(points, "points", _WHO, network.n_in)
    size = min(_FRAME_SIZE, network.n_in) if frame_size is None else as_integer(frame_size, "frame_size", _WHO, 1)
    if size > network.n_in:
        raise InvalidValueError(
            f"`frame_size` is {size}, but {_WHO} needs at most the network's {network.n_in} inputs. "
            "Give a smaller number."
        )
    planes = (_PLANES if network.n_in > 1 else 0) if n_planes is None else as_integer(n_planes, "n_planes", _WHO, 0)
    if planes and network.n_in < 2:
        raise InvalidValueError(
            f"`n_planes` is {planes} for one input, but {_WHO} needs two inputs or more for planes. Give 0."
        )
    given = as_positive(radius, "radius", _WHO)
    farthest = float(np.abs(centers).max(initial=0.0))
    unit = unit_for(given) if farthest <= _FARTHEST * given else 1.0
    centers = centers / unit
    search = _Search(
        network=in_units(network, unit, "network", _WHO),
        radius=given / unit,
        kind=as_choice(kind, "kind", _WHO, KINDS),
        n_frames=as_integer(n_frames, "n_frames", _WHO, 1),
        frame_size=size,
        n_planes=planes,
        options=Options.checked(_WHO, threads=threads, progress=progress, memory_limit=memory_limit),
    )
    generator = as_generator(rng, "rng", _WHO)
    announce_compilation()
    try:
        return replace(search.run(centers, generator), radius=given)
    except MemoryLimitError as error:
        tried = partial(search.try_out, centers[:_TRIED])
        raise with_remedy(error, memory_limit, _WHO, 2 * search.options.threads, tried) from None


@dataclass(frozen=True, eq=False)
class _Search:
    """What is the same for all points."""

    network: Network
    radius: float
    kind: str
    n_frames: int
    frame_size: int
    n_planes: int
    options: Options
    numbers: int = 1 << 21  # that the segments of a batch may hold, so that memory does not grow with the points

    def run(self, centers: FloatArray, rng: np.random.Generator) -> LocalComplexity:
        """Work through the points in batches."""
        # One generator for frames and one for planes: then the batches do not matter.
        frame_rng, plane_rng = (np.random.default_rng(int(seed)) for seed in rng.integers(1 << 63, size=2))
        n = centers.shape[0]
        on_frames = np.empty((n, self.n_frames, 3))
        in_planes = np.full((n, max(self.n_planes, 1), 2), np.nan)
        each = self.network.n_in * (2 * self.n_frames * self.frame_size + 2 * self.n_planes)
        size = max(1, batch_numbers(self.numbers, self.options.memory_limit) // each)
        with one_blas_thread(), ProgressBar(n, "points", "point", self.options.progress) as bar:
            for start in range(0, n, size):
                batch = slice(start, min(start + size, n))
                on_frames[batch] = self._frames(centers[batch], frame_rng)
                if self.n_planes:
                    in_planes[batch] = self._planes(centers[batch], plane_rng)
                bar.update(batch.stop - batch.start)
        lines, switches, signs, regions, boundaries = *_means(on_frames), *_means(in_planes)
        return LocalComplexity(self.radius, self.kind, *lines, *regions, *boundaries, *switches, *signs)

    def try_out(self, centers: FloatArray, memory_limit: int) -> None:
        """Work on some points with another limit."""
        options = replace(self.options, progress=False, memory_limit=memory_limit)
        replace(self, options=options).run(centers, np.random.default_rng(0))

    def _frames(self, centers: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return regions on a diameter, distinct switches and sign changes, (points, frames, 3)."""
        n = centers.shape[0] * self.n_frames
        steps = self.radius * random_frames(n, self.frame_size, self.network.n_in, rng)
        middles = np.repeat(centers, self.n_frames, axis=0)[:, None, :]
        starts, ends = middles - steps, middles + steps
        flat = [array.reshape(-1, self.network.n_in) for array in (starts, ends)]
        (same,) = np.nonzero(np.all(flat[0] == flat[1], axis=1))
        if same.size:
            size = float(np.abs(flat[0][same[0]]).max())
            raise InvalidValueError(
                f"`radius` is {self.radius:g} round a point with a coordinate of {size:g}, beside which floats are "
                f"{np.spacing(size):.1e} apart, but {_WHO} needs one that leads to other points. Give a larger radius, "
                "or move the origin of the inputs near the points."
            )
        segments = [Segment(a, b) for a, b in zip(*flat, strict=True)]
        limit = limit_of_work(self.options.memory_limit)
        parts = partition_lines(self.network, segments, replace(self.options, progress=False, memory_limit=limit))
        warn_of_undecided(sum(int(part.diagnostics["undecided"]) for part in parts), 5)
        found = np.empty((n, 3))
        for k in range(n):
            group = parts[k * self.frame_size : (k + 1) * self.frame_size]
            regions = [getattr(part, COUNTS[self.kind]) for part in group]
            found[k, 0] = np.mean(regions)
            found[k, 1] = _distinct_switches(group)
        pieces = self.network.patterns(np.concatenate([starts, ends], axis=1))
        # Each breakpoint that lies between the pieces of two corners has them on different sides.
        found[:, 2] = (pieces.max(axis=1, initial=0) - pieces.min(axis=1, initial=255)).sum(axis=1, dtype=np.int64)
        return found.reshape(centers.shape[0], self.n_frames, 3)

    def _planes(self, centers: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return regions and boundary pieces in discs, (points, planes, 2)."""
        bases = random_frames(centers.shape[0] * self.n_planes, 2, self.network.n_in, rng)
        limit = limit_of_work(self.options.memory_limit, self.options.threads)

        def one(k: int, stopped: threading.Event) -> tuple[int, int]:
            center = centers[k // self.n_planes]
            section = Ball(center, self.radius).section(center, bases[k])
            if section is None:  # a radius whose square underflows
                return 1, 0
            part = partition_plane(self.network, section.window, Options(memory_limit=limit, stopped=stopped))
            undecided[k] = part.diagnostics["undecided"]
            return count_in_disc(part, section, self.kind)

        undecided = np.zeros(bases.shape[0], dtype=np.int64)
        counts = list(drive(Each(one, range(bases.shape[0])), replace(self.options, progress=False)))
        warn_of_undecided(int(undecided.sum()), 5)
        return np.array(counts, dtype=np.float64).reshape(centers.shape[0], self.n_planes, 2)


def _distinct_switches(parts: list[LinePartition]) -> int:
    """Count pairs of a neuron and a breakpoint that switch on any of some lines."""
    names = [part.switch_neurons.astype(np.int64) * 256 + part.switch_breakpoints for part in parts]
    return int(np.unique(np.concatenate(names)).size)


def _means(samples: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Return mean and standard error over the middle axis of samples, (points, repetitions, columns), by columns."""
    n = samples.shape[1]
    means = samples.mean(axis=1)
    errors = samples.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full_like(means, np.nan)
    return [(np.ascontiguousarray(m), np.ascontiguousarray(e)) for m, e in zip(means.T, errors.T, strict=True)]
