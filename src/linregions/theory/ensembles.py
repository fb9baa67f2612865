"""Laws of random networks: the paper's assumptions A1 and A2."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from linregions._support.validation import FloatArray, as_choice, as_generator, as_integer, as_positive
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.activations import RELU, PiecewiseLinear, as_activation
from linregions.networks.network import Network
from linregions.theory.bias_laws import BiasLaw, DensityTable, JointNormalBiases, NormalBias, tables_of


@dataclass(frozen=True)
class RandomNetworks:
    """The law of a random fully connected network with densities for weights and biases (assumptions A1 and A2).

    Parameters
    ----------
    widths : sequence of int
        ``[n_in, n_1, ..., n_d, n_out]``: units in the input, each hidden layer and the output.
    activation : PiecewiseLinear
        Of all hidden layers, with T >= 1 breakpoints.
    weights : {"normal", "uniform"}
        Weights are independent, centred, with variance `weight_gain` / fan-in.
    weight_gain : float
    biases : BiasLaw, sequence of BiasLaw, or JointNormalBiases
        Law of the paper's bias ``b_z``: independent with one law for all neurons or one for each hidden layer, or a
        joint normal law. Any frozen continuous law of ``scipy.stats`` will do.

    Raises
    ------
    InvalidValueError
        If a width is not positive, the activation has no breakpoint, a density does not integrate to one or does not
        fit its draws, or there are not as many laws as hidden layers.
    InvalidTypeError
        If an argument is of the wrong type.

    Notes
    -----
    The paper's neuron is ``phi(z(x) - b_z)`` with ``z(x)`` the pre-activation without its bias (eq. 7). The bias that
    a `Network` adds is therefore ``-b_z``; for a law that is not symmetric this matters. The bias of the output moves
    no boundary; it is 0.

    References
    ----------
    Hanin & Rolnick (2019), section 5, assumptions A1 and A2.

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions.theory import RandomNetworks, UniformBias
    >>> law = RandomNetworks([2, 8, 8, 1], lr.HARD_TANH, biases=UniformBias(0.5))
    >>> law.n_neurons, law.n_breakpoints, law.bias_density_sup
    (16, 2, 1.0)
    >>> law.sample(0)
    Network(2 -> 8 -> 8 -> 1, 16 neurons, activation hard_tanh)
    """

    widths: Sequence[int]
    activation: PiecewiseLinear = RELU
    weights: Literal["normal", "uniform"] = "normal"
    weight_gain: float = 2.0
    biases: BiasLaw | Sequence[BiasLaw] | JointNormalBiases = field(default_factory=lambda: NormalBias(1e-3))
    _tables: tuple[DensityTable, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        who = "RandomNetworks"
        given: Any = self.widths
        if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
            raise InvalidTypeError(
                f"`widths` is {given!r}, but {who} needs a sequence of integers. Give e.g. `[784, 64, 64, 64, 1]`."
            )
        widths = tuple(as_integer(width, f"widths[{k}]", who, 1) for k, width in enumerate(given))
        if len(widths) < 2:
            raise InvalidValueError(
                f"`widths` is {list(widths)}, but {who} needs the input and the output at least. "
                "Give e.g. `[784, 64, 64, 64, 1]`."
            )
        object.__setattr__(self, "widths", widths)
        given_activation: Any = self.activation
        activation = (
            as_activation(given_activation, "activation", who)
            if isinstance(given_activation, str)
            else given_activation
        )
        object.__setattr__(self, "activation", activation)
        if not isinstance(activation, PiecewiseLinear):
            raise InvalidTypeError(
                f"`activation` is {type(activation).__name__}, but {who} needs one PiecewiseLinear for all hidden "
                "layers. Use e.g. `linregions.RELU`."
            )
        if not activation.n_breakpoints:
            raise InvalidValueError(
                f"`activation` {activation.name} has no breakpoints, but {who} needs at least one, since there is no "
                "boundary otherwise. Use e.g. `linregions.RELU`."
            )
        as_choice(self.weights, "weights", who, ("normal", "uniform"))
        object.__setattr__(self, "weight_gain", as_positive(self.weight_gain, "weight_gain", who))
        object.__setattr__(self, "_tables", tables_of(self.biases, self.depth, self.n_neurons, who))
        if isinstance(self.biases, Sequence):
            object.__setattr__(self, "biases", tuple(self.biases))

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.widths[0]

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Widths ``n_1, ..., n_d`` of the hidden layers."""
        return tuple(self.widths[1:-1])

    @property
    def depth(self) -> int:
        """Number d of hidden layers."""
        return len(self.widths) - 2

    @property
    def n_neurons(self) -> int:
        """Number of neurons: units of the hidden layers."""
        return sum(self.widths[1:-1])

    @property
    def n_breakpoints(self) -> int:
        """Number T of breakpoints of the activation."""
        return self.activation.n_breakpoints

    @property
    def layer_laws(self) -> tuple[BiasLaw, ...]:
        """Law of the biases of each hidden layer; empty for a joint law."""
        laws: Any = self.biases
        if isinstance(laws, JointNormalBiases):
            return ()
        return tuple(laws) if isinstance(laws, tuple) else (laws,) * self.depth

    @property
    def bias_density_sup(self) -> float:
        """The paper's C_bias: the largest density of a bias given all other parameters (Corollaries 4 and 7)."""
        if isinstance(self.biases, JointNormalBiases):
            return float(1.0 / (np.sqrt(2 * np.pi) * self.biases.conditional_sds.min()))
        return max((table.sup for table in self._tables), default=0.0)

    def bias_density_inf(self, eta: float) -> float:
        """Return the paper's c_bias: the smallest density of a bias on [-eta, eta] (eq. 10).

        Parameters
        ----------
        eta : float

        Raises
        ------
        InvalidValueError
            If `eta` is not positive, or the biases are not independent (eq. 10 is about independent ones).
        """
        number = as_positive(eta, "eta", "bias_density_inf")
        self._needs_independence("bias_density_inf")
        return min((table.inf(number) for table in self._tables), default=0.0)

    @property
    def bias_variances(self) -> tuple[float, ...]:
        """Variance ``sigma_{b_j}^2`` of the biases of each hidden layer, which eta is made of (eq. 10)."""
        self._needs_independence("bias_variances")
        return tuple(table.variance for table in self._tables)

    def _needs_independence(self, who: str) -> None:
        if isinstance(self.biases, JointNormalBiases):
            raise InvalidValueError(
                f"`biases` is a joint law, but {who} needs independent biases. Give one law for each hidden layer."
            )

    @property
    def bias_locations(self) -> tuple[tuple[float, float], ...]:
        """Median and scale of the biases of each hidden layer, roughly; it guides where points are put."""
        if isinstance(self.biases, JointNormalBiases):
            assert self.biases.mean is not None
            spread = 0.6 * float(np.sqrt(np.diag(self.biases.covariance)).mean())
            return ((float(self.biases.mean.mean()), spread),) * self.depth
        return tuple(table.median_and_scale for table in self._tables)

    def sample(self, rng: np.random.Generator | int) -> Network:
        """Draw one network.

        Parameters
        ----------
        rng : numpy.random.Generator or int

        Returns
        -------
        Network
        """
        weights, biases = self.sample_parameters(as_generator(rng, "rng", "RandomNetworks.sample"), 1)
        return self.network([weight[0] for weight in weights], biases[0])

    def network(self, weights: Sequence[FloatArray], biases: FloatArray) -> Network:
        """Return the network with given parameters.

        Parameters
        ----------
        weights : sequence of ndarray, shape (n_out, n_in) each
            Of every affine step, the output's included.
        biases : ndarray, shape (n_neurons,)
            The paper's ``b_z`` of all neurons; the network adds ``-b_z``.
        """
        ends = np.cumsum((0, *self.hidden_widths))
        added = [-biases[low:high] for low, high in itertools.pairwise(ends)]
        return Network.from_layers(zip(weights, [*added, np.zeros(self.widths[-1])], strict=True), self.activation)

    def sample_parameters(self, rng: np.random.Generator, count: int) -> tuple[list[FloatArray], FloatArray]:
        """Draw the parameters of many networks.

        Returns
        -------
        weights : list of ndarray, shape (count, n_out, n_in) each
        biases : ndarray, shape (count, n_neurons)
            The paper's ``b_z``.
        """
        weights: list[FloatArray] = []
        for fan_in, fan_out in itertools.pairwise(self.widths):
            deviation, shape = np.sqrt(self.weight_gain / fan_in), (count, fan_out, fan_in)
            if self.weights == "normal":
                weights.append(rng.normal(scale=deviation, size=shape))
            else:
                weights.append(rng.uniform(-np.sqrt(3.0) * deviation, np.sqrt(3.0) * deviation, size=shape))
        if isinstance(self.biases, JointNormalBiases):
            return weights, self.biases.draw(rng, count)
        drawn = [
            np.asarray(law.rvs(size=(count, width), random_state=rng), dtype=np.float64)
            for law, width in zip(self.layer_laws, self.hidden_widths, strict=True)
        ]
        return weights, np.concatenate([np.zeros((count, 0)), *drawn], axis=1)
