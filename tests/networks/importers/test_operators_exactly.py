"""Each operator that switches, alone: lines and planes equal the exact twin, and it is affine between breakpoints."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr

pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.networks.importers.onnx_models import by_reference, saved
from tests.networks.importers.test_onnx_operators import CASES, build
from tests.reference.exact_graph_partitions import graph_line, graph_plane
from tests.support.graph_cases import random_window
from tests.support.plane_checks import check_geometry, check_incidence, check_regions_against

SWITCHES = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Abs",
    "Clip",
    "HardSigmoid",
    "Shrink",
    "ThresholdedRelu",
    "Max",
    "Min",
    "MaxPool",
    "GlobalMaxPool",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "Where",
]
NAMED = [key for key, case in CASES.items() if case[0] in SWITCHES]
# The first of each operator is quick, the rest are slow tests.
FIRST = {CASES[key][0]: key for key in reversed(NAMED)}


def test_all_operators_that_switch_are_there():
    assert set(FIRST) >= set(SWITCHES) - {"Where"}


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=[] if key in FIRST.values() else [pytest.mark.slow]) for key in NAMED]
)
def test_planes_and_lines(key, tmp_path):
    model = build(key)
    network = lr.from_onnx(saved(model, tmp_path))
    rng = np.random.default_rng(2)
    window = random_window(rng, network.n_in, exact=True)
    partition = lr.partition(network, window)
    check_regions_against(partition, graph_plane(network.graph, window))
    check_incidence(partition)
    check_geometry(partition, 1e-9)
    corners = window.point(window.polygon[:2])
    line = lr.Segment(*corners)
    found, exact = lr.partition(network, line), graph_line(network.graph, line)
    np.testing.assert_allclose(found.breakpoints, [float(t) for t in exact.breakpoints], rtol=0, atol=1e-12)
    if CASES[key][7]:  # the reference knows it: the original itself is affine between the breakpoints
        ends = np.concatenate([[0.0], found.breakpoints, [1.0]])
        shares = [(ends[:-1] + share * np.diff(ends)) for share in (0.1, 0.5, 0.9)]
        first, middle, last = (by_reference(model, line.point(t)) for t in shares)
        np.testing.assert_allclose(middle, (first + last) / 2, rtol=1e-4, atol=1e-5)
