"""The first layers of a network, which are affine, restricted to a plane in twice the precision.

Numbers are pairs ``high + low``, and rows of neurons have powers of two taken out of them, so that no sum or square
overflows or vanishes whatever the units of weights, inputs and windows are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import Frame
from linregions.domains.windows import PlaneWindow
from linregions.networks.kernels.dots import dots
from linregions.networks.network import AffineLayer, Network

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

_SPLITTER = 134217729.0  # see kernels.restriction
_EPSILON = float(np.finfo(np.float64).eps)
# Exponent of a number that is zero.
_NOWHERE = -(1 << 20)
_LARGE, _SMALL = 2.0**300, 2.0**-300
# How much a bound on rounding may add to the size of a neuron's numbers.
_SHARE = 2.0**-6
# Corners of a window in its frame are not farther from the origin, in either coordinate.
REACH = 6.0


class Rows(NamedTuple):
    """Affine functions ``2**exponent (row[0] + row[1] s + row[2] t)`` of a plane, and the sizes of what was summed."""

    high: FloatArray  # (3, n)
    low: FloatArray  # (3, n)
    exponent: IndexArray  # (n,)
    terms: FloatArray  # (n,) sum of the absolute values of all terms, somewhere in the window at most, in units of
    # ``2**exponent``
    error: float  # bound on the error of `high` and `low`, in units of `terms`


def exponents(values: FloatArray) -> IndexArray:
    """Return the binary exponents of numbers: each is below two to that power, and at least half as large."""
    return np.where(values == 0, _NOWHERE, np.frexp(values)[1].astype(np.int64))


def shifted(values: FloatArray, exponent: IndexArray) -> FloatArray:
    """Return numbers times powers of two."""
    return np.asarray(np.ldexp(values, np.clip(exponent, -5000, 5000).astype(np.int32)))


def _sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a sum and its rounding error."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _product(a: FloatArray, b: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Return a product of numbers of moderate size and its rounding error."""
    c, d = _SPLITTER * a, _SPLITTER * np.asarray(b)
    a_high, b_high = c - (c - a), d - (d - b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


class _Sum:
    """A sum of scaled pairs for each neuron, made once its largest exponent is known."""

    def __init__(self, n: int) -> None:
        self.parts: list[tuple[FloatArray, FloatArray, IndexArray, FloatArray]] = []
        self.exponent = np.full(n, _NOWHERE)

    def add(self, high: FloatArray, low: FloatArray, exponent: IndexArray, terms: FloatArray) -> None:
        """Add ``(high + low) 2**exponent``, made of terms whose absolute values sum to ``terms 2**exponent``."""
        self.parts.append((high, low, exponent, terms))
        self.exponent = np.maximum(self.exponent, exponents(terms) + exponent)

    def add_times(self, pair: tuple[FloatArray, FloatArray, IndexArray, FloatArray], factor: float) -> None:
        """Add such a sum times a number."""
        if factor:
            mantissa, power = np.frexp(factor)
            high, low, exponent, terms = pair
            product, error = _product(high, mantissa)
            self.add(product, low * mantissa + error, exponent + int(power), terms * abs(mantissa))

    def at(self, exponent: IndexArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return high and low part and the terms in units of a power of two."""
        high, low, terms = np.zeros((3, exponent.size))
        for part in self.parts:
            shift = part[2] - exponent
            high, error = _sum(high, shifted(part[0], shift))
            low = low + (error + shifted(part[1], shift))
            terms = terms + shifted(part[3], shift)
        high, low = _sum(high, low)
        return high, low, terms


def _scaled(weight: FloatArray, before: IndexArray) -> tuple[FloatArray, IndexArray]:
    """Return weights on inputs in units of powers of two, each row in units of a power of two of its own."""
    if not before.any() and is_moderate(weight):
        return weight, np.zeros(weight.shape[0], dtype=np.int64)
    mantissa, power = np.frexp(weight)
    power = np.where(weight == 0, _NOWHERE, power.astype(np.int64) + before)
    row = power.max(axis=1)
    return shifted(mantissa, power - row[:, None]), np.where(row == _NOWHERE, 0, row)


def is_moderate(numbers: FloatArray) -> bool:
    """Whether products of these numbers, and what rounding leaves of them, are far from overflow and underflow."""
    sizes = np.abs(numbers)
    return bool(sizes.max() < _LARGE and sizes.min(where=sizes > 0, initial=1.0) > _SMALL)


def _of_window(weight: FloatArray, bias: FloatArray, window: PlaneWindow, frame: Frame) -> list[_Sum]:
    """Return the sums that make the first layer's constant and slopes in the window's frame."""
    n = bias.size
    points = np.vstack([window.origin, window.basis])
    column, powers = np.zeros(points.shape[1], dtype=np.int64), np.zeros(3, dtype=np.int64)
    if not is_moderate(points):
        column = exponents(np.abs(points).max(axis=0))
        column[column == _NOWHERE] = 0
        points = shifted(points, -column)
        powers = exponents(np.abs(points).max(axis=1))
        powers[powers == _NOWHERE] = 0
        points = shifted(points, -powers[:, None])
    scaled, row = _scaled(weight, column)
    high, low = np.zeros((2, 3, n))
    dots(np.ascontiguousarray(scaled.T), points, high, low)
    terms = np.abs(points) @ np.abs(scaled).T
    origin, along_u, along_v = ((high[i], low[i], row + powers[i], terms[i]) for i in range(3))
    zero = np.zeros(n)
    constant, slope_s, slope_t = (_Sum(n) for _ in range(3))
    mantissa, power = np.frexp(bias)
    constant.add(mantissa, zero, power.astype(np.int64), np.abs(mantissa))
    constant.add(*origin)
    constant.add_times(along_u, frame.centre[0])
    constant.add_times(along_v, frame.centre[1])
    slope_s.add_times(along_u, frame.scale[0])
    slope_t.add_times(along_v, frame.scale[1])
    if frame.shear:
        sheared = _Sum(n)
        sheared.add_times(along_v, frame.shear)
        unit = np.where(sheared.exponent == _NOWHERE, 0, sheared.exponent)
        high_v, low_v, terms_v = sheared.at(unit)
        slope_s.add_times((high_v, low_v, unit, terms_v), frame.scale[0])
    return [constant, slope_s, slope_t]


def _made(sums: list[_Sum], error: float) -> Rows:
    """Return sums in one unit for each neuron."""
    exponent = np.max([entry.exponent for entry in sums], axis=0)
    exponent = np.where(exponent < _NOWHERE // 2, 0, exponent)
    made = [entry.at(exponent) for entry in sums]
    high, low, terms = (np.array([entry[i] for entry in made]) for i in range(3))
    return Rows(high, low, exponent, terms[0] + REACH * (terms[1] + terms[2]), error)


def _onward(rows: Rows, network: Network, k: int) -> Rows:
    """Return the rows of an affine step after those of one whose activation never switches."""
    layer, activation = network.layers[k + 1], network.activations[k]
    slope, power = np.frexp(activation.slopes[0])
    high, error = _product(rows.high, float(slope))
    low, terms = rows.low * slope + error, rows.terms * abs(float(slope))
    before = rows.exponent + int(power)
    (at,), (value,) = activation.knots
    weight, row = _scaled(layer.weight, before)
    transposed = np.ascontiguousarray(weight.T)
    new_high, new_low = np.zeros((2, 3, layer.bias.size))
    dots(transposed, high, new_high, new_low)
    dots(transposed, low, new_high, new_low)
    new_terms = np.abs(weight) @ terms
    sums = [_Sum(layer.bias.size) for _ in range(3)]
    for i, entry in enumerate(sums):
        entry.add(new_high[i], new_low[i], row, new_terms if i == 0 else np.zeros_like(new_terms))
    mantissa, power = np.frexp(layer.bias)
    sums[0].add(mantissa, np.zeros_like(mantissa), power.astype(np.int64), np.abs(mantissa))
    if at or value:
        # The activation is ``slope (z - at) + value``: one number more for all units, of which only two digits more
        # than those of a double are needed.
        plain, plain_row = _scaled(layer.weight, np.zeros(layer.weight.shape[1], dtype=np.int64))
        shift_high, shift_error = _product(np.array([-activation.slopes[0]]), at)
        constant, rest = _sum(shift_high, np.array([value]))
        total_high, total_low = np.zeros((2, 1, layer.bias.size))
        columns = np.ascontiguousarray(plain.T)
        for number in (constant, rest + shift_error):
            dots(columns, np.broadcast_to(number, (1, plain.shape[1])).copy(), total_high, total_low)
        size = np.abs(plain).sum(axis=1) * (abs(float(shift_high[0])) + abs(value))
        sums[0].add(total_high[0], total_low[0], plain_row, size)
    return _made(sums, rows.error + (layer.weight.shape[1] + 2) ** 2 * _EPSILON)


def restrict_plainly(layer: AffineLayer, norms: FloatArray, window: PlaneWindow, frame: Frame) -> FloatArray | None:
    """Restrict a first layer to a plane as `restrict` does, in units of 1; None if that takes more care.

    Its weights must be moderate; `norms` are those of its units.
    """
    points = np.vstack([window.origin, window.basis])
    if frame.shear or any(frame.centre) or not _SMALL < min(frame.scale) <= max(frame.scale) < _LARGE:
        return None
    if not is_moderate(points):
        return None
    points[1:] *= np.array(frame.scale)[:, None]
    n, n_in = layer.weight.shape
    high, low = np.zeros((2, 3, n))
    high[0] = layer.bias
    dots(np.ascontiguousarray(layer.weight.T), points, high, low)
    found = high + low
    reach = np.sqrt(np.einsum("ij,ij->i", points, points)) @ np.array([1.0, REACH, REACH])
    terms = np.abs(layer.bias) + norms * reach
    rounding = (n_in + 4) ** 2 * _EPSILON * terms
    # Norms mix the units of inputs. Where these differ by far, such a bound says nothing.
    if np.any(rounding > _SHARE * np.abs(found).sum(axis=0)):
        return None
    size = np.abs(found[0]) + rounding
    return np.vstack([found, size, np.hypot(found[1], found[2])])


def restrict(network: Network, first: int, window: PlaneWindow, frame: Frame) -> tuple[FloatArray, IndexArray]:
    """Restrict the pre-activations of hidden layer `first`, before which nothing switches, to a plane.

    Returns rows, shape (5, n): constant, slopes in s and t, size of the constant's rounding in units of the rounding
    of doubles, and length of the gradient; all in units of powers of two, whose exponents are returned as well.
    """
    layer = network.layers[0]
    error = (layer.weight.shape[1] + 4) ** 2 * _EPSILON
    rows = _made(_of_window(layer.weight, layer.bias, window, frame), error)
    for k in range(first):
        rows = _onward(rows, network, k)
    found = rows.high + rows.low
    size = np.abs(found[0]) + rows.error * rows.terms
    return np.vstack([found, size, np.hypot(found[1], found[2])]), rows.exponent
