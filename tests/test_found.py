"""Inputs that once came out wrong, with the right values: each a script beside a note that says how they are known."""

from __future__ import annotations

import ast
import io
import runpy
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from tests.reference.exact_graph_partitions import graph_plane

FOUND = Path(__file__).resolve().parents[2] / "shared" / "found"
pytestmark = pytest.mark.skipif(not FOUND.is_dir(), reason=f"the inputs that were found are not there: {FOUND}")


def run(name: str) -> tuple[list[str], dict[str, Any]]:
    """Run a script; return the lines that it prints, and its names."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        names = runpy.run_path(str(FOUND / name / "make.py"))
    return printed.getvalue().splitlines(), names


def diagnostics_in(text: str) -> list[dict[str, Any]]:
    """Return the dictionaries printed in a line."""
    parts = text.replace("inf", "1e999").split("{")[1:]
    return [ast.literal_eval("{" + part[: part.index("}") + 1]) for part in parts]


def test_anisotropic() -> None:
    assert run("anisotropic")[0][-1] == "180 windows: 0 wrong, 0 raised"


def test_wrong_and_silent() -> None:
    part = run("wrong_and_silent")[1]["p"]
    assert (part.n_regions, part.n_linear_regions) == (3, 2)
    assert set(map(tuple, part.patterns.tolist())) == {(0, 0, 1), (0, 1, 1), (1, 0, 1)}


@pytest.mark.parametrize("exponent", [10, 12, 20, 40])
def test_other_units_change_nothing(exponent: int) -> None:
    for seed in range(3):
        net = lr.random_network([2, 64, 64, 64, 1], seed, bias_variance=0.1)
        s = 2.0**exponent
        first = net.layers[0]
        layers = [(first.weight * [1.0, 1.0 / s], first.bias), *((la.weight, la.bias) for la in net.layers[1:])]
        other = lr.Network.from_layers(layers)
        want = lr.count_regions(net, lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))
        assert lr.count_regions(other, lr.PlaneWindow.of_inputs([-1.0, -s], [1.0, s])) == want


def test_skew_basis_lengths() -> None:
    for line in run("skew_basis_lengths")[0]:
        assert float(line.split()[1]) == pytest.approx(1.0, rel=1e-6), line


def test_overflow_in_planes() -> None:
    printed, names = run("overflow_in_planes")
    assert printed[0].startswith("296 right: 296")
    assert names["p"].n_regions == 738  # by exact arithmetic


def test_diagnostics_that_do_not_count() -> None:
    for line in run("diagnostics_that_do_not_count")[0]:
        count, right = line.split()[0], line.split()[2]
        assert count == right or diagnostics_in(line)[0]["undecided"] > 0, line


def test_diagnostics_of_exact_coincidence() -> None:
    printed, _ = run("diagnostics_of_exact_coincidence")
    for line in printed:
        for place, diagnostics in zip(("plane", "segment"), diagnostics_in(line), strict=True):
            count = int(line.split(place)[1].split()[0])
            if line.startswith("0.0 "):
                taken = {k: v for k, v in diagnostics.items() if k in ("snapped_signs", "merged_ties", "undecided")}
                assert count == 2, line
                assert not any(taken.values()), line
            else:
                assert count == 3 or diagnostics["undecided"] > 0, line


def test_identity_layers_noise() -> None:
    assert run("identity_layers_noise")[0][-1] == "of 20 networks: line wrong 0 plane wrong 0 distance wrong 0"


def test_bounds_one_input() -> None:
    printed, names = run("bounds_one_input")
    assert printed[0].startswith("counted 16 ")
    bounds = names["theory"].region_bounds([1, 3, 3, 1])
    assert max(bound.value for bound in bounds if bound.kind == "lower") == 16
    assert min(bound.value for bound in bounds if bound.kind == "upper") == 16


def test_linear_regions_cancel() -> None:
    names = run("linear_regions_cancel")[1]
    assert names["p"].n_gradient_regions == names["q"].n_gradient_regions == 1
    assert lr.count_regions(names["p"].network, lr.Line([0.0], [1.0]), kind="gradient") == 1


def test_decision_boundary_cost() -> None:
    """What it costs is in the benchmarks; here that the boundary is where the arg-max changes."""
    names = run("decision_boundary_cost")[1]
    part = names["q"]
    segments = names["d"].segments
    middles = part.window.point(segments.mean(axis=1))
    outputs = np.sort(part.network(middles), axis=1)
    assert len(segments) > 100
    assert np.abs(outputs[:, -1] - outputs[:, -2]).max() < 1e-9 * np.abs(outputs).max()


@pytest.mark.slow
def test_distance_low_dimension() -> None:
    for line in run("distance_low_dimension")[0]:
        assert float(line.split("difference")[1]) < 1e-6, line


def test_affine_map_and_halfspaces_at_a_point() -> None:
    torch = pytest.importorskip("torch")
    dtype = torch.get_default_dtype()
    try:
        names = run("affine_map_and_halfspaces_at_a_point")[1]
    finally:
        torch.set_default_dtype(dtype)
    network, x = names["net"], names["x"]
    matrix, vector = network.affine_map(x)
    assert np.allclose(matrix, names["J"], rtol=0, atol=1e-14)
    assert np.allclose(vector, names["c"], rtol=0, atol=1e-14)
    assert np.allclose(network.jacobian(x), names["T_"], rtol=0, atol=1e-14)


def counts_from_torch(name: str) -> tuple[list[str], dict[str, Any]]:
    """Run a script of torch modules; return the lines that it prints, and its names."""
    torch = pytest.importorskip("torch")
    dtype = torch.get_default_dtype()
    try:
        return run(name)
    finally:
        torch.set_default_dtype(dtype)


def test_batchnorm_and_simple_affine(monkeypatch: pytest.MonkeyPatch) -> None:
    made, from_torch = [], lr.from_torch

    def keeping(*args: Any) -> lr.Network:
        made.append(from_torch(*args))
        return made[-1]

    monkeypatch.setattr(lr, "from_torch", keeping)
    printed, _ = counts_from_torch("batchnorm_and_simple_affine")
    seen = [int(line.removeprefix("seen ")) for line in printed if line.startswith("seen ")]
    assert [line for line in printed if line.startswith("right ")] == [f"right {seen[0]}"]
    assert len(seen) == len(made) == 6
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    for count, network in zip(seen, made, strict=True):
        assert count == graph_plane(network.graph, window).n_regions


def test_residual_block() -> None:
    printed, names = counts_from_torch("residual_block")
    assert printed == ["seen 53", "right 53"]
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    assert graph_plane(lr.from_torch(names["m"]).graph, window).n_regions == 53


def test_wrapped_forward() -> None:
    """Without an example only a flat Sequential is read, and the advice works when it is followed."""
    import torch

    printed, names = counts_from_torch("wrapped_forward")
    assert (printed[0], printed[4]) == ("seen 18", "seen 18")
    for line in printed[1:4]:
        assert line.startswith("seen InvalidValueError `example_input` is missing"), line
    assert "Load the parameters into that one" in printed[5]
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    plain = lr.partition(lr.from_torch(names["s"]), window)
    for module in (names["Wrap"](), names["Functional"](), names["Normalised"](), torch.nn.DataParallel(names["s"])):
        part = lr.partition(lr.from_torch(module.double(), torch.zeros(1, 2, dtype=torch.float64)), window)
        assert np.array_equal(part.vertices, plain.vertices)
        assert np.array_equal(part.patterns, plain.patterns)
