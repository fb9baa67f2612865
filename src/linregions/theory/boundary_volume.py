"""Both sides of Theorems 3 and 6: the mean volume of the boundary of the linear regions in a bounded domain.

The right side is a mean over networks of an integral over the domain. With a density of the biases as narrow as the
paper's, the integrand is a spike about 0.001 wide around each place where a neuron switches, and over a whole window
it may live near the origin alone. So points follow the network: a k-dimensional domain (or a random k-dimensional
section of a larger one, see `_flats`) is cut into cells by bisection, those first in which neurons are likely to switch
given the other parameters of the network (`_strata`), and one uniform point is drawn in each cell. The cells are chosen
before the points, so the sum of cell volume times integrand is an unbiased estimate of the integral whatever the cells
are, and the integrand is the formula's own (`_pinning`).
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from linregions._support.estimates import Estimate
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray, as_choice, as_generator, as_integer
from linregions.domains.polytopes import MOST_INPUTS
from linregions.domains.solids import Box, PlaneSection
from linregions.domains.windows import Path, PlaneWindow, Segment
from linregions.errors import FewPointsWarning, InvalidTypeError, InvalidValueError
from linregions.networks.network import Network
from linregions.regions.partition import count_regions, partition
from linregions.regions.planes.sections import count_meetings
from linregions.theory._flats import Bounded, bounded_domain, simplex_volumes
from linregions.theory._pinning import Hidden, pinned_terms
from linregions.theory._strata import points_in, refined_cells
from linregions.theory.bias_laws import JointNormalBiases
from linregions.theory.ensembles import RandomNetworks

BoundedDomain = Segment | Path | PlaneWindow | Box | tuple[npt.ArrayLike, npt.ArrayLike]
_SAMPLINGS = ("cells", "uniform")
# How many points are tried on a few networks, until so many for each network carry the mean; fewer deserve a warning.
_FEWEST_POINTS, _MOST_POINTS, _PILOT_NETWORKS = 64, 8192, 64
_ENOUGH, _FEW = 4.0, 2.0
# How many numbers the largest array of a batch may hold, about.
_NUMBERS = 1 << 20


def expected_boundary_volume(
    law: RandomNetworks,
    domain: BoundedDomain,
    k: int = 1,
    *,
    rng: np.random.Generator | int,
    n_networks: int = 1000,
    n_points: int | None = None,
    sampling: Literal["cells", "uniform"] = "cells",
) -> Estimate:
    r"""Estimate the right side of Theorems 3 and 6 by Monte Carlo over networks and points.

    It is the sum over unordered sets of k distinct neurons, and over breakpoints, of the integral over K of E[Y]
    (eqs. 8, 12, 13; see `boundary_integrand`), and equals ``E vol_{n_in - k}(B_{N,k} in K)``. For a segment or window K
    in a space of more dimensions, ``n_in`` is that of K: the formula for the networks restricted to its line or plane.

    Parameters
    ----------
    law : RandomNetworks
    domain : Segment, Path, PlaneWindow, Box or (low, high)
        The bounded set K; a pair of arrays of shape (n_in,) is a box, a path counts with all its legs (k = 1).
    k : int
        How many neurons switch together: 1 or 2, or more in a box of three to five inputs.
    rng : numpy.random.Generator or int
    n_networks : int
        How many networks are drawn.
    n_points : int, optional
        At how many points each is evaluated (on each leg of a path). Few will do unless a density is narrow: then
        several for each place where neurons switch. If left out, 64 are tried on 64 networks drawn for this only, and
        then twice as many, until the mean is carried by enough of them, at most 8,192.
    sampling : {"cells", "uniform"}
        Points in cells that follow the network, or independent and uniform on K with all derivatives and the whole Gram
        determinant. Both are unbiased; the second needs biases that are not small beside the pre-activations. It is
        always taken where k is 3 or more and less than the number of inputs.

    Returns
    -------
    Estimate
        In units of length to the (dimension of K minus k); its standard error is over networks.

    Raises
    ------
    InvalidValueError
        If the domain is not bounded, lives in another space, or has fewer than k dimensions.
    InvalidTypeError
        If an argument is of the wrong type.

    Warns
    -----
    FewPointsWarning
        If few points carry the mean: less than two for each network, as measured by ``(sum c)^2 / sum c^2`` for the
        contributions c of all points.

    Notes
    -----
    The estimate is unbiased for any number of points. But with a narrow density and few points most networks miss
    the spikes of the integrand and rare ones count for all of them. Most such estimates are far too low, and their
    standard errors with them; hence the warning. (It is also given where few networks have any
    boundary in K; then more networks help.) With the paper's biases, k = 2 on [-1, 1]^2 needs about 512 points.

    References
    ----------
    Hanin & Rolnick (2019), Theorem 3, Theorem 6, eqs. (8), (12), (13) and Proposition 11.

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions.theory import RandomNetworks, expected_boundary_volume, measured_boundary_volume
    >>> law = RandomNetworks([1, 8, 8, 1])  # the paper's initialisation
    >>> right = expected_boundary_volume(law, lr.Segment([-1.0], [1.0]), rng=0, n_networks=200)
    >>> left = measured_boundary_volume(law, lr.Segment([-1.0], [1.0]), rng=1, n_networks=200)
    >>> abs(right.z_score(left)) < 4
    True
    """
    who = "expected_boundary_volume"
    legs, count, generator = _checked(law, domain, k, rng, who)
    networks = as_integer(n_networks, "n_networks", who, 2)
    points = None if n_points is None else as_integer(n_points, "n_points", who, 1)
    wanted = as_choice(sampling, "sampling", who, _SAMPLINGS)
    sections = count < 3 or legs[0].dimension == count  # of more dimensions than two none are made
    draw = _cell_samples if wanted == "cells" and sections else _uniform_samples
    with one_blas_thread():  # many small products
        if points is None:
            points = _FEWEST_POINTS
            while points < _MOST_POINTS:
                _, carried = _draws(draw, law, legs, count, generator, _PILOT_NETWORKS, points)
                if carried >= _ENOUGH:
                    break
                points *= 2
        samples, carried = _draws(draw, law, legs, count, generator, networks, points)
    if carried < _FEW:
        warnings.warn(
            f"`n_points` is {points}, but so few points carry the mean over {networks:,} networks (as many as "
            f"{carried:.2g} for each) that the estimate may be far too low and its standard error too small. "
            f"Give more points, e.g. {8 * points}.",
            FewPointsWarning,
            stacklevel=2,
        )
    return Estimate.from_samples(samples, generator)


def measured_boundary_volume(
    law: RandomNetworks, domain: BoundedDomain, k: int = 1, *, rng: np.random.Generator | int, n_networks: int = 1000
) -> Estimate:
    """Estimate the left side of Theorems 3 and 6: the mean boundary volume by exact partitions of random networks.

    Counted are breakpoints on a segment, the length of B_N in a window for k = 1 and its vertices for k = 2, each with
    the switches of good neurons alone. In a box of more than two inputs, what is counted is one random section of k
    dimensions for each network, times the Crofton constant: the mean is the same. For k of 3 and more the whole box is
    partitioned.

    Parameters
    ----------
    law : RandomNetworks
    domain : Segment, Path, PlaneWindow, Box or (low, high)
        The bounded set K, without its border.
    k : int
        1 or 2, or more in a box of three to five inputs.
    rng : numpy.random.Generator or int
    n_networks : int

    Returns
    -------
    Estimate
        As that of `expected_boundary_volume`.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        As in `expected_boundary_volume`.

    References
    ----------
    Hanin & Rolnick (2019), Theorem 3, Theorem 6, eqs. (5) and (8).

    Examples
    --------
    >>> from linregions.theory import RandomNetworks, NormalBias, measured_boundary_volume
    >>> law = RandomNetworks([2, 4, 1], biases=NormalBias(1.0))
    >>> measured_boundary_volume(law, ([-1.0, -1.0], [1.0, 1.0]), 2, rng=0, n_networks=50).n
    50
    """
    who = "measured_boundary_volume"
    legs, count, generator = _checked(law, domain, k, rng, who)
    networks = as_integer(n_networks, "n_networks", who, 2)
    samples = []
    for _ in range(networks):
        network = law.sample(generator)
        samples.append(sum(_measured(network, leg, count, generator) for leg in legs))
    return Estimate.from_samples(samples, generator)


def _measured(network: Network, bounded: Bounded, k: int, rng: np.random.Generator) -> float:
    """Return the boundary volume of one network, measured exactly, in a domain or by a section of it."""
    if k > 2:
        assert bounded.box is not None
        return float(partition(network, bounded.box).strata(k, "linear"))
    part = bounded.flat or bounded.section(k, rng)
    place = part.domain()
    if isinstance(place, Segment):
        found: float = count_regions(network, place, "linear") - 1
    else:
        plane = partition(network, place)
        if k == 1:
            found = float(plane.edge_lengths[plane.edge_is_linear_boundary].sum())
        else:
            found = count_meetings(plane, "linear", PlaneSection(place, place.area))
    return found * part.weight


def _checked(law: Any, domain: Any, k: Any, rng: Any, who: str) -> tuple[list[Bounded], int, np.random.Generator]:
    """Check what both sides share; the domain is given as its legs, which is one unless it is a path."""
    if not isinstance(law, RandomNetworks):
        raise InvalidTypeError(
            f"`law` is {type(law).__name__}, but {who} needs linregions.theory.RandomNetworks. "
            "Give e.g. `RandomNetworks([2, 16, 16, 1])`."
        )
    count = as_integer(k, "k", who, 1)
    places = [domain]
    if isinstance(domain, Path):  # the ends of legs are met with probability 0
        places = [Segment(a, b) for a, b in itertools.pairwise(domain.points)]
    legs = [bounded_domain(place, law.n_in, count, who) for place in places]
    if count > 2 and legs[0].dimension > MOST_INPUTS:
        raise InvalidValueError(
            f"`k` is {count} in {legs[0].dimension} dimensions, but {who} needs 1 or 2 beyond boxes of {MOST_INPUTS} "
            "inputs. Integrate `boundary_integrand`, which takes any k, yourself."
        )
    return legs, count, as_generator(rng, "rng", who)


def _draws(
    draw: Callable[..., FloatArray],
    law: RandomNetworks,
    legs: Sequence[Bounded],
    k: int,
    rng: np.random.Generator,
    networks: int,
    points: int,
) -> tuple[FloatArray, float]:
    """Return the integral for each network, and how many points for each network carry the mean of them.

    Each leg has networks of its own, so that sums over legs are independent, too.
    """
    rows = max(leg.dimension for leg in legs) if draw is _uniform_samples else k
    # Terms are far fewer than this where densities are narrow, so it is a generous size for a batch.
    terms = points * (law.n_neurons * law.n_breakpoints + 1) * (rows + 1)
    batch = max(1, min(networks, _NUMBERS // max(terms * k, 1), _NUMBERS // (law.n_in * max(law.widths[1:]))))
    samples, squares = np.zeros(networks), 0.0
    for leg in legs:
        for start in range(0, networks, batch):
            found = draw(law, leg, k, rng, min(batch, networks - start), points)
            samples[start : start + batch] += found.sum(axis=1)
            squares += float((found * found).sum())
    if not law.n_neurons:
        return samples, math.inf
    return samples, float(samples.sum() ** 2 / squares / networks) if squares else 0.0


def _hidden(law: RandomNetworks, weights: Sequence[FloatArray], biases: FloatArray) -> Hidden:
    """Return the networks behind their first affine step."""
    ends = np.cumsum((0, *law.hidden_widths))
    densities = law.biases if isinstance(law.biases, JointNormalBiases) else [one.pdf for one in law.layer_laws]
    layers = [biases[:, low:high] for low, high in itertools.pairwise(ends)]
    return Hidden(weights, layers, (law.activation,) * law.depth, densities)


def _first(weight: FloatArray, origin: FloatArray, frame: FloatArray, points: FloatArray) -> FloatArray:
    """Return first pre-activations at ``origin + points @ frame`` and their derivatives along the frame.

    Shapes: weight (B, n, n_in), origin (B, n_in), frame (B, m, n_in), points (B, M, m) -> (B, M, 1 + m, n).
    """
    along = np.matmul(frame, weight.swapaxes(1, 2))
    values = np.einsum("bni,bi->bn", weight, origin)[:, None, :] + np.matmul(points, along)
    shape = (*points.shape[:2], *along.shape[1:])
    return np.concatenate([values[:, :, None, :], np.broadcast_to(along[:, None], shape)], axis=2)


def _uniform_samples(
    law: RandomNetworks, bounded: Bounded, k: int, rng: np.random.Generator, size: int, n_points: int
) -> FloatArray:
    """Return what each of `n_points` uniform points adds to the integral over the domain, for `size` networks."""
    weights, biases = law.sample_parameters(rng, size)
    if bounded.flat is None:
        assert bounded.box is not None
        origin, frame = np.zeros(law.n_in), np.eye(law.n_in)
        points = bounded.box.uniform_points(size * n_points, rng).reshape(size, n_points, law.n_in)
    else:
        origin, frame = bounded.flat.origin, bounded.flat.frame
        parts = bounded.flat.simplices()
        volumes = simplex_volumes(parts)
        points = points_in(parts[rng.choice(len(parts), size=(size, n_points), p=volumes / volumes.sum())], rng)
    first = _first(weights[0], np.tile(origin, (size, 1)), np.tile(frame, (size, 1, 1)), points)
    terms = pinned_terms(first, _hidden(law, weights[1:], biases), k)
    return np.asarray(terms.sums(size, n_points) * (bounded.volume / n_points))


def _cell_samples(
    law: RandomNetworks, bounded: Bounded, k: int, rng: np.random.Generator, size: int, n_points: int
) -> FloatArray:
    """Return what a point in each cell adds to the integral over a section of the domain, for `size` networks."""
    weights, biases = law.sample_parameters(rng, size)
    flats = [bounded.section(k, rng) for _ in range(size)]
    origin, frame = np.stack([flat.origin for flat in flats]), np.stack([flat.frame for flat in flats])
    hidden = _hidden(law, weights[1:], biases)
    simplices = [flat.simplices() for flat in flats]
    # Sections of a box have different numbers of corners, networks of a batch the same number of simplices.
    most = max(len(parts) for parts in simplices)
    start = np.stack([_padded(parts, most) for parts in simplices])

    def features(points: FloatArray) -> npt.NDArray[np.float32]:
        return _switch_probabilities(law, hidden, _first_values(points), k)

    def _first_values(points: FloatArray) -> FloatArray:
        return _first(weights[0], origin, frame, points)[:, :, 0]

    cells = refined_cells(start, features, n_points)
    volumes = simplex_volumes(cells)
    terms = pinned_terms(_first(weights[0], origin, frame, points_in(cells, rng)), hidden, k, volumes)
    weights_of_flats = np.array([flat.weight for flat in flats])
    return np.asarray(terms.sums(size, cells.shape[1]) * volumes * weights_of_flats[:, None])


def _padded(simplices: FloatArray, count: int) -> FloatArray:
    """Bisect the largest triangles until there are `count`."""
    parts = list(simplices)
    while len(parts) < count:
        sizes = [float(simplex_volumes(part)) for part in parts]
        a, b, c = parts.pop(int(np.argmax(sizes)))
        parts += [np.stack([a, b, 0.5 * (b + c)]), np.stack([a, 0.5 * (b + c), c])]
    return np.stack(parts)


def _switch_probabilities(law: RandomNetworks, hidden: Hidden, values: FloatArray, k: int) -> npt.NDArray[np.float32]:
    """Return about how much of the law of each bias lies below z(x) - xi, shape (B, P, n_neurons T)."""
    xi = np.asarray(law.activation.breakpoints)
    nets, count, _ = values.shape
    found = [np.zeros((nets, count, 0))]
    for layer, (location, scale) in enumerate(law.bias_locations):
        # A deeper neuron moves by about a bias when another one is pinned, so sets are looked for more widely.
        spread = 2.0 * scale * k
        with np.errstate(under="ignore"):
            below = np.tanh((values[..., None] - xi - location) / spread)
        found.append(0.5 * below.reshape(nets, count, -1))
        values = law.activation(values - hidden.biases[layer][:, None, :])
        if layer + 1 < law.depth:
            values = np.matmul(values, hidden.weights[layer].swapaxes(1, 2))
    return np.concatenate(found, axis=2, dtype=np.float32)
