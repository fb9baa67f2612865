"""Laws of biases: what a density is asked for, and whether it is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array, as_positive, frozen
from linregions.errors import InvalidTypeError, InvalidValueError

# How many draws place the nodes where a density is integrated, and how far its integral may be from one.
_DRAWS = 8192
_INTEGRAL_TOLERANCE = 5e-3
# sqrt(n) times the largest distance of two distribution functions exceeds this with a probability below 1e-7.
_KOLMOGOROV = 3.0


@runtime_checkable
class BiasLaw(Protocol):
    """What the law of one bias offers: a density and draws, as every frozen continuous law of ``scipy.stats`` does."""

    def pdf(self, x: Any, /) -> Any:
        """Return the density at `x`, any shape."""

    def rvs(self, *, size: Any, random_state: Any) -> Any:
        """Return independent draws from a ``numpy.random.Generator``."""


@dataclass(frozen=True)
class NormalBias:
    """The centred normal law of a bias.

    Parameters
    ----------
    sd : float
        Standard deviation; the paper's experiments have 1e-3.

    Examples
    --------
    >>> from linregions.theory import NormalBias
    >>> round(float(NormalBias(0.5).pdf(0.0)), 6)
    0.797885
    """

    sd: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sd", as_positive(self.sd, "sd", "NormalBias"))

    def pdf(self, x: npt.ArrayLike, /) -> FloatArray:
        """Return the density at `x`, any shape."""
        scaled = np.asarray(x, dtype=np.float64) / self.sd
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(-0.5 * scaled * scaled) / (self.sd * math.sqrt(2 * math.pi)))

    def rvs(self, *, size: Any = None, random_state: np.random.Generator) -> Any:
        """Return independent draws of the shape `size`."""
        return random_state.normal(scale=self.sd, size=size)


@dataclass(frozen=True)
class UniformBias:
    """The uniform law of a bias on [-half_width, half_width].

    Parameters
    ----------
    half_width : float

    Examples
    --------
    >>> from linregions.theory import UniformBias
    >>> UniformBias(0.5).pdf([0.0, 0.6])
    array([1., 0.])
    """

    half_width: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "half_width", as_positive(self.half_width, "half_width", "UniformBias"))

    def pdf(self, x: npt.ArrayLike, /) -> FloatArray:
        """Return the density at `x`, any shape."""
        return np.where(np.abs(np.asarray(x, dtype=np.float64)) <= self.half_width, 0.5 / self.half_width, 0.0)

    def rvs(self, *, size: Any = None, random_state: np.random.Generator) -> Any:
        """Return independent draws of the shape `size`."""
        return random_state.uniform(-self.half_width, self.half_width, size=size)


@dataclass(frozen=True, eq=False)
class JointNormalBiases:
    """A normal law of all biases together, with any covariance.

    Parameters
    ----------
    covariance : array_like, shape (n_neurons, n_neurons)
        Symmetric and positive definite; neurons are numbered through all hidden layers.
    mean : array_like, shape (n_neurons,), optional
        Zero if left out.

    Raises
    ------
    InvalidValueError
        If the covariance is not symmetric and positive definite, so that there is no density, or sizes differ.

    Notes
    -----
    Assumption A1 asks for the density of some biases *given all others*; of a normal law that is normal again, with
    the inverse of the block of the precision matrix as its covariance.

    Examples
    --------
    >>> from linregions.theory import JointNormalBiases
    >>> JointNormalBiases([[1.0, 0.6], [0.6, 1.0]]).conditional_sds.round(6)
    array([0.8, 0.8])
    """

    covariance: FloatArray
    mean: FloatArray | None = None
    precision: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        who = "JointNormalBiases"
        covariance = as_float_array(self.covariance, "covariance", who, ndim=2)
        if covariance.shape[0] != covariance.shape[1] or not covariance.size:
            raise InvalidValueError(
                f"`covariance` has shape {covariance.shape}, but {who} needs a square matrix. "
                "Give one row and one column for each neuron."
            )
        mean = np.zeros(len(covariance)) if self.mean is None else as_float_array(self.mean, "mean", who, ndim=1)
        if mean.shape != covariance.shape[:1]:
            raise InvalidValueError(
                f"`mean` has {mean.size} entries for a covariance of {len(covariance)} rows, but {who} needs as many. "
                "Give one for each neuron."
            )
        eigenvalues = np.linalg.eigvalsh(covariance)
        if not np.allclose(covariance, covariance.T) or eigenvalues[0] <= 1e-12 * eigenvalues[-1]:
            raise InvalidValueError(
                f"`covariance` has eigenvalues from {eigenvalues[0]:g} to {eigenvalues[-1]:g}, but {who} needs a "
                "symmetric positive definite matrix, since the biases have no density otherwise. Add a multiple of "
                "the identity."
            )
        object.__setattr__(self, "covariance", frozen(covariance))
        object.__setattr__(self, "mean", frozen(mean))
        object.__setattr__(self, "precision", frozen(np.linalg.inv(covariance)))

    @property
    def conditional_sds(self) -> FloatArray:
        """Standard deviation of each bias given all others, shape (n_neurons,)."""
        return np.asarray(1.0 / np.sqrt(np.diag(self.precision)))

    def conditional_density(
        self, neurons: npt.NDArray[np.intp], values: FloatArray, biases: FloatArray, network: npt.NDArray[np.intp]
    ) -> FloatArray:
        """Return the density of some biases given all others.

        Parameters
        ----------
        neurons : ndarray of int, shape (P, k)
            Distinct neurons.
        values : ndarray, shape (P, k)
            Where the density of their biases is wanted.
        biases : ndarray, shape (B, n_neurons)
            All biases of each network; those of `neurons` do not matter.
        network : ndarray of int, shape (P,)
            Of which network.

        Returns
        -------
        ndarray, shape (P,)
        """
        assert self.mean is not None
        centred = biases - self.mean
        row = network[:, None]
        block = self.precision[neurons[:, :, None], neurons[:, None, :]]
        # Precision times the deviations of the others alone; their effect on the mean is minus its solution.
        outer = (centred @ self.precision)[row, neurons] - np.einsum("pij,pj->pi", block, centred[row, neurons])
        away = values - self.mean[neurons] + np.linalg.solve(block, outer[..., None])[..., 0]
        exponent = -0.5 * np.einsum("pi,pij,pj->p", away, block, away)
        scale = np.sqrt(np.linalg.det(block) / (2 * math.pi) ** neurons.shape[1])
        return np.asarray(scale * np.exp(exponent))

    def draw(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Return independent draws of all biases, shape (count, n_neurons)."""
        assert self.mean is not None
        factor = np.linalg.cholesky(self.covariance)
        return np.asarray(self.mean + rng.normal(size=(count, len(factor))) @ factor.T)


class DensityTable:
    """A density on nodes that follow its own draws: its integral, distribution function and bounds.

    Raises InvalidTypeError if `law` has no ``pdf`` or no ``rvs``, and InvalidValueError if the density is negative or
    NaN, does not integrate to one, or does not fit the draws; messages call law and caller `name` and `who`.

    Between neighbouring draws lies one part in 8,192 of the mass, whatever its scale, and tails are cut into intervals
    that double; on each, five Gauss nodes. Jumps of the density cost at most the mass between two draws.
    """

    def __init__(self, law: Any, name: str, who: str = "RandomNetworks") -> None:
        if not isinstance(law, BiasLaw):
            raise InvalidTypeError(
                f"`{name}` is {type(law).__name__}, but {who} needs a law with `pdf` and `rvs`. "
                "Use NormalBias, UniformBias or a frozen continuous law of scipy.stats."
            )
        draws = law.rvs(size=_DRAWS, random_state=np.random.default_rng(0))
        draws = np.sort(as_float_array(draws, f"{name}.rvs", who, ndim=1))
        ordered = np.unique(draws)
        scale = float(ordered[-1] - ordered[0]) if ordered.size > 1 else 0.0
        if not scale:
            raise InvalidValueError(
                f"`{name}` always draws {draws[0]:g}, but {who} needs biases with a density (A1). "
                "Give a law with a positive spread."
            )
        steps = scale * 2.0 ** np.arange(-30, 40)
        self.law = law
        self._edges = np.concatenate([ordered[0] - steps[::-1], ordered, ordered[-1] + steps])
        nodes, node_weights = np.polynomial.legendre.leggauss(5)
        width = np.diff(self._edges)
        points = self._edges[:-1, None] + 0.5 * width[:, None] * (nodes + 1)
        density = np.asarray(law.pdf(points), dtype=np.float64)
        if density.shape != points.shape or np.isnan(density).any() or np.any(density < 0):
            raise InvalidValueError(
                f"`{name}.pdf` returns values that are negative, NaN or of another shape, but {who} needs a density. "
                "Return one number of at least 0 for each argument."
            )
        self._nodes, self._density = points.ravel(), density.ravel()
        mass = 0.5 * width * (density @ node_weights)
        total = float(mass.sum())
        if not abs(total - 1.0) <= _INTEGRAL_TOLERANCE:
            raise InvalidValueError(
                f"`{name}.pdf` integrates to {total:.4g}, but {who} needs a density that integrates to one. "
                "Divide it by its integral."
            )
        self._cdf = np.concatenate([[0.0], np.cumsum(mass)]) / total
        ranks = np.searchsorted(draws, self._edges, side="right") / draws.size
        gap = float(np.abs(ranks - self._cdf).max())
        if gap * math.sqrt(draws.size) > _KOLMOGOROV:
            raise InvalidValueError(
                f"`{name}.pdf` and `{name}.rvs` differ by {gap:.2g} in their distribution functions, but {who} needs "
                "draws from that density. Check sign, location and scale."
            )

    @property
    def median_and_scale(self) -> tuple[float, float]:
        """Median, and the scale of the logistic law with the same quartiles."""
        low, middle, high = np.interp([0.25, 0.5, 0.75], self._cdf, self._edges)
        return float(middle), max(float(high - low), 1e-300) / (2 * math.log(3.0))

    @property
    def sup(self) -> float:
        """The largest value of the density, inf where a draw or node meets a pole."""
        if isinstance(self.law, NormalBias | UniformBias):
            return float(self.law.pdf(0.0))
        return self._refined(self._nodes, self._density, 1.0)

    def inf(self, eta: float) -> float:
        """Return the smallest value of the density on [-eta, eta]."""
        if isinstance(self.law, NormalBias | UniformBias):
            return float(self.law.pdf(eta))
        inside = self._nodes[np.abs(self._nodes) < eta]
        nodes = np.unique(np.concatenate([np.linspace(-eta, eta, 1025), inside]))
        return -self._refined(nodes, np.asarray(self.law.pdf(nodes), dtype=np.float64), -1.0)

    def _refined(self, nodes: FloatArray, density: FloatArray, sign: float) -> float:
        """Return the largest value of ``sign * density``, searched on ever finer nodes around the best one."""
        best = float((sign * density).max())
        for _ in range(8):
            at = int(np.argmax(sign * density))
            nodes = np.linspace(nodes[max(at - 1, 0)], nodes[min(at + 1, nodes.size - 1)], 65)
            density = np.asarray(self.law.pdf(nodes), dtype=np.float64)
            best = max(best, float((sign * density).max()))
        return best

    @property
    def variance(self) -> float:
        """Variance of the law: its own ``var()`` if it has one."""
        if isinstance(self.law, NormalBias):
            return self.law.sd**2
        if isinstance(self.law, UniformBias):
            return self.law.half_width**2 / 3
        if hasattr(self.law, "var"):
            return float(self.law.var())
        mass = np.diff(self._cdf)
        middle = 0.5 * (self._edges[1:] + self._edges[:-1])
        return float(mass @ middle**2 - (mass @ middle) ** 2)


def tables_of(biases: Any, depth: int, n_neurons: int, who: str) -> tuple[DensityTable, ...]:
    """Check the laws of all biases; return the table of each hidden layer, none for a joint law."""
    if isinstance(biases, JointNormalBiases):
        if len(biases.covariance) != n_neurons:
            raise InvalidValueError(
                f"`biases` is a joint law of {len(biases.covariance)} biases, but {who} needs one for each of the "
                f"{n_neurons} neurons. Give a covariance with as many rows."
            )
        return ()
    if not isinstance(biases, Sequence):
        return (DensityTable(biases, "biases", who),) * depth
    if len(biases) != depth:
        raise InvalidValueError(
            f"`biases` has {len(biases)} laws, but {who} needs one for each of the {depth} hidden layers. "
            "Give one law for all neurons or as many as hidden layers."
        )
    return tuple(DensityTable(law, f"biases[{k}]", who) for k, law in enumerate(biases))
