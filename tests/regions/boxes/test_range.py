"""Networks and boxes at the ends of what float64 holds: right, or refused in one sentence."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, UndecidedWarning


def network(*factors: float) -> lr.Network:
    """Return a network without biases, whose regions do not depend on the size of its weights."""
    made = lr.random_network([2, 5, 4, 3, 1], 1, bias_variance=0.0)
    return lr.Network.from_layers([(step.weight * f, step.bias) for step, f in zip(made.layers, factors, strict=True)])


@pytest.mark.parametrize(
    "factors", [(1e-150, 1e-100, 1e250, 1.0), (1e90, 1e90, 1e90, 1e200), (1e-211, 1e-50, 1e290, 1)]
)
def test_large_and_small_weights_give_the_same_regions(factors):
    box = lr.Box([0.1, -1.0], [0.9, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UndecidedWarning)  # without biases boundaries coincide exactly
        part = lr.partition(network(*factors), box)
        count = lr.count_regions(network(*factors), box)
    known = lr.partition(network(1, 1, 1, 1), box)
    assert part.n_regions == count == known.n_regions > 4
    assert part.diagnostics["undecided"] == known.diagnostics["undecided"]


@pytest.mark.parametrize("factors", [(1e-200, 1e-200, 1e300, 1), (1e200, 1e200, 1e-300, 1), (1e-312, 1, 1, 1)])
def test_numbers_out_of_range_are_refused(factors):
    box = lr.Box([0.1, -1.0], [0.9, 1.0])
    for ask in (lr.partition, lr.count_regions):
        with pytest.raises(InvalidValueError, match=r"`network` adds up numbers of about .* powers of two"):
            ask(network(*factors), box)


def test_constants_out_of_range_are_refused():
    far = lr.Network.from_layers([([[1e300, 1e300]], [0.0]), ([[1.0]], [0.0])])
    with pytest.raises(InvalidValueError, match=r"`network` adds up numbers of about inf"):
        lr.partition(far, lr.Box([1e10, 1e10], [2e10, 2e10]))


def test_layers_that_are_all_zero_are_none_of_that():
    zero = lr.Network.from_layers([(np.zeros((2, 2)), [0.0, 0.0]), ([[1.0, 1.0]], [0.0]), ([[1.0]], [0.0])])
    assert lr.partition(zero, lr.Box([-1, -1], [1, 1])).n_regions == 1


@pytest.mark.parametrize("half", [1e-300, 1e300, 1.7e308])
def test_domains_whose_volume_is_no_number_are_refused(half):
    flat = lr.random_network([3, 4, 1], 0)
    box = lr.Box([-half] * 3, [half] * 3)
    domains = [box] if half > 1e307 else [box, lr.Polytope([[1.0, 1.0, 1.0]], [half], box)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for domain in domains:
            with pytest.raises(InvalidValueError, match=r"`domain` has sides from .* other units"):
                lr.partition(flat, domain)


def test_counts_need_no_volume():
    half = 1e-140
    whole = lr.random_network([3, 6, 4, 1], 0, bias_variance=0.1)
    first, *others = whole.layers
    small = lr.Network.from_layers([(first.weight / half, first.bias), *((step.weight, step.bias) for step in others)])
    count = lr.count_regions(small, lr.Box([-half] * 3, [half] * 3))
    assert count == lr.count_regions(whole, lr.Box([-1] * 3, [1] * 3)) > 20


@pytest.mark.parametrize("number", [-1, 10_000])
def test_regions_that_are_none_have_no_corners(number):
    part = lr.partition(lr.random_network([3, 4, 1], 0), lr.Box([-1] * 3, [1] * 3))
    with pytest.raises(InvalidValueError, match=r"`region` is .* BoxPartition.corners_of"):
        part.corners_of(number)
