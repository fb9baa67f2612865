"""Piecewise-linear activations: values, pieces, continuity, and every message."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linregions as lr
from linregions import PiecewiseLinear
from linregions.errors import InvalidTypeError, InvalidValueError, LinRegionsError

T = np.linspace(-9, 9, 721)  # every breakpoint below is among these


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        (lr.RELU, lambda t: np.maximum(t, 0)),
        (lr.ABS, np.abs),
        (lr.HARD_TANH, lambda t: np.clip(t, -1, 1)),
        (lr.RELU6, lambda t: np.clip(t, 0, 6)),
        (lr.HARD_SIGMOID, lambda t: np.clip(t / 6 + 0.5, 0, 1)),
        (lr.IDENTITY, lambda t: t),
        (lr.leaky_relu(0.1), lambda t: np.where(t > 0, t, 0.1 * t)),
        (lr.leaky_relu(-2), lambda t: np.where(t > 0, t, -2 * t)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_named_activations(activation, function):
    np.testing.assert_allclose(activation(T), function(T), rtol=0, atol=1e-15)
    assert activation.n_breakpoints == len(activation.breakpoints) == len(activation.slopes) - 1


def test_special_leaky_relus_equal_the_named_ones():
    assert lr.leaky_relu(0) == lr.RELU
    assert lr.leaky_relu(-1.0) == lr.ABS
    assert lr.leaky_relu(0.25).name == "leaky_relu(0.25)"


def test_values_at_breakpoints_are_exact():
    for activation in (lr.RELU6, lr.HARD_TANH, lr.HARD_SIGMOID):
        low, high = activation.breakpoints
        assert activation([low, high]).tolist() == {lr.RELU6: [0.0, 6.0], lr.HARD_TANH: [-1.0, 1.0]}.get(
            activation, [0.0, 1.0]
        )


def test_pieces_count_the_breakpoints_strictly_below():
    stairs = PiecewiseLinear([-1.0, 0.0, 2.0], [1.0, 0.0, 3.0, -1.0])
    pieces = stairs.pieces([-1.5, -1.0, -0.5, 0.0, 1.0, 2.0, 2.5])
    assert pieces.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert pieces.dtype == np.uint8
    assert stairs.pieces(np.zeros((2, 3, 4))).shape == (2, 3, 4)
    assert stairs.pieces(5.0).shape == ()


finite = st.floats(-100, 100, allow_subnormal=False)


@st.composite
def activations(draw):
    breakpoints = sorted(draw(st.sets(st.integers(-50, 50), max_size=6)))
    slopes = [draw(finite)]
    for _ in breakpoints:
        slopes.append(draw(finite.filter(lambda slope, last=slopes[-1]: slope != last)))
    return PiecewiseLinear([b / 2 for b in breakpoints], slopes, anchor=(draw(finite), draw(finite)))


@given(activations())
def test_passes_through_its_anchor_continuously_with_the_slopes_given(activation):
    scale = 1.0 + max(map(abs, activation.slopes)) * 400 + abs(activation.anchor[1])
    assert activation(activation.anchor[0]) == pytest.approx(activation.anchor[1], abs=1e-13 * scale)
    for j, point in enumerate(activation.breakpoints):
        below, above = activation([point - 1e-9, point + 1e-9])
        assert below == pytest.approx(above, abs=1e-8 * scale)
        assert activation.pieces(point) == j
    middles = [
        (a + b) / 2 for a, b in zip((-60.0, *activation.breakpoints), (*activation.breakpoints, 60.0), strict=True)
    ]
    for j, middle in enumerate(middles):
        step = 2.0**-6
        slope = (activation(middle + step) - activation(middle - step)) / (2 * step)
        assert slope == pytest.approx(activation.slopes[j], abs=1e-10 * scale)
        assert activation.slopes[j] * middle + activation.intercepts[j] == pytest.approx(
            activation(middle), abs=1e-12 * scale
        )


def test_knots_lie_on_the_pieces():
    knots, values = lr.RELU6.knots
    assert knots.tolist() == [0.0, 0.0, 6.0]
    assert values.tolist() == [0.0, 0.0, 6.0]
    assert [part.tolist() for part in PiecewiseLinear((), (2.0,), (3.0, 4.0)).knots] == [[3.0], [4.0]]


def test_equality_ignores_the_name_and_works_as_a_key():
    mine = PiecewiseLinear([0], [0, 1], name="mine")
    assert mine == lr.RELU
    assert {mine: 1}[lr.RELU] == 1
    assert mine != lr.ABS


def test_never_changes():
    with pytest.raises(dataclasses.FrozenInstanceError):
        lr.RELU.slopes = (1.0, 2.0)
    points = np.array([0.0, 1.0])
    activation = PiecewiseLinear(points, [0.0, 1.0, 0.0])
    points[0] = 0.5
    assert activation.breakpoints == (0.0, 1.0)


def test_to_dict_is_json_and_rebuilds_it():
    for activation in (lr.HARD_SIGMOID, lr.IDENTITY, lr.leaky_relu(0.3)):
        plain = json.loads(json.dumps(activation.to_dict()))
        assert PiecewiseLinear(**plain) == activation
        assert PiecewiseLinear(**plain).name == activation.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([0.0, 0.0], [0, 1, 2]),
            r"`breakpoints` are \[0.0, 0.0\], but PiecewiseLinear needs them strictly increasing",
        ),
        (
            ([1.0, 0.0], [0, 1, 2]),
            r"`breakpoints` are \[1.0, 0.0\], but PiecewiseLinear needs them strictly increasing",
        ),
        (([0.0], [0.0]), "`slopes` has 1 entries for 1 breakpoints, but PiecewiseLinear needs one more slope"),
        (([0.0], [2.0, 2.0]), "`slopes` 0 and 1 are both 2, but PiecewiseLinear needs neighbouring slopes to differ"),
        (([0.0], [0.0, 1.0], (0.0,)), r"`anchor` has shape \(1,\), but PiecewiseLinear needs a pair \(t, value\)"),
        (([np.nan], [0.0, 1.0]), r"`breakpoints` holds 1 NaN or infinite value\(s\)"),
        (([0.0], [0.0, np.inf]), r"`slopes` holds 1 NaN or infinite value\(s\)"),
        (([0.0], [0.0, 1.0], (0.0, np.nan)), r"`anchor` holds 1 NaN or infinite value\(s\)"),
        (([[0.0]], [0.0, 1.0]), r"`breakpoints` has shape \(1, 1\), but PiecewiseLinear needs 1 axis"),
        (([0.0], 1.0), r"`slopes` has shape \(\), but PiecewiseLinear needs 1 axis"),
        ((range(256), range(257)), "`breakpoints` has 256 entries, but PiecewiseLinear needs at most 255"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(InvalidValueError, match=message) as caught:
        PiecewiseLinear(*arguments)
    assert isinstance(caught.value, LinRegionsError)
    assert isinstance(caught.value, ValueError)


def test_255_breakpoints_fit_into_patterns():
    stairs = PiecewiseLinear(range(255), range(256))
    assert stairs.pieces([-1.0, 1e3]).tolist() == [0, 255]


def test_text_is_no_number():
    with pytest.raises(InvalidTypeError, match="`slopes` has dtype <U1, but PiecewiseLinear needs real numbers"):
        PiecewiseLinear([0.0], ["a", "b"])


def test_leaky_relu_messages():
    with pytest.raises(
        InvalidValueError, match=r"`slope` is 1, but leaky_relu needs another slope .* `linregions.IDENTITY`"
    ):
        lr.leaky_relu(1)
    with pytest.raises(InvalidValueError, match="`slope` holds 1 NaN or infinite"):
        lr.leaky_relu(np.inf)
    with pytest.raises(InvalidValueError, match=r"`slope` has shape \(2,\), but leaky_relu needs 0 axes"):
        lr.leaky_relu([0.1, 0.2])
