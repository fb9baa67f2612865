"""What the distances of all points share: scaled weights, bounds on gradients, and the work that these save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from linregions._support.aligned import aligned_copy
from linregions._support.limits import exceeded
from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import Network
from linregions.regions.options import Options

if TYPE_CHECKING:
    from linregions.measures.distances.kernels.switches import Bounds

_ROUNDING = 2.0**-42  # relative: what sums of thousands of terms stay below, and what makes two distances a tie
# Work in units of a multiplication of the products that carry whole Jacobians (.055 ns), measured: one of those that
# make single gradients (most end early), one look at one candidate, and what each unit costs on either way besides.
_GRADIENT_UNITS, _LOOK_UNITS, _BOUND_UNITS, _NORM_UNITS = 1.0, 4.0, 150.0, 50.0
_PATIENCE = 1.0  # share of the work of a whole Jacobian after which a point gets one
_BLOCK_NUMBERS = 1 << 16  # that the Jacobians of a block of points may have, so that they stay in cache


@dataclass(frozen=True, eq=False)
class Dear:
    """What takes a QR or singular value decomposition: small, and worth keeping."""

    factor: FloatArray  # (rank, widths[1]) upper triangular R with ``scaled[0].T = Q R``
    spectral: FloatArray  # (depth,) norms of each layer's scaled weights


@dataclass(frozen=True, eq=False)
class Plan:
    """Scaled weights, their norms, the factor R of the first layer, and how gradients are found.

    Row k of every hidden layer is scaled by a power of two to entries of about 1, and the column of the next
    layer back; so gradients neither overflow nor underflow, and ratios ``|z| / ||grad z||`` stay what they are
    to the last bit.
    """

    activations: tuple[PiecewiseLinear, ...]
    biases: tuple[FloatArray, ...]
    neurons: npt.NDArray[np.int32]  # flat number of every hidden unit, -1 for units that never switch
    scales: FloatArray  # (n_units,)
    transposed: tuple[FloatArray, ...]  # weights of the hidden layers
    scaled: tuple[FloatArray, ...]  # transposed scaled weights of hidden layers 1, 2, ...; perhaps none
    squared: tuple[FloatArray, ...]  # their squares; none where whole Jacobians are always carried
    factor: FloatArray  # (rank, widths[1])
    bounds: Bounds
    cost: FloatArray  # (depth + 1,) see `nearest_switches`
    work_of_whole: float  # in the units of `cost`
    whole: bool  # whether every point gets a whole Jacobian at once

    @property
    def widths(self) -> list[int]:
        """Number of inputs, then of the units of each hidden layer."""
        return [int(width) for width in self.bounds.widths]

    @property
    def n_units(self) -> int:
        """Number of hidden units."""
        return int(self.bounds.units[-1])

    @property
    def rank(self) -> int:
        """Rows of a Jacobian."""
        return int(self.factor.shape[0])

    @property
    def patience(self) -> float:
        """Work on single gradients after which a point gets a whole Jacobian."""
        return _PATIENCE * self.work_of_whole

    @property
    def dear(self) -> Dear:
        """What is worth keeping, however large the network."""
        return Dear(self.factor, self.bounds.spectral)

    @property
    def prefers_whole(self) -> float:
        """Work on single gradients of a point beyond which it is better to carry its whole Jacobian at once."""
        steps = sum(matrix.size for matrix in self.scaled)
        return self.work_of_whole - steps - (_BOUND_UNITS - _NORM_UNITS) * self.n_units

    @property
    def copies(self) -> int:
        """Bytes of the arrays that are made from the weights."""
        arrays = (*self.transposed, *self.scaled, *self.squared, self.bounds.weights, self.factor, self.bounds.factor)
        return sum(array.nbytes for array in arrays)

    @property
    def chunk(self) -> int:
        """Points that are best worked at a time: about 4 MB."""
        return int(np.clip(2**22 // (32 * self.n_units), 32, 1024))

    def block(self, size: int) -> int:
        """Return of how many points of a chunk the Jacobians are carried together."""
        if not (self.scaled or self.whole):
            return 0
        return int(np.clip(_BLOCK_NUMBERS // (self.rank * max(self.widths[1:])), 1, size))

    def worker_bytes(self, size: int) -> int:
        """Return what one thread takes for chunks of `size` points."""
        widths, n_units, depth = self.widths, self.n_units, len(self.biases)
        jacobians = 2 * self.block(size) * self.rank * max(widths[1:])
        points = size * (3 * n_units + 2 * max(widths) + depth + 5)
        return 8 * (points + 7 * max(widths) + widths[1] + 4 * n_units + 4 + jacobians)

    def shares(self, options: Options) -> tuple[int, int]:
        """Return how many threads there may be, and how many points each takes at a time."""
        threads, limit, who = options.threads, options.memory_limit, options.who
        if limit is None:
            return threads, self.chunk
        least = self.copies + self.worker_bytes(1)
        if limit < least:
            raise exceeded(limit, who, least, f"to take one point after the other through {self.n_units} units")
        free = limit - self.copies
        threads = max(1, min(threads, free // self.worker_bytes(min(self.chunk, 32))))
        share, each = free // threads, self.worker_bytes(2) - self.worker_bytes(1)
        return threads, int(min(self.chunk, 1 + (share - self.worker_bytes(1)) // each))


def make_plan(network: Network, dear: Dear | None = None) -> Plan:
    """Return the plan of a network, by bounds and single gradients; what is dear is not made again if given."""
    from linregions.measures.distances.kernels.switches import Bounds, as_one_buffer

    hidden = network.layers[:-1]
    widths = np.array(network.widths[:-1], dtype=np.int64)
    depth = len(hidden)
    units = np.concatenate([[0], np.cumsum(widths[1:])]).astype(np.int64)
    switching = np.array([activation.n_breakpoints > 0 for activation in network.activations])
    neurons = np.full(units[-1], -1, dtype=np.int32)
    neurons[np.repeat(switching, widths[1:])] = np.arange(network.n_neurons)
    scaled, scales = _scaled(network)
    dear = dear or _decomposed(scaled)
    steepest = np.array([max(abs(slope) for slope in activation.slopes) for activation in network.activations])
    with np.errstate(over="ignore"):  # an infinite bound rules nothing out
        frobenius = np.array([np.linalg.norm(matrix) for matrix in scaled])
        row_norms = np.concatenate([np.linalg.norm(matrix, axis=1) for matrix in scaled])
        tail = np.cumprod(dear.spectral * np.concatenate([[1.0], steepest[:-1]]))
        squared = tuple(aligned_copy((matrix * matrix).T) for matrix in scaled[1:])
    weights, starts = as_one_buffer(scaled)
    rank = int(min(widths[:2]))
    steps = (widths[1:-1] * widths[2:]).astype(np.float64)
    work_of_whole = float(rank * (steps + widths[2:]).sum())  # units of a multiplication
    cost = np.empty(depth + 1)
    cost[:depth] = _GRADIENT_UNITS * (0.5 * widths[1] * rank + np.concatenate([[0.0], np.cumsum(steps)]))
    cost[depth] = _LOOK_UNITS
    return Plan(
        activations=network.activations,
        biases=tuple(layer.bias for layer in hidden),
        neurons=neurons,
        scales=scales,
        transposed=tuple(aligned_copy(layer.weight.T) for layer in hidden),
        scaled=tuple(aligned_copy(matrix.T) for matrix in scaled[1:]),
        squared=squared,
        factor=dear.factor,
        bounds=Bounds(
            widths=widths,
            units=units,
            switching=switching,
            weights=aligned_copy(weights),
            starts=starts,
            factor=aligned_copy(dear.factor.T).ravel(),
            tail=tail,
            spectral=dear.spectral,
            frobenius=frobenius,
            row_norms=row_norms,
            tolerance=_ROUNDING,
        ),
        cost=cost,
        work_of_whole=work_of_whole,
        whole=False,
    )


def _scaled(network: Network) -> tuple[list[FloatArray], FloatArray]:
    """Return the hidden layers' scaled weights, and the scale of every unit."""
    scaled: list[FloatArray] = []
    exponents: list[npt.NDArray[np.int64]] = [np.zeros(network.n_in, dtype=np.int64)]
    varies = np.ones(network.n_in, dtype=bool)
    for layer in network.layers[:-1]:
        # Units that do not vary add nothing to gradients, and must not set the scale of those that do.
        mantissas, powers = np.frexp(np.where(varies, layer.weight, 0.0))
        powers = np.where(mantissas == 0, -10_000, powers - exponents[-1])
        # A row of zeros needs no scale; beyond 2**1000 the scale itself would overflow.
        largest = powers.max(axis=1)
        varies = largest > -10_000
        exponent = np.clip(np.where(largest == -10_000, 0, -largest), -1000, 1000)
        scaled.append(np.ldexp(mantissas, powers + exponent[:, None]))
        exponents.append(exponent)
    return scaled, np.ldexp(1.0, np.concatenate(exponents[1:]))


def _decomposed(scaled: list[FloatArray]) -> Dear:
    factor = np.ascontiguousarray(np.linalg.qr(scaled[0].T, mode="r"))
    with np.errstate(over="ignore"):
        spectral = np.array([np.linalg.norm(matrix, 2) for matrix in [factor, *scaled[1:]]])
    return Dear(factor, spectral)
