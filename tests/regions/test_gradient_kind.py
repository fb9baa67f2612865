"""`kind="gradient"` wherever a kind is offered, on x + relu(y) written with a pair of neurons that cancel."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main
from linregions.measures.perturbation import perturbed_counts
from linregions.theory.tube import boundary_complex

NET = lr.Network.from_layers([([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 0.0]), ([[1.0, -1.0, 1.0]], [0.0])])
SQUARE = lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
KINDS = ("activation", "linear", "gradient")


def test_counts() -> None:
    assert [lr.count_regions(NET, SQUARE, kind) for kind in KINDS] == [4, 4, 2]
    part = lr.partition(NET, SQUARE)
    assert [int(part.is_boundary_of(kind).sum()) for kind in KINDS] == [4, 4, 2]
    with pytest.raises(lr.errors.InvalidValueError, match="`kind` is 'convex', but is_boundary_of needs one of 'act"):
        part.is_boundary_of("convex")


def test_density_and_its_samples() -> None:
    exact = [lr.boundary_density(NET, -1.0, 1.0, rng=0, kind=kind).value for kind in KINDS]
    assert exact == pytest.approx([1.0, 1.0, 0.5], rel=1e-12)
    sampled = lr.boundary_density(NET, -1.0, 1.0, rng=0, kind="gradient", method="chords", n_chords=4000)
    assert abs(sampled.z_score(0.5)) < 4
    meetings = [lr.boundary_density(NET, -1.0, 1.0, rng=0, kind=kind, codimension=2).value for kind in KINDS]
    assert meetings == [0.25, 0.25, 0.0]


def test_local_complexity() -> None:
    regions, boundaries = [], []
    for kind in KINDS:
        found = lr.local_complexity(NET, np.zeros(2), 0.5, rng=0, n_planes=1, n_frames=2, kind=kind)
        regions.append(float(found.plane_regions[0]))
        boundaries.append(float(found.plane_boundaries[0]))
        line = lr.local_complexity(NET, [[0.1, 0.2]], 1.0, rng=3, n_planes=0, n_frames=50, kind=kind)
        assert (line.line_regions[0] > 2.2) == (kind != "gradient")
    assert regions == [4, 4, 2]
    assert boundaries == [4, 4, 2]


def test_tubes_probes_and_noise() -> None:
    part = lr.partition(NET, SQUARE)
    assert [boundary_complex(part, kind).length for kind in KINDS] == pytest.approx([4.0, 4.0, 2.0])
    line = lr.Line([0.3, 0.2], [1.0, 2.0])
    assert perturbed_counts(NET, line, 0.0, 2, 0, kind="gradient").tolist() == [2, 2]
    for probe, name in ((lr.LineProbe([line], "gradient"), "lines"), (lr.PlaneProbe(SQUARE, "gradient"), "plane")):
        assert probe.name == f"{name}_gradient"
        assert probe.measure(NET)["regions"] == 2.0


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = tmp_path / "net.npz", tmp_path / "out"
    NET.save(model)
    common = ["--out", str(out), "--quiet"]
    main(["density", str(model), "--low", "-1", "--high", "1", "--kind", "gradient", *common])
    main(["plane", str(model), "--low", "-1", "-1", "--high", "1", "1", *common])
    main(["line", str(model), "--from", "-1", "-1", "--to", "1", "2", *common])
    capsys.readouterr()
    results = {
        name: json.loads((out / f"net-{name}.json").read_text())["results"] for name in ("density", "plane", "line")
    }
    assert results["density"]["density"] == pytest.approx(0.5)
    assert (results["plane"]["linear_regions"], results["plane"]["gradient_regions"]) == (4, 2)
    assert (results["line"]["linear_regions"], results["line"]["gradient_regions"]) == (3, 2)
    with open(out / "net-plane.csv", newline="", encoding="utf-8") as handle:
        assert len({row["gradient_region"] for row in csv.DictReader(handle)}) == 2
    with open(out / "net-line.csv", newline="", encoding="utf-8") as handle:
        assert sum(row["gradient_boundary"] == "True" for row in csv.DictReader(handle)) == 1


@pytest.mark.parametrize("seed", [0, 5, 6, 10])
def test_winners_of_two_maxima_cancel_exactly(seed: int) -> None:
    """max(u, v) - max(w, v) is 0 where v wins twice: the imported network carries v as it is, not u + (v - u)."""
    pytest.importorskip("scipy")
    from linregions.networks.importers.values import Builder

    rng = np.random.default_rng(seed)
    builder = Builder([(2,)], "test")
    (x,) = builder.inputs()
    hidden = builder.activation(builder.linear(x, rng.normal(size=(4, 2)), (4,), rng.normal(size=4)), lr.RELU)
    u, v, w = (builder.linear(hidden, rng.normal(size=(1, 4)), (1,)) for _ in range(3))
    difference = builder.subtract(builder.maximum(u, v), builder.maximum(w, v))
    part = lr.partition(lr.Network.from_graph(builder.finish(difference)), lr.PlaneWindow.of_inputs([-2, -2], [2, 2]))
    both = (part.patterns[:, -2:] == 1).all(axis=1)
    within = (part.edge_faces >= 0).all(axis=1) & both[part.edge_faces].all(axis=1)
    assert within.any()
    assert not part.edge_is_gradient_boundary[within].any()
