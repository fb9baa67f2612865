"""What boundary densities and local counts must satisfy for every network."""

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Ball, Box, boundary_density
from tests.support.examples import drawn
from tests.support.zoo import ACTIVATIONS

networks = st.builds(
    lambda seed, widths, name: lr.random_network(
        [2, *widths, 1], seed, activation=ACTIVATIONS[name], bias_variance=0.3
    ),
    st.integers(0, 10_000),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.sampled_from(["relu", "abs", "hard_tanh", "three_breaks"]),
)
options = st.fixed_dictionaries(
    {"kind": st.sampled_from(["linear", "activation"]), "codimension": st.sampled_from([1, 2])}
)


@drawn(40, networks, options, st.floats(-0.9, 0.9))
def test_volumes_of_two_halves_add_up(net, chosen, cut):
    cut += 0.0123  # no boundary lies in the cut
    whole = boundary_density(net, -1.0, 1.0, rng=0, **chosen).value * 4
    left = boundary_density(net, [-1.0, -1.0], [cut, 1.0], rng=0, **chosen).value * 2 * (cut + 1)
    right = boundary_density(net, [cut, -1.0], [1.0, 1.0], rng=0, **chosen).value * 2 * (1 - cut)
    assert left + right == pytest.approx(whole, rel=1e-9, abs=1e-9)


@drawn(40, networks, options, st.integers(-8, 8))
def test_scaling_the_inputs_scales_the_density(net, chosen, power):
    scale = 2.0**power
    first, *others = ((layer.weight, layer.bias) for layer in net.layers)
    scaled = lr.Network.from_layers([(first[0] / scale, first[1]), *others], net.activations)
    for solid, larger in (
        (Box([-1.0, -0.5], [1.0, 2.0]), Box([-scale, -0.5 * scale], [scale, 2 * scale])),
        (Ball([0.2, 0.3], 1.5), Ball([0.2 * scale, 0.3 * scale], 1.5 * scale)),
    ):
        density = boundary_density(net, solid, rng=0, **chosen).value
        of_scaled = boundary_density(scaled, larger, rng=0, **chosen).value
        assert of_scaled * scale ** chosen["codimension"] == pytest.approx(density, rel=1e-9, abs=1e-12)


@drawn(40, networks, st.sampled_from([1, 2]))
def test_linear_boundaries_are_switches(net, codimension):
    linear, activation = (
        boundary_density(net, -1.0, 1.0, rng=0, kind=kind, codimension=codimension).value
        for kind in ("linear", "activation")
    )
    assert linear <= activation * (1 + 1e-12)


@drawn(40, networks, st.floats(0.05, 3.0), st.integers(0, 1000))
def test_local_counts_are_ordered(net, radius, seed):
    points = np.random.default_rng(seed).normal(size=(3, 2))
    found = lr.local_complexity(net, points, radius, rng=seed, n_planes=1, n_frames=2)
    linear = lr.local_complexity(net, points, radius, rng=seed, n_planes=1, n_frames=2, kind="linear")
    assert np.all(found.sign_changes <= found.frame_switches)
    assert np.all(found.frame_switches <= 2 * (found.line_regions - 1) + 1e-9)  # two diameters a frame
    assert np.all(found.line_regions <= found.plane_regions)
    assert np.all(linear.line_regions <= found.line_regions)
    assert np.all(linear.plane_regions <= found.plane_regions)
    assert np.all(linear.plane_boundaries <= found.plane_boundaries)
    wider = lr.local_complexity(net, points, 1.1 * radius, rng=seed, n_planes=1, n_frames=2)
    assert np.all(wider.plane_regions >= found.plane_regions)
