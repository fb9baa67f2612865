"""Volume of the boundaries between regions, per unit of volume, in any input dimension (sec. 2.2, eq. 3)."""

from __future__ import annotations

import math
import threading
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.announcement import announce_compilation
from linregions._support.estimates import Estimate, seed_of
from linregions._support.limits import batch_numbers, limit_of_work, with_remedy
from linregions._support.progress import ProgressBar
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_choice, as_float_array, as_generator, as_integer, as_positive
from linregions.domains.polytopes import MOST_INPUTS
from linregions.domains.sections import mean_crossing_factor, random_directions, random_frames
from linregions.domains.solids import Ball, Box, Solid
from linregions.domains.windows import Segment
from linregions.errors import FewPointsWarning, InvalidTypeError, InvalidValueError, MemoryLimitError, NumericalError
from linregions.measures.input_units import in_units, unit_for
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.regions.drive import Each, drive
from linregions.regions.options import Options
from linregions.regions.partition import count_regions, partition, warn_of_undecided
from linregions.regions.planes.find import partition_plane
from linregions.regions.planes.sections import count_meetings

_WHO = "boundary_density"
# Planes are drawn through points of a box that is larger by this share, while inputs are few: see `_planes`.
_MARGIN, _FEW_INPUTS = 0.1, 5
_TRIED = 16  # chords or sections with which a sufficient limit on memory is found
# Boxes whose sides differ by more have mostly short chords; of which so few that meet a boundary tell nothing.
_FLAT, _FEW_CHORDS = 1e-2, 10
_KINDS = ("linear", "activation", "gradient")


def boundary_density(
    network: Network,
    low: npt.ArrayLike | Solid,
    high: npt.ArrayLike | None = None,
    *,
    rng: np.random.Generator | int,
    n_chords: int = 1000,
    rtol: float | None = None,
    kind: str = "linear",
    codimension: int = 1,
    method: str = "auto",
    threads: int = 1,
    progress: bool = False,
    memory_limit: int | None = None,
) -> Estimate:
    r"""Measure the boundary volume of a network in a box or ball, per unit of volume.

    Parameters
    ----------
    network : Network
        Or a PyTorch module or an MLP of scikit-learn, which is converted.
    low, high : array_like, shape (n_in,), or float
        Opposite corners of the box K; a number stands for all coordinates. Or, as `low` alone, a `Box` or a `Ball`.
    rng : numpy.random.Generator or int
        Source of the random chords, or a seed.
    n_chords : int
        How many random chords of K to count on; plane sections where `codimension` is 2.
    rtol : float, optional
        Aim at this relative standard error instead: `n_chords` chords tell how many are needed, and the estimate
        comes from fresh ones alone, so that it stays unbiased.
    kind : {"linear", "activation", "gradient"}
        Boundaries of linear regions, where a good neuron switches: with probability 1 the paper's B_N (Proposition 9);
        all places where a neuron switches; or B_N itself, where the gradient jumps (eq. 4).
    codimension : int
        1 for :math:`vol_{n-1}(B_N \cap K) / vol_n(K)`, 2 for :math:`vol_{n-2}` of the places where boundaries of at
        least two neurons meet, B_{N,2}. 2 needs two inputs or more; 3, 4 and 5, in boxes, as many and "exact".
    method : {"auto", "exact", "chords"}
        "exact" partitions the whole of K, for one or two inputs, or a box of at most five; "auto" does so for one or
        two.
    threads : int
        Number of threads, -1 for all cores; the result does not depend on it.
    progress : bool
        Whether to show a progress bar on stderr.
    memory_limit : int, optional
        Bytes that the work may take; the result does not depend on it.

    Returns
    -------
    Estimate
        In units of 1 / length**codimension. Exact values have ``stderr`` 0 and ``n`` 1.

    Raises
    ------
    InvalidValueError
        If K is unbounded, reversed, flat or of another dimension, or an option is out of its range.
    InvalidTypeError
        If an argument has the wrong type.
    MemoryLimitError
        If a single chord or section does not fit into `memory_limit`; the message says what would fit.
    NumericalError
        If values of the network overflow, or the density itself.

    Warns
    -----
    FewPointsWarning
        If fewer than ten chords met a boundary in a box with sides that differ by more than a hundred times.
    UndecidedWarning
        If some decisions lay within the rounding of float64.

    Notes
    -----
    Through a uniformly random point of K goes a line in a uniformly random direction; it has the length L in K and
    crosses the boundary there N times, counted exactly. By the Cauchy-Crofton formula

    .. math:: vol_{n-1}(B \cap K) / vol_n(K) = E[N / L] / E|u_1|

    since choosing the line by a point of K weighs it by L. The constant belongs to the directions
    (`linregions.domains.sections.mean_crossing_factor`). Likewise with a random plane, its section's area A and V
    vertices, ``(n_in - 1) E[V / A]`` for codimension 2. A mean of such ratios is unbiased; no volume of K enters. Fewer
    chords are needed than with uniformly random lines, except in two dimensions, where this method is not the default.

    A vertex counts where edges of at least two different neurons meet that are boundaries of `kind`, so T-junctions
    count: there a neuron is good on one side of the other only. Places shared by more neurons count once, and what
    lies in the border of K does not count. For boxes with up to five inputs, A is the area of the section through a
    box that is larger by a tenth, and the samples are weighed accordingly: small sections in a corner where boundaries
    meet would otherwise weigh without bound. Still, where nearly all boundaries pass one corner, as in [0, 1]^3 with
    almost no biases, few sections make `stderr` too small; take a thousand, or a ball.

    The standard error comes from the spread of the chords. If no chord met any boundary both are 0, which says only
    that the density is low against the inverse of the chords' total length. In a flat box chords are short, and few of
    them carry the estimate (`FewPointsWarning`). Memory does not grow with `n_chords` beyond one number each.

    References
    ----------
    Hanin & Rolnick (2019), eqs. (3), (4), (5) and Theorem 2. Santalo (2004), Integral Geometry and Geometric
    Probability, chapter 14.

    Examples
    --------
    >>> import linregions as lr
    >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [-0.5, -0.5]), ([[1.0, 1.0]], [0.0])])
    >>> lr.boundary_density(net, 0.0, 1.0, rng=0).value  # two segments of length 1 in the unit square
    2.0
    >>> net = lr.random_network([20, 16, 16, 10], 0)
    >>> print(lr.boundary_density(net, 0.0, 1.0, rng=1, n_chords=500))
    22.168 ± 0.974 (n = 500)
    """
    network = as_network(network, "network", _WHO)
    solid = _solid(network, low, high)
    generator = as_generator(rng, "rng", _WHO)
    count = as_integer(n_chords, "n_chords", _WHO, 2)
    target = None if rtol is None else as_positive(rtol, "rtol", _WHO)
    wanted = as_choice(kind, "kind", _WHO, _KINDS)
    order = as_integer(codimension, "codimension", _WHO, 1)
    how = as_choice(method, "method", _WHO, ("auto", "exact", "chords"))
    _check_method(how, order, solid)
    network, solid, unit = _in_own_units(network, solid)
    options = Options.checked(_WHO, threads=threads, progress=progress, memory_limit=memory_limit)
    announce_compilation()
    if how == "exact" or (how == "auto" and network.n_in <= 2):
        exactly = partial(_exact, network, solid, wanted, order, options.threads)
        try:
            return _in_units_of_inputs(Estimate(exactly(options.memory_limit), 0.0, 1, None), unit, order)
        except MemoryLimitError as error:
            raise with_remedy(error, options.memory_limit, _WHO, 1, exactly) from None
    sampler = _Sampler(network, solid, wanted, order, options, *_streams(generator))
    try:
        if target is not None:
            pilot = Estimate.from_samples(sampler.draw(count))
            if pilot.value > 0:
                count = max(count, math.ceil(count * (pilot.stderr / pilot.value / target) ** 2))
        samples = sampler.draw(count)
    except MemoryLimitError as error:
        raise with_remedy(error, options.memory_limit, _WHO, 2 * options.threads, sampler.try_out) from None
    _warn_of_flat_boxes(solid, samples)
    found = Estimate.from_samples(samples)
    return _in_units_of_inputs(Estimate(found.value, found.stderr, found.n, seed_of(generator)), unit, order)


def _check_method(method: str, codimension: int, solid: Solid) -> None:
    """Raise where a density cannot be had as it is wanted."""
    n = solid.n_in
    if codimension > n or (codimension > 2 and method != "exact"):
        raise InvalidValueError(
            f"`codimension` is {codimension} for {n} input(s), but {_WHO} needs 1, or 2 with at least two inputs, or "
            "as many as there are inputs in a box with method='exact'. Give 1."
        )
    if method == "exact" and n > 2 and not (isinstance(solid, Box) and n <= MOST_INPUTS):
        raise InvalidValueError(
            f"`method` is 'exact' for a {type(solid).__name__} of {n} inputs, but {_WHO} needs one or two for it, or "
            f"a Box of at most {MOST_INPUTS}. Give 'auto' or 'chords'."
        )


def _in_own_units(network: Network, solid: Solid) -> tuple[Network, Solid, float]:
    """Return network and domain in units in which no square of its size is out of range, and the unit."""
    size = solid.radius if isinstance(solid, Ball) else float((solid.high / 2 - solid.low / 2).max())
    unit = unit_for(size)
    if unit == 1.0:
        return network, solid, unit
    network = in_units(network, unit, "network", _WHO)
    if isinstance(solid, Ball):
        return network, Ball(solid.center / unit, solid.radius / unit), unit
    return network, Box(solid.low / unit, solid.high / unit), unit


def _in_units_of_inputs(found: Estimate, unit: float, codimension: int) -> Estimate:
    """Return a density from that in units of its own."""
    if unit == 1.0:
        return found
    with np.errstate(over="ignore", under="ignore"):
        value, stderr = (float(np.divide.reduce([x, *[unit] * codimension])) for x in (found.value, found.stderr))
    if not math.isfinite(value) or (found.value > 0) != (value > 0):
        raise NumericalError(
            f"`network` has a density of {found.value:g} * {unit:.0e}**-{codimension}, which is no float, but {_WHO} "
            "needs one. Scale the inputs."
        )
    return Estimate(value, stderr, found.n, found.seed)


def _warn_of_flat_boxes(solid: Solid, samples: FloatArray) -> None:
    """Tell where few chords or sections met a boundary since they are short, those of a box that is flat."""
    if not isinstance(solid, Box):
        return
    sides = solid.high - solid.low
    met = int(np.count_nonzero(samples))
    if met < _FEW_CHORDS and sides.min() < _FLAT * sides.max():
        warnings.warn(
            f"only {met} of {samples.size:,} chords or sections met a boundary, in a box whose sides differ by the "
            f"factor {sides.max() / sides.min():.2g}: most are about as short as the shortest side, so neither the "
            "value nor its standard error can be trusted. Raise `n_chords`, or measure inputs in units in which the "
            "sides are alike.",
            FewPointsWarning,
            stacklevel=3,
        )


def _solid(network: Network, low: Any, high: Any) -> Solid:
    """Return the domain K, whatever way it was given."""
    if isinstance(low, Box | Ball):
        if high is not None:
            raise InvalidTypeError(
                f"`high` is given beside a {type(low).__name__}, but {_WHO} needs either two corners or a domain. "
                "Leave it out."
            )
        solid: Solid = low
    else:
        if high is None:
            raise InvalidTypeError(f"`high` is missing, but {_WHO} needs both corners of the box. Give it.")
        corners = [as_float_array(value, name, _WHO) for value, name in ((low, "low"), (high, "high"))]
        corners = [corner.ravel() if corner.size == network.n_in and corner.ndim > 1 else corner for corner in corners]
        for name, corner in zip(("low", "high"), corners, strict=True):
            if corner.shape not in ((), (network.n_in,)):
                raise InvalidValueError(
                    f"`{name}` has shape {corner.shape}, but {_WHO} needs one number or one for each of the network's "
                    f"{network.n_in} inputs. Give shape ({network.n_in},)."
                )
        solid = Box(*(np.broadcast_to(corner, (network.n_in,)) for corner in corners))
    if solid.n_in != network.n_in:
        raise InvalidValueError(
            f"`low` is a {type(solid).__name__} in {solid.n_in} dimensions, but {_WHO} needs the network's "
            f"{network.n_in} inputs. Give it in the network's input space."
        )
    return solid


def _streams(rng: np.random.Generator) -> tuple[np.random.Generator, np.random.Generator]:
    """Make two generators, for points and directions: so chord k is the same in whatever batches chords are drawn."""
    first, second = (np.random.default_rng(int(seed)) for seed in rng.integers(1 << 63, size=2))
    return first, second


@dataclass(frozen=True, eq=False)
class _Sampler:
    """Independent, unbiased samples of the density, one from each chord or plane section."""

    network: Network
    solid: Solid
    kind: str
    codimension: int
    options: Options
    points: np.random.Generator
    directions: np.random.Generator
    numbers: int = 1 << 20  # that one array of a batch may hold, so that memory does not grow with the chords

    def try_out(self, memory_limit: int) -> None:
        """Draw some samples with another limit."""
        points, directions = _streams(np.random.default_rng(0))
        options = replace(self.options, progress=False, memory_limit=memory_limit)
        replace(self, options=options, points=points, directions=directions).draw(_TRIED)

    def draw(self, n: int) -> FloatArray:
        """Return the next n samples."""
        factor = mean_crossing_factor(self.network.n_in, self.codimension)
        numbers = batch_numbers(self.numbers, self.options.memory_limit)
        size = max(1, min(1024, numbers // (self.codimension * self.network.n_in)))
        parts = []
        with one_blas_thread(), ProgressBar(n, "sections", "section", self.options.progress) as bar:
            for start in range(0, n, size):
                m = min(size, n - start)
                parts.append((self._planes(m) if self.codimension == 2 else self._chords(m)) / factor)
                bar.update(m)
        return np.concatenate(parts)

    def _chords(self, n: int) -> FloatArray:
        """Return crossings per unit of length on n chords."""
        points = self.solid.uniform_points(n, self.points)
        directions = random_directions(n, self.network.n_in, self.directions)
        low, high = self.solid.chord_ends(points, directions)
        starts, ends = points + low[:, None] * directions, points + high[:, None] * directions
        lengths = high - low
        # Rounding may leave nothing of a chord in a corner; then it crosses nothing.
        whole = np.flatnonzero(np.any(starts != ends, axis=1) & (lengths > 0))
        crossings = np.zeros(n)
        if whole.size:
            segments = [Segment(starts[k], ends[k]) for k in whole]
            limit = limit_of_work(self.options.memory_limit)
            counts = count_regions(self.network, segments, self.kind, threads=self.options.threads, memory_limit=limit)
            crossings[whole] = (counts - 1) / lengths[whole]
        return crossings

    def _planes(self, n: int) -> FloatArray:
        """Return vertices per unit of area in n plane sections.

        A section near a corner of a box can be so small that one vertex in it outweighs all others, and if boundaries
        meet in that corner the samples have no variance. The same plane's section of a slightly larger box is not
        small, and weighs it just as well: ``V / A`` of the larger box, times its volume over that of K.
        """
        solid, wide, factor = self.solid, self.solid, 1.0
        if isinstance(solid, Box) and solid.n_in <= _FEW_INPUTS:
            wide, factor = solid.enlarged(_MARGIN), (1.0 + _MARGIN) ** solid.n_in
        points = wide.uniform_points(n, self.points)
        frames = random_frames(n, 2, self.network.n_in, self.directions)
        limit = limit_of_work(self.options.memory_limit, self.options.threads)
        undecided = np.zeros(n, dtype=np.int64)

        def one(k: int, stopped: threading.Event) -> float:
            around = wide.section(points[k], frames[k])
            section = solid.part_of(around) if around and isinstance(solid, Box) and wide is not solid else around
            if around is None or section is None:
                return 0.0
            part = partition_plane(self.network, section.window, Options(memory_limit=limit, stopped=stopped))
            undecided[k] = part.diagnostics["undecided"]
            return factor * count_meetings(part, self.kind, section) / around.area

        found = np.array(list(drive(Each(one, range(n)), replace(self.options, progress=False))))
        warn_of_undecided(int(undecided.sum()), 5)
        return found


def _exact(network: Network, solid: Solid, kind: str, codimension: int, threads: int, limit: int | None) -> float:
    """Return the density in an interval, a rectangle, a disc or a box, from the partition of the whole of it."""
    if network.n_in == 1:
        ends = (float(t[0]) for t in solid.chord_ends(solid.center[None, :], np.ones((1, 1))))
        low, high = (solid.center + t for t in ends)
        return float((count_regions(network, Segment(low, high), kind, memory_limit=limit) - 1) / (high - low)[0])
    if isinstance(solid, Box) and network.n_in > 2:
        cells = partition(network, solid, threads=threads, memory_limit=limit)
        warn_of_undecided(int(cells.diagnostics["undecided"]), 4)
        return cells.strata(codimension, kind) / float(np.prod(solid.high - solid.low))
    section = solid.whole()
    if section is None:  # a radius whose square underflows
        return 0.0
    part = partition(network, section.window, threads=threads, memory_limit=limit)
    warn_of_undecided(int(part.diagnostics["undecided"]), 4)
    if codimension == 2:
        return count_meetings(part, kind, section) / section.area
    edges = part.edges[part.is_boundary_of(kind)]
    lengths = section.lengths_inside(part.vertices[edges[:, 0]], part.vertices[edges[:, 1]])
    return float(lengths.sum() / section.area)
