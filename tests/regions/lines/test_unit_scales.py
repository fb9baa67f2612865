"""Classes and levels along lines in units in which values overflow or vanish."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Network

LINE = lr.Line([0.1, 0.3], [1.0, -0.7])


def with_outputs_times(scale: float) -> Network:
    net = lr.random_network([2, 12, 12, 3], 1, bias_variance=0.1)
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[-1] = layers[-1][0] * scale, layers[-1][1] * scale
    return Network.from_layers(layers)


@pytest.mark.parametrize("exponent", [-1000, -600, -300, 300, 600, 1020])
def test_classes_keep_in_all_units_of_outputs(exponent: int) -> None:
    plain, scaled = (lr.partition(with_outputs_times(scale), LINE) for scale in (1.0, 2.0**exponent))
    for decision in ("argmax", "argmin"):
        expected, found = plain.decision_points(decision), scaled.decision_points(decision)
        assert len(expected.t) > 1
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_allclose(found.t, expected.t, rtol=1e-9)
        assert found.diagnostics["undecided"] == 0
    level = 0.1 * 2.0**exponent
    np.testing.assert_allclose(scaled.level_set(0, level).t, plain.level_set(0, 0.1).t, rtol=1e-9)


def test_outputs_that_overflow_are_compared() -> None:
    net = Network.from_layers([([[1e200, 0.0]], [0.0]), ([[1e200], [-1e200]], [0.0, 0.0])])
    part = lr.partition(net, lr.Segment([-1.0, 0.0], [1.0, 0.0]))
    assert part.decision_points().t.size == 0  # of outputs that tie the first is the class
    assert part.decision_points("argmin").t.tolist() == [0.5]
    assert part.decision_points("argmin").classes.tolist() == [[0, 1]]
