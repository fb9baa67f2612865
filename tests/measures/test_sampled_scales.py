"""Densities and local complexity in inputs of very small, large or unequal units."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import FewPointsWarning, InvalidValueError, NumericalError, UndecidedWarning


def network(n_in: int = 2) -> Network:
    return lr.random_network([n_in, 8, 8, 2], 0, bias_variance=0.1)


def in_units(net: Network, units: np.ndarray) -> Network:
    """Return the same function of inputs given in units so many times smaller."""
    first, *others = net.layers
    return Network.from_layers([(first.weight / units, first.bias), *((la.weight, la.bias) for la in others)])


@pytest.mark.parametrize("exponent", [-600, -300, -60, 60, 80, 100, 290, 300, 600])
def test_counts_in_windows_of_unequal_units(exponent: int) -> None:
    units = np.array([1.0, 2.0**exponent])
    plain = lr.partition(network(), lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))
    other = lr.partition(in_units(network(), units), lr.PlaneWindow.of_inputs(-units, units))
    assert other.n_regions == plain.n_regions
    assert other.diagnostics["undecided"] == 0
    assert set(map(bytes, other.patterns)) == set(map(bytes, plain.patterns))


@pytest.mark.parametrize("exponent", [10, 60, 100, 290])
def test_densities_of_unequal_units(exponent: int) -> None:
    """Per unit of area, vertices are what they are; boundary length is that of the partition."""
    units = np.array([1.0, 2.0**exponent])
    other = in_units(network(), units)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        meetings = lr.boundary_density(other, -units, units, rng=0, codimension=2).value
        found = lr.boundary_density(other, -units, units, rng=0, kind="activation").value
    assert meetings * 2.0**exponent == lr.boundary_density(network(), -1.0, 1.0, rng=0, codimension=2).value > 0
    part = lr.partition(other, lr.PlaneWindow.of_inputs(-units, units))
    assert found == pytest.approx(part.boundary_length / (4.0 * 2.0**exponent), rel=1e-12)


@pytest.mark.parametrize("exponent", [-600, -300, 300, 600])
@pytest.mark.parametrize("n_in", [1, 2, 3])
def test_densities_in_all_units(n_in: int, exponent: int) -> None:
    size = 2.0**exponent
    for plain, scaled in (
        (lr.Ball(np.full(n_in, 0.25), 1.0), lr.Ball(np.full(n_in, 0.25 * size), size)),
        (lr.Box(np.full(n_in, -1.0), np.full(n_in, 1.5)), lr.Box(np.full(n_in, -size), np.full(n_in, 1.5 * size))),
    ):
        other = in_units(network(n_in), np.full(n_in, size))
        for method in ("auto", "chords"):
            want = lr.boundary_density(network(n_in), plain, rng=1, n_chords=50, method=method)
            found = lr.boundary_density(other, scaled, rng=1, n_chords=50, method=method)
            assert want.value > 0
            assert found.value * size == pytest.approx(want.value, rel=1e-9)
            assert found.stderr * size == pytest.approx(want.stderr, rel=1e-9, abs=1e-12)
        if n_in > 1 and abs(exponent) > 500:
            with pytest.raises(NumericalError, match=r"`network` has a density of .*, which is no float"):
                lr.boundary_density(other, scaled, rng=1, n_chords=5, codimension=2)


def test_a_network_that_overflows_in_these_units() -> None:
    net = Network.from_layers([([[1e200, 1.0]], [0.0]), ([[1.0]], [0.0])])
    with pytest.raises(NumericalError, match="`network` overflows where inputs are as large as"):
        lr.boundary_density(net, -1e200, 1e200, rng=0)


def test_few_chords_of_a_flat_box_are_told_of() -> None:
    """The density is 7.6 whatever the third side is, but chords are as short as that."""
    first, *others = network().layers
    layers = [(np.column_stack([first.weight, np.zeros(8)]), first.bias), *((la.weight, la.bias) for la in others)]
    flat = np.array([1.0, 1.0, 1e-9])
    with pytest.warns(FewPointsWarning, match="only 0 of 100 chords or sections met a boundary, in a box whose sides"):
        assert lr.boundary_density(Network.from_layers(layers), -flat, flat, rng=0, n_chords=100).value == 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr.boundary_density(Network.from_layers(layers), -1.0, 1.0, rng=0, n_chords=100)


@pytest.mark.parametrize(
    "measure",
    [
        lambda net: lr.boundary_density(net, -1.0, 1.0, rng=0),
        lambda net: lr.boundary_density(net, -1.0, 1.0, rng=0, codimension=2, method="chords", n_chords=20),
        lambda net: lr.local_complexity(net, [0.0, 0.0], 1.0, rng=0),
    ],
    ids=["exact", "sections", "discs"],
)
def test_undecided_is_told_of(measure: Callable[[Network], Any]) -> None:
    """Lines of the first layer are one but for rounding."""
    net = Network.from_layers(
        [([[1.0, 0.3], [1.0, 0.3 + 1e-15], [-0.2, 1.0]], [0.1, 0.1, 0.0]), ([[1.0, 1.0, 1.0]], [0.0])]
    )
    with pytest.warns(UndecidedWarning, match="within the rounding of float64"):
        measure(net)


@pytest.mark.parametrize("exponent", [-600, -300, 300, 600])
def test_local_complexity_in_all_units(exponent: int) -> None:
    size = 2.0**exponent
    points = np.array([[0.0, 0.25], [1.0, -0.5]])
    want = lr.local_complexity(network(), points, 0.75, rng=2)
    found = lr.local_complexity(in_units(network(), np.full(2, size)), points * size, 0.75 * size, rng=2)
    assert found.radius == 0.75 * size
    for name in ("line_regions", "plane_regions", "plane_boundaries", "frame_switches", "sign_changes"):
        np.testing.assert_array_equal(getattr(found, name), getattr(want, name))
    assert want.plane_regions.min() > 1


def test_a_radius_that_leads_nowhere() -> None:
    with pytest.raises(
        InvalidValueError, match=r"`radius` is 1e-17 round a point with a coordinate of 2, beside which"
    ):
        lr.local_complexity(network(), [1.0, 2.0], 1e-17, rng=0)
    lr.local_complexity(network(), [0.0, 0.0], 1e-17, rng=0)
