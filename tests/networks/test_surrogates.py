"""Piecewise-linear functions in place of smooth ones: stated errors are bounds, and tight; knots, merging, names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from linregions.networks import smooth
from linregions.networks.surrogates import difference, interpolated, rounded_up


def _plain(formula):
    return lambda x: np.array([formula(float(t)) for t in x])


def _logistic(t):
    return 1 / (1 + math.exp(-t)) if t > 0 else math.exp(t) / (1 + math.exp(t))


def _softplus(t):
    return max(t, 0) + math.log1p(math.exp(-abs(t)))


SCALE = 1.0507009873554805
# What is made here, beside the formula of its definition.
FUNCTIONS = {
    "gelu": (smooth.gelu(), _plain(lambda t: t * 0.5 * (1 + math.erf(t / math.sqrt(2))))),
    "gelu(tanh)": (
        smooth.gelu("tanh"),
        _plain(lambda t: 0.5 * t * (1 + math.tanh(math.sqrt(2 / math.pi) * (t + 0.044715 * t**3)))),
    ),
    "silu": (smooth.silu(), _plain(lambda t: t * _logistic(t))),
    "mish": (smooth.mish(), _plain(lambda t: t * math.tanh(_softplus(t)))),
    "sigmoid": (smooth.sigmoid(), _plain(_logistic)),
    "log_sigmoid": (smooth.log_sigmoid(), _plain(lambda t: -_softplus(-t))),
    "tanh": (smooth.tanh(), _plain(math.tanh)),
    "erf": (smooth.erf(), _plain(math.erf)),
    "hardswish": (smooth.hardswish(), _plain(lambda t: t * min(max(t + 3, 0), 6) / 6)),
    "softplus": (smooth.softplus(), _plain(_softplus)),
    "softplus that jumps": (smooth.softplus(2.0, 5.0), _plain(lambda t: t if 2 * t > 5 else _softplus(2 * t) / 2)),
    "elu": (smooth.elu(), _plain(lambda t: t if t > 0 else math.expm1(t))),
    "elu(-0.5)": (smooth.elu(-0.5), _plain(lambda t: t if t > 0 else -0.5 * math.expm1(t))),
    "selu": (
        smooth.selu(),
        _plain(lambda t: 1.0507009873554805 * (t if t > 0 else 1.6732632423543772 * math.expm1(t))),
    ),
    "celu": (smooth.celu(0.7), _plain(lambda t: t if t > 0 else 0.7 * math.expm1(t / 0.7))),
}
LIMITS = [(-6.0, 6.0), (-1.0, 2.5), (-30.0, 40.0), (1.0, 3.0)]


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("kind", list(FUNCTIONS))
def test_stated_errors_are_bounds_and_hardly_above_what_is_seen(kind, limits):
    function, definition = FUNCTIONS[kind]
    low, high = limits
    made = interpolated(function, 12, low, high)
    inside = np.unique(np.concatenate([np.linspace(low, high, 4001), np.linspace(*np.clip([-5, 5], low, high), 4001)]))
    below, above = low - np.geomspace(1e-6, 100, 800), high + np.geomspace(1e-6, 100, 800)
    seen = np.abs(definition(inside) - made.function(inside)).max()
    outside = np.abs(definition(np.concatenate([below, above])) - made.function(np.concatenate([below, above]))).max()
    assert seen <= made.error
    assert outside <= made.error_outside
    if kind != "softplus that jumps":
        assert made.error <= 1.01 * seen + 5e-9
        assert made.error_outside <= 1.01 * outside + 5e-9
    assert made.function.name.startswith(f"{function.name} in {made.function.n_breakpoints + 1} pieces, off by at most")
    assert float(made.function.name.split()[-1]) >= max(made.error, made.error_outside)


@pytest.mark.parametrize("kind", list(FUNCTIONS))
def test_the_bound_of_curvature_is_one(kind):
    function, definition = FUNCTIONS[kind]
    step = 1e-3
    ends = np.clip([-function.reach, function.reach], *function.curved)
    x = np.linspace(ends[0] + step, ends[1] - step, 20_001)
    if kind == "softplus that jumps":
        x = x[2 * (x + step) <= 5]
    bends = np.abs(definition(x - step) - 2 * definition(x) + definition(x + step)) / step**2
    assert bends.max() <= function.curvature * (1 + 1e-6) + 1e-7
    assert bends.max() >= 0.98 * function.curvature
    far = np.concatenate([-function.reach - np.geomspace(1e-3, 50, 200), function.reach + np.geomspace(1e-3, 50, 200)])
    assert (np.abs(definition(far) - function.asymptote(far)) <= function.tail + 4e-16 * np.abs(far)).all()


@pytest.mark.parametrize("kind", sorted(set(FUNCTIONS) - {"softplus that jumps"}))
def test_the_error_falls_with_the_square_of_the_number_of_pieces(kind):
    errors = [interpolated(FUNCTIONS[kind][0], pieces, -8.0, 8.0).error for pieces in (16, 32, 64, 128)]
    ratios = np.array(errors[:-1]) / errors[1:]
    assert (ratios > 3.4).all()
    assert (ratios < 4.8).all()


def test_knots_are_closer_where_it_bends():
    even = np.linspace(-6, 6, 33)
    function = smooth.gelu()
    middle = (even[1:] + even[:-1]) / 2
    of_even = np.abs(function(middle) - (function(even[1:]) + function(even[:-1])) / 2).max()
    assert interpolated(function, 32, -6.0, 6.0).error < of_even / 8


def test_pieces_count_and_interpolate():
    function = smooth.silu()
    made = interpolated(function, 20, -7.0, 5.0)
    knots = np.array(made.function.breakpoints)
    assert knots.size == 21
    assert (knots[0], knots[-1]) == (-7.0, 5.0)
    np.testing.assert_allclose(made.function(knots), function(knots), atol=1e-14)
    assert made.function.slopes[0] == 0.0
    assert made.function.slopes[-1] == 1.0


def test_what_is_straight_costs_no_piece():
    assert interpolated(smooth.hardswish(), 10, -6.0, 6.0).function.breakpoints[0] == -3.0
    made = interpolated(smooth.elu(0.5), 10, -6.0, 6.0).function
    assert made.n_breakpoints == 11
    assert made.breakpoints[-1] == 0.0
    assert made([2.0, 7.5]).tolist() == [2.0, 7.5]


def test_pieces_with_equal_slopes_are_one():
    made = interpolated(smooth.tanh(), 16, -4.0, 4.0).function
    assert np.abs(made.breakpoints).min() > 0.1
    assert made.n_breakpoints == 16
    assert np.diff(made.slopes).min() < -1e-3


def test_limits_far_out_and_narrow_ones():
    wide = interpolated(smooth.gelu(), 32, -1e6, 1e6)
    assert wide.error < 0.003
    assert wide.error_outside < 1e-7
    narrow = interpolated(smooth.gelu(), 32, -1e-3, 1e-3)
    assert narrow.error < 1e-9
    assert 0.16 < narrow.error_outside < 0.18


def test_the_difference_sees_what_lies_between_breakpoints_of_a_wrong_function():
    function = smooth.gelu()
    made = interpolated(function, 4, -6.0, 6.0).function
    x = np.linspace(-2.0, 0.3, 100_001)
    seen = np.abs(function(x) - made(x)).max()
    assert seen <= difference(function, made, -2.0, 0.3) <= 1.002 * seen


def test_functions_without_asymptotes_are_none():
    assert smooth.softplus(-1.0) is None
    assert smooth.celu(-1.0) is None
    assert smooth.elu(1.0, 1.0, -2.0) is None


@pytest.mark.parametrize(("number", "text"), [(0.0121, "0.013"), (0.0, "0"), (9.99e-7, "1e-06"), (123.0, "1.3e+02")])
def test_rounded_up(number, text):
    assert rounded_up(number) == text
    assert float(text) >= number
