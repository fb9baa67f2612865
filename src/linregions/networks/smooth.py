"""Smooth activations with asymptotes: formulas, where they are straight, and bounds of their second derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linregions._support.validation import FloatArray

_ROUNDING = 1e-15
_INFINITE = math.inf


@dataclass(frozen=True, eq=False)
class Smooth:
    """A continuous function that is curved on one interval and nearly straight far out.

    Parameters
    ----------
    name : str
    function : callable
        Of arrays, elementwise.
    left, right : (float, float)
        Slope and intercept of the asymptotes.
    curvature : float
        At least the largest absolute second derivative, wherever there is one.
    reach : float
        Beyond ``-reach`` and ``reach`` the function is its asymptote, but for `tail`.
    tail : float
        At least the largest distance from the asymptotes there, and from a function with this curvature elsewhere.
    curved : (float, float)
        Ends of the interval outside of which the function is its asymptotes exactly; it may have kinks there.
    """

    name: str
    function: Callable[[FloatArray], FloatArray]
    left: tuple[float, float]
    right: tuple[float, float]
    curvature: float
    reach: float
    tail: float = _ROUNDING
    curved: tuple[float, float] = (-_INFINITE, _INFINITE)

    @property
    def key(self) -> str:
        """What tells it from others: its name, and what its name does not say."""
        return f"{self.name} {self.left} {self.right} {self.reach!r} {self.tail!r}"

    def asymptote(self, x: FloatArray) -> FloatArray:
        """Return the value of the asymptote on either side of zero."""
        slope, intercept = np.where(x < 0, self.left[0], self.right[0]), np.where(x < 0, self.left[1], self.right[1])
        return np.asarray(slope * x + intercept)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate, by the asymptotes where they are the function, so that nothing overflows."""
        within = np.abs(x) <= self.reach
        inner = np.where(within, x, 0.0)
        return np.where(within, self.function(inner), self.asymptote(x))


_ERFC = np.frompyfunc(math.erfc, 1, 1)


def _erfc(x: FloatArray) -> FloatArray:
    return np.asarray(_ERFC(x), dtype=np.float64)


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))


def gelu(approximate: str = "none") -> Smooth:
    """Return ``x Phi(x)``, or the formula by tanh that stands for it."""

    def exact(x: FloatArray) -> FloatArray:
        return np.asarray(0.5 * x * _erfc(-x / math.sqrt(2.0)))

    def by_tanh(x: FloatArray) -> FloatArray:
        return np.asarray(0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))))

    if approximate == "tanh":
        return Smooth("gelu(tanh)", by_tanh, (0.0, 0.0), (1.0, 0.0), 0.798, 12.0)
    return Smooth("gelu", exact, (0.0, 0.0), (1.0, 0.0), 0.798, 12.0)


def silu(beta: float = 1.0) -> Smooth | None:
    """Return ``x sigmoid(beta x)``, also called swish, or None where beta is not positive."""
    if not beta > 0.0:
        return None
    name = "silu" if beta == 1.0 else f"silu({beta:g})"
    return Smooth(
        name,
        lambda x: x * _sigmoid(beta * x),
        (0.0, 0.0),
        (1.0, 0.0),
        beta / 2.0,
        45.0 / beta,
        tail=_ROUNDING * max(1.0, 1.0 / beta),
    )


def mish() -> Smooth:
    """Return ``x tanh(log(1 + exp(x)))``."""
    # The second derivative is largest, 0.6443, at -0.088.
    return Smooth("mish", lambda x: x * np.tanh(np.logaddexp(0.0, x)), (0.0, 0.0), (1.0, 0.0), 0.65, 45.0)


def sigmoid() -> Smooth:
    """Return ``1 / (1 + exp(-x))``."""
    return Smooth("sigmoid", _sigmoid, (0.0, 0.0), (0.0, 1.0), 0.0963, 40.0)


def log_sigmoid() -> Smooth:
    """Return ``-log(1 + exp(-x))``."""
    return Smooth("log_sigmoid", lambda x: -np.logaddexp(0.0, -x), (1.0, 0.0), (0.0, 0.0), 0.25, 40.0)


def tanh() -> Smooth:
    """Return the hyperbolic tangent."""
    return Smooth("tanh", np.tanh, (0.0, -1.0), (0.0, 1.0), 0.77, 20.0)


def erf() -> Smooth:
    """Return the error function."""
    return Smooth("erf", lambda x: 1.0 - _erfc(x), (0.0, -1.0), (0.0, 1.0), 0.968, 7.0, tail=2 * _ROUNDING)


def hardswish() -> Smooth:
    """Return ``x min(max(x + 3, 0), 6) / 6``, which is quadratic between -3 and 3."""

    def function(x: FloatArray) -> FloatArray:
        return np.asarray(x * np.clip(x + 3.0, 0.0, 6.0) / 6.0)

    return Smooth("hardswish", function, (0.0, 0.0), (1.0, 0.0), 0.334, 4.0, curved=(-3.0, 3.0))


def softplus(beta: float = 1.0, threshold: float = 20.0) -> Smooth | None:
    """Return ``log(1 + exp(beta x)) / beta``, or None where beta is not positive.

    PyTorch's jumps to x where beta x is above the threshold; `tail` knows how far.
    """
    if not beta > 0.0:
        return None

    def function(x: FloatArray) -> FloatArray:
        return np.asarray(np.logaddexp(0.0, beta * x) / beta)

    name = "softplus" if beta == 1.0 else f"softplus({beta:g})"
    jump = float(np.logaddexp(0.0, -threshold)) / beta
    return Smooth(name, function, (0.0, 0.0), (1.0, 0.0), beta / 4.0, 40.0 / beta, tail=jump + _ROUNDING / beta)


def elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0, name: str = "") -> Smooth | None:
    """Return ``scale x`` right of zero, ``scale alpha (exp(input_scale x) - 1)`` left of it.

    None where that has no asymptote.
    """
    if not (input_scale > 0.0 and math.isfinite(alpha) and math.isfinite(scale)):
        return None

    def function(x: FloatArray) -> FloatArray:
        return np.asarray(scale * np.where(x > 0.0, x, alpha * np.expm1(input_scale * np.minimum(x, 0.0))))

    height = abs(scale * alpha)
    return Smooth(
        name or ("elu" if alpha == 1.0 else f"elu({alpha:g})"),
        function,
        (0.0, -scale * alpha),
        (scale, 0.0),
        height * input_scale**2,
        40.0 / input_scale,
        tail=_ROUNDING * (1.0 + height),
        curved=(-_INFINITE, 0.0),
    )


def celu(alpha: float = 1.0) -> Smooth | None:
    """Return x right of zero, ``alpha (exp(x / alpha) - 1)`` left; None where that has no asymptote."""
    if not alpha > 0.0:
        return None
    return elu(alpha, 1.0, 1.0 / alpha, name="celu" if alpha == 1.0 else f"celu({alpha:g})")


def selu() -> Smooth | None:
    """Return the scaled exponential linear unit, with its two constants."""
    return elu(1.6732632423543772848170429916717, 1.0507009873554804934193349852946, name="selu")


#: Names that `activation` may be given, and what they stand for.
NAMES = {
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "hardswish": "hardswish",
    "sigmoid": "sigmoid",
    "logsigmoid": "log_sigmoid",
    "tanh": "tanh",
    "erf": "erf",
    "elu": "elu",
    "selu": "selu",
    "celu": "celu",
    "softplus": "softplus",
    "mish": "mish",
}
