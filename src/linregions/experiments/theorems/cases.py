"""Laws of random networks and domains on which the theorems are checked, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import Path, PlaneWindow, Segment
from linregions.networks.activations import ABS, HARD_TANH, RELU, RELU6, PiecewiseLinear, leaky_relu
from linregions.theory import NormalBias, RandomNetworks, UniformBias

#: By name; those called zigzag have slopes 1 and -1 in turn, so that gradients do not depend on T.
ACTIVATIONS: Mapping[str, PiecewiseLinear] = {
    "relu": RELU,
    "leaky_relu": leaky_relu(0.2),
    "abs": ABS,
    "hard_tanh": HARD_TANH,
    "relu6": RELU6,
    "ramps": PiecewiseLinear((-1.0, 0.0, 1.0), (0.0, 1.0, 0.25, 0.0), (0.0, 0.0), name="ramps"),
    "zigzag1": PiecewiseLinear((0.0,), (-1.0, 1.0), (0.0, 0.0), name="zigzag1"),
    "zigzag2": PiecewiseLinear((-0.3, 0.3), (-1.0, 1.0, -1.0), (0.0, 0.0), name="zigzag2"),
    "zigzag3": PiecewiseLinear((-0.5, 0.0, 0.5), (1.0, -1.0, 1.0, -1.0), (0.0, 0.0), name="zigzag3"),
}


@dataclass(frozen=True)
class Law:
    """A law of random networks in words and numbers."""

    widths: tuple[int, ...]  # input, hidden layers and output
    activation: str = "relu"  # one of `ACTIVATIONS`
    bias: Literal["normal", "uniform"] = "normal"
    scale: float = 1e-3  # standard deviation of normal biases, half the width of uniform ones
    gain: float = 2.0  # variance of a weight times its fan-in

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.widths[0]

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return self.widths[1:-1]

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return sum(self.hidden)

    @property
    def breakpoints(self) -> int:
        """Number T of breakpoints of the activation."""
        return ACTIVATIONS[self.activation].n_breakpoints

    @property
    def symmetric(self) -> bool:
        """Whether signs of pre-activations are fair coins, so that gradients have the same law at every input."""
        return ACTIVATIONS[self.activation].breakpoints == (0.0,)

    @property
    def biases(self) -> str:
        """The law of the biases as tables name it."""
        return f"N(0, {self.scale:g}²)" if self.bias == "normal" else f"U(±{self.scale:g})"

    def make(self) -> RandomNetworks:
        """Return the law itself."""
        biases = NormalBias(self.scale) if self.bias == "normal" else UniformBias(self.scale)
        return RandomNetworks(self.widths, ACTIVATIONS[self.activation], weight_gain=self.gain, biases=biases)


@dataclass(frozen=True)
class Domain:
    """A bounded set K."""

    # A box with all coordinates from `low` to `high`; a segment ``t (1, ..., 1) + (1, -1, 1, ...) / 2`` with t from
    # `low` to `high`, which misses the origin; a square in the plane of these two directions, centred at the origin,
    # with sides from `low` to `high` times the root of n_in.
    kind: Literal["box", "segment", "square"]
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.kind} [{self.low:g}, {self.high:g}]"

    def make(self, n_in: int) -> Segment | PlaneWindow | tuple[FloatArray, FloatArray]:
        """Return the domain in a space of so many inputs."""
        if self.kind == "box":
            return np.full(n_in, self.low), np.full(n_in, self.high)
        along, across = frame(n_in)
        root = np.sqrt(n_in)
        if self.kind == "segment":
            return Segment(root * (self.low * along + 0.5 * across), root * (self.high * along + 0.5 * across))
        low, high = root * self.low, root * self.high
        corners = np.array([[low, low], [high, low], [high, high], [low, high]])
        return PlaneWindow(np.zeros(n_in), np.stack([along, across]), corners)

    def volume(self, n_in: int) -> float:
        """Return its length, area or volume."""
        side = self.high - self.low
        return float(side**n_in if self.kind == "box" else (side * np.sqrt(n_in)) ** (1 + (self.kind == "square")))

    def radius(self, n_in: int) -> float:
        """Return the largest norm of a point of a box."""
        return float(np.sqrt(n_in) * max(abs(self.low), abs(self.high)))


def frame(n_in: int) -> tuple[FloatArray, FloatArray]:
    """Return two orthogonal unit vectors that no coordinate is special for."""
    along = np.full(n_in, n_in**-0.5)
    across = np.where(np.arange(n_in) % 2 == 0, 1.0, -1.0)
    across -= (across @ along) * along
    length = float(np.linalg.norm(across))
    return along, across / length if length else across


def curve(kind: str, n_in: int) -> Segment | Path:
    """Return a curve for Theorem 1: an interval, a segment, a polygonal curve, or a circle as a path.

    Lengths are 2 (interval and segment), 4 (polygon, four legs) and nearly 2 pi (circle of radius 1, 64 legs).
    """
    along, across = frame(n_in)
    if kind == "interval":
        return Segment(np.full(1, -1.0), np.full(1, 1.0))
    if kind == "segment":
        return Segment(0.5 * across - along, 0.5 * across + along)
    if kind == "polygon":
        corners = np.array([[-1.0, 0.3], [-0.2, 0.9], [0.4, 0.1], [1.0, 0.9], [0.2, 0.3]])
        return Path(corners @ np.stack([along, across]))
    angles = np.linspace(0, 2 * np.pi, 65)
    return Path(np.stack([np.cos(angles), np.sin(angles)], axis=1) @ np.stack([along, across]))


def legs(path: Segment | Path) -> list[Segment]:
    """Return the straight pieces of a curve."""
    if isinstance(path, Segment):
        return [path]
    return [Segment(a, b) for a, b in zip(path.points[:-1], path.points[1:], strict=True)]


def length(path: Segment | Path) -> float:
    """Return the length of a curve."""
    return float(sum(np.linalg.norm(leg.b - leg.a) for leg in legs(path)))


_ONE, _WIDE, _UNIT = Domain("box", -1.0, 1.0), Domain("box", -2.0, 2.0), Domain("box", 0.0, 1.0)

#: Theorems 3 and 6: law, domain and k of every equality that is checked.
EQUALITIES: tuple[tuple[Law, Domain, int], ...] = (
    # One input, depths 1 to 6.
    (Law((1, 16, 1)), _ONE, 1),
    (Law((1, 12, 12, 1), scale=0.5), _ONE, 1),
    (Law((1, 8, 8, 8, 1), "leaky_relu", "uniform", 0.5), _ONE, 1),
    (Law((1, 8, 8, 8, 8, 1), "abs", "uniform", 2.0, 1.0), _WIDE, 1),
    (Law((1, 8, 8, 8, 8, 8, 1), "hard_tanh", "normal", 0.5), _WIDE, 1),
    (Law((1, 6, 6, 6, 6, 6, 6, 1), scale=0.3), _ONE, 1),
    (Law((1, 3, 2, 3, 1), "relu", "uniform", 1.0), _WIDE, 1),
    (Law((1, 8, 8, 1), "relu6", "uniform", 1.0, 4.0), Domain("box", -6.0, 6.0), 1),
    (Law((1, 8, 8, 1), "ramps", "normal", 0.5), _WIDE, 1),
    (Law((1, 12, 12, 12, 1), "zigzag3", "uniform", 1.0, 1.0), _ONE, 1),
    # Two inputs: lengths and vertices.
    (Law((2, 16, 16, 16, 1)), _ONE, 1),
    (Law((2, 10, 10, 1), "relu", "uniform", 1.0), _UNIT, 1),
    (Law((2, 6, 6, 6, 6, 1), "hard_tanh", "normal", 0.5), _ONE, 1),
    (Law((2, 8, 8, 1), "ramps", "uniform", 1.0), _ONE, 1),
    (Law((2, 4, 4, 4, 4, 4, 4, 1), scale=0.5), _ONE, 1),
    (Law((2, 16, 1), scale=0.5), _ONE, 2),
    (Law((2, 10, 10, 1), "relu", "uniform", 1.0), _UNIT, 2),
    (Law((2, 6, 6, 6, 1), scale=0.5), _ONE, 2),
    (Law((2, 8, 8, 1), "hard_tanh", "uniform", 1.0), _ONE, 2),
    (Law((2, 6, 6, 1), "zigzag3", "normal", 0.7, 1.0), _ONE, 2),
    # Biases so wide that the lower bounds are not void.
    (Law((1, 32, 1), "relu", "uniform", 4.0), _ONE, 1),
    (Law((1, 16, 16, 1), scale=4.0), _ONE, 1),
    (Law((2, 32, 1), "relu", "uniform", 4.0), _ONE, 1),
    (Law((2, 32, 32, 1), scale=4.0), _ONE, 1),
    (Law((2, 32, 1), "relu", "uniform", 4.0), _ONE, 2),
    # Three inputs: random sections.
    (Law((3, 12, 12, 1), scale=0.5), _ONE, 1),
    (Law((3, 8, 8, 8, 1), "hard_tanh", "uniform", 1.0), _ONE, 1),
    (Law((3, 8, 8, 1), "ramps", "normal", 0.5), _ONE, 1),
    (Law((3, 10, 1), "relu", "uniform", 1.0), _UNIT, 2),
    (Law((3, 8, 8, 1), scale=0.5), _ONE, 2),
    (Law((3, 6, 6, 1), "hard_tanh", "uniform", 1.0), _ONE, 2),
    # 784 inputs: the box, a segment and a square inside it.
    (Law((784, 32, 32, 32, 1), scale=0.3), Domain("box", 0.0, 1.0), 1),
    (Law((784, 32, 32, 1)), Domain("segment", -0.5, 0.5), 1),
    (Law((784, 16, 16, 16, 16, 1), "hard_tanh", "uniform", 1.0), Domain("segment", -1.0, 1.0), 1),
    (Law((784, 16, 16, 1), "relu", "uniform", 0.5), Domain("square", -0.5, 0.5), 1),
    (Law((784, 8, 8, 1), scale=0.3), Domain("square", -0.5, 0.5), 2),
    # Three and four inputs: places where three and four neurons switch, in whole boxes.
    (Law((3, 12, 1), "relu", "uniform", 1.0), _UNIT, 3),
    (Law((3, 8, 6, 1), scale=0.5), _ONE, 3),
    (Law((3, 5, 5, 1), "hard_tanh", "uniform", 1.0), _ONE, 3),
    (Law((4, 6, 5, 1), scale=0.5), _ONE, 3),
    (Law((4, 6, 5, 1), scale=0.5), _ONE, 4),
)

#: Widths of two equal hidden layers of the networks whose regions in a box are counted, by the number of inputs.
COUNTED: Mapping[int, tuple[int, ...]] = {
    1: (16, 32, 64, 128),
    2: (16, 32, 64, 128),
    3: (8, 16, 24, 32),
    4: (8, 14, 20, 24),
    5: (6, 9, 12, 14),
}
