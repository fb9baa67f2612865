"""The theorems: tables agree with what they are made of, the picture with the tables, and verdicts with both."""

import json
import math

import numpy as np
import pytest

import linregions as lr
from linregions._support.tables import write_table
from linregions.experiments import reproduce
from linregions.experiments.context import Context
from linregions.experiments.report.claims import CLAIMS
from linregions.experiments.saved import load_saved
from linregions.experiments.sweeps.cells import compute
from linregions.experiments.theorems import experiment as theorems
from linregions.experiments.theorems.cases import EQUALITIES, Domain, Law, curve, frame, legs, length
from linregions.experiments.theorems.cells import BothSides, Counts, OnCurve
from linregions.experiments.theorems.checks import PAPER
from linregions.experiments.theorems.figure import draw
from linregions.experiments.theorems.tables import powers, summary
from linregions.theory.corollaries import volume_upper_bound

pytest.importorskip("matplotlib")
FEW = tuple(EQUALITIES[k] for k in (1, 4, 11, 16, 22, 25, 38))
SMALL = theorems.Settings(
    networks=20,
    points=16,
    pair_networks=10,
    pair_points=16,
    arrangements=((24,), (8, 8, 8)),
    sizes=(16,),
    arrangement_networks=8,
    arrangement_points=8,
    growth_widths=(4, 8),
    growth_depths=(1, 3),
    growth_networks=400,
    fact_networks=500,
    tube_networks=1,
    tube_samples=500,
    counted_networks=4,
    counted_widths=2,
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theorems, "EQUALITIES", FEW)
        context = Context(out=tmp_path_factory.mktemp("out"), seed=1, progress=False)
        yield reproduce("theorems", context, settings=SMALL), context


@pytest.fixture(scope="module")
def saved(done):
    return done[0].saved


@pytest.fixture(scope="module")
def figure(saved):
    return draw(saved)


# Cases ----------------------------------------------------------------------------------------------------------------


def test_the_equalities_cover_what_they_should():
    assert len(EQUALITIES) >= 20
    assert len(set(EQUALITIES)) == len(EQUALITIES)
    laws = [law for law, _, _ in EQUALITIES]
    assert {law.n_in for law in laws} == {1, 2, 3, 4, 784}
    assert {len(law.hidden) for law in laws} == {1, 2, 3, 4, 5, 6}
    assert {law.breakpoints for law in laws} == {1, 2, 3}
    assert {law.bias for law in laws} == {"normal", "uniform"}
    assert {k for _, _, k in EQUALITIES} == {1, 2, 3, 4}
    assert {k for law, _, k in EQUALITIES if law.n_in == 3} == {1, 2, 3}  # Corollary 4 for all k
    for law, domain, k in EQUALITIES:
        assert law.make().n_neurons == law.neurons
        domain.make(law.n_in)
        assert k <= law.n_in


def test_domains_and_curves():
    for n in (2, 3, 784):
        along, across = frame(n)
        np.testing.assert_allclose([along @ along, across @ across, along @ across], [1, 1, 0], atol=1e-12)
        segment, square = Domain("segment", -0.5, 0.5).make(n), Domain("square", -0.5, 0.5).make(n)
        assert np.linalg.norm(segment.b - segment.a) == pytest.approx(Domain("segment", -0.5, 0.5).volume(n))
        assert square.area == pytest.approx(Domain("square", -0.5, 0.5).volume(n))
    box = Domain("box", -1.0, 2.0)
    assert (box.volume(3), box.radius(3)) == (27.0, pytest.approx(2 * math.sqrt(3)))
    assert [length(curve("interval", 1)), length(curve("segment", 3))] == pytest.approx([2, 2])
    circle = curve("circle", 3)
    assert length(circle) == pytest.approx(64 * 2 * math.sin(math.pi / 64))
    assert len(legs(circle)) == 64
    assert len(legs(curve("polygon", 3))) == 4


def test_cells_are_pure_and_their_seeds_differ(tmp_path):
    law, place = Law((1, 6, 1), scale=0.5), Context(out=tmp_path).place
    cell = BothSides(law, 10, 0, Domain("box", -1.0, 1.0), 1, 8)
    assert compute(cell, place) == compute(cell, place)
    other = BothSides(law, 10, 1, Domain("box", -1.0, 1.0), 1, 8)
    assert compute(cell, place) != compute(other, place)


def test_the_prediction_for_a_circle_is_the_sum_over_its_legs(tmp_path):
    cell = OnCurve(Law((3, 6, 1), bias="uniform", scale=1.0), 300, 0, "circle", 16)
    found = compute(cell, Context(out=tmp_path).place)
    error = math.hypot(found["measured_stderr"], found["predicted_stderr"])
    assert abs(found["measured"] - found["predicted"]) < 4 * error
    rng = cell.rng("networks")
    law, path = cell.law.make(), curve("circle", 3)
    counts = [lr.count_regions(law.sample(rng), path, "linear") - 1 for _ in range(300)]
    assert found["measured"] == pytest.approx(np.mean(counts) / length(path))


# Tables ---------------------------------------------------------------------------------------------------------------


def test_equalities_hold_and_z_is_what_it_says(saved):
    rows = saved.table("equalities")
    assert len(rows) == len(FEW)
    for row in rows:
        error = math.hypot(row["measured_stderr"], row["predicted_stderr"])
        assert row["z"] == pytest.approx((row["measured"] - row["predicted"]) / error)
        assert abs(row["z"]) < 4
        assert row["ratio"] == pytest.approx(row["measured"] / row["predicted"])
    np.testing.assert_array_equal(saved.arrays["z"], [row["z"] for row in rows])
    assert [row["networks"] for row in rows] == [20, 20, 20, 10, 20, 80, 10]  # sections of boxes are cheap


def test_bounds_are_those_of_the_theory(saved):
    for row, (law, _, k) in zip(saved.table("bounds"), FEW, strict=True):
        assert row["upper"] == pytest.approx(volume_upper_bound(law.make(), k, row["c_grad"]))
        assert row["upper_printed"] == pytest.approx(2**k * row["upper"])
        assert row["upper_slack"] == pytest.approx(row["upper"] / row["measured"])
        assert (row["exponent"] is None) == (row["activation"] != "relu")
        assert row["lower"] is None or row["lower"] <= row["measured"] + 2 * row["measured_stderr"]


def test_cubes_and_curves_per_neuron(saved):
    for row in saved.table("cubes"):
        each = row["neurons"] * row["T"]
        assert row["density_per_neuron"] == pytest.approx(row["density"] / each)
        assert row["distance_times_neurons"] == pytest.approx(row["distance"] * each)
        assert row["c_T_below"] == pytest.approx(row["distance"] * each * row["c_bias"] * row["c_grad"])
        assert row["c_T_above"] == pytest.approx(row["c_T_below"] / row["T"] ** 2)
        assert row["distance"] > row["distance_bound"]
    for row in saved.table("curves"):
        assert row["per_neuron"] == pytest.approx(row["measured"] / (row["neurons"] * row["T"]))
        assert (row["n_in"] == 1) == (row["curve"] == "interval")


def test_powers_and_slopes(saved):
    table = [
        {"curve": "circle", "n_in": 3, "activation": "relu", "biases": "b", "depth": 3, "neurons": n, "x": 2.0 * n**1.5}
        for n in (10, 20, 40)
    ]
    other = {**table[0], "depth": 2, "x": 100.0}
    assert powers([*table, other], "x") == {("circle", 3, "relu", "b"): pytest.approx(1.5)}
    slopes = {row["order"]: row for row in saved.table("slopes")}
    assert slopes[4]["slope"] > slopes[2]["slope"] + 0.3
    assert [slopes[m]["limit"] for m in (1, 2, 3, 4)] == [0, 0, 0.625, 1.25]


def test_summary_finds_what_fails(saved):
    tables = {
        key: saved.table(key)
        for key in ("equalities", "curves", "cubes", "bounds", "facts", "growth", "tubes", "counts")
    }
    rows = {row["statement"]: row for row in summary(tables)}
    assert rows["Theorem 3 / 6, k = 1"]["holds"]
    assert rows["Theorem 3 / 6, k = 3"]["holds"]
    assert rows["Lemma 12"]["cases"] == len(tables["tubes"])
    for n in range(1, 6):
        name = f"Regions as #neurons^{n} / {n}!, {n} input{'s' * (n > 1)}"
        assert rows[name]["cases"] == 2
    tables["equalities"] = [row | {"z": 4.5 if row["k"] == 1 else 0.1} for row in tables["equalities"]]
    tables["tubes"] = [row | {"bound": row["area"] - 5 * row["area_stderr"]} for row in tables["tubes"]]
    worse = {row["statement"]: row for row in summary(tables)}
    assert not worse["Theorem 3 / 6, k = 1"]["holds"]
    assert worse["Theorem 3 / 6, k = 1"]["value"] == 4.5
    assert worse["Theorem 3 / 6, k = 2"]["holds"]
    assert not worse["Lemma 12"]["holds"]


def test_counts_of_regions_are_measured_against_the_heuristic(saved):
    rows = saved.table("counts")
    assert [row["n_in"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for row in rows:
        heuristic = row["neurons"] ** row["n_in"] / math.factorial(row["n_in"])
        assert row["heuristic"] == pytest.approx(heuristic)
        assert row["ratio"] == pytest.approx(row["regions"] / heuristic)
        assert 0.1 < row["ratio"] < 2
    cell = Counts(Law((3, 8, 8, 1), scale=1.0), 4, 1)
    rng, box = cell.rng("networks"), lr.Box([-3.0] * 3, [3.0] * 3)
    counts = [lr.count_regions(cell.law.make().sample(rng), box) for _ in range(4)]
    assert rows[4]["regions"] == pytest.approx(np.mean(counts))
    flat = [row | {"regions": 100.0} for row in rows]
    tables = {key: saved.table(key) for key in ("equalities", "curves", "cubes", "bounds", "facts", "growth", "tubes")}
    worse = [row for row in summary(tables | {"counts": flat}) if row["statement"].startswith("Regions as")]
    assert not any(row["holds"] for row in worse)


def test_a_second_run_reads_what_the_first_left(done, monkeypatch):
    first, context = done
    monkeypatch.setattr(BothSides, "compute", lambda *_: pytest.fail("computed again"))
    assert theorems.measure(SMALL, context).tables["equalities"] == first.measurement.tables["equalities"]


# Picture --------------------------------------------------------------------------------------------------------------


def marks(container):
    return container.lines[0].get_ydata()


def test_the_picture_shows_the_tables(saved, figure):
    axes = figure.axes
    assert len(axes) == 12
    titles = [ax.get_title(loc="left") for ax in axes]
    assert [title[:3] for title in titles] == [f"({letter})" for letter in "abcdefghijkl"]
    rows = saved.table("equalities")
    drawn = sorted(value for bars in axes[0].containers for value in marks(bars))
    np.testing.assert_allclose(drawn, sorted(row["ratio"] for row in rows))
    assert f"largest |z| = {max(abs(row['z']) for row in rows):.1f}" in titles[0]
    interval = sorted(
        (
            row
            for row in saved.table("curves")
            if (row["curve"], row["depth"], row["activation"]) == ("interval", 3, "relu")
        ),
        key=lambda row: row["neurons"],
    )
    np.testing.assert_allclose(marks(axes[1].containers[0]), [row["measured"] for row in interval])
    circle = [
        row
        for row in saved.table("curves")
        if (row["curve"], row["neurons"], row["activation"], row["biases"]) == ("circle", 24, "relu", PAPER)
    ]
    np.testing.assert_allclose(marks(axes[2].containers[0]), [row["per_neuron"] for row in circle])
    fourth = [row["c_grad"] for row in saved.table("growth") if row["order"] == 4]
    np.testing.assert_allclose(marks(axes[7].containers[3]), fourth)
    below = [row["c_T_below"] for row in saved.table("cubes") if row["activation"].startswith("zigzag")]
    np.testing.assert_allclose(axes[8].lines[0].get_ydata(), below)
    moments = [row for row in saved.table("facts") if row["equation"] == 32 and row["hidden"] == "[4, 3, 5]"]
    np.testing.assert_allclose(marks(axes[10].containers[0]), [row["measured"] for row in moments])


def test_labels_do_not_overlap_their_neighbours(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert width <= 1 or height <= 1


# Verdicts -------------------------------------------------------------------------------------------------------------


def judged(folder):
    found = {"theorems": load_saved(folder, "theorems")}
    return {claim.check.__name__: claim.judge(found) for claim in CLAIMS if claim.about == "theorems"}


def test_every_statement_is_judged(saved):
    found = judged(saved.folder)
    assert len(found) == 13
    for name in ("volume_formula", "upper_bound", "lower_bound", "distance_bound", "tube_bound", "initialisation"):
        assert found[name].holds is True, name
    assert found["volume_formula"].measured.startswith(f"{len(FEW)} cases with 1, 2, 3 inputs")
    assert len(found["distance_bound"].items) == 3


def copy_unchecked(folder, other):
    """Copy the tables, without their checksums, so that they may be changed."""
    for file in folder.glob("theorems*.csv"):
        (other / file.name).write_bytes(file.read_bytes())
    content = json.loads((folder / "theorems.json").read_text())
    kept = {key: content[key] for key in content if not key.startswith("checksum")}
    (other / "theorems.json").write_text(json.dumps(kept))


@pytest.mark.filterwarnings("ignore::linregions.errors.UncheckedFileWarning")
def test_verdicts_turn_with_the_tables(saved, tmp_path):
    copy_unchecked(saved.folder, tmp_path)

    def change(key, edit):
        write_table(tmp_path / f"theorems-{key}.csv", [row | edit(row) for row in saved.table(key)])

    change("equalities", lambda row: {"z": 5.0 if row["case"] == 2 else 0.0})
    change("bounds", lambda row: {"upper": row["measured"] / 2, "measured_stderr": 1e-6 * row["measured"]})
    change("facts", lambda row: {"z": 9.0 if row["equation"] == 33 else 0.0})
    change("cubes", lambda row: {"distance": row["distance_bound"] / 2, "distance_stderr": 0.0})
    change("slopes", lambda row: {"slope": 3.0, "slope_stderr": 0.1})
    found = judged(tmp_path)
    for name in ("volume_formula", "upper_bound", "initialisation", "distance_bound", "gradient_constant"):
        assert found[name].holds is False, name
    assert "Too far apart: cases 2." in found["volume_formula"].measured
    assert found["tube_bound"].holds is True


@pytest.mark.filterwarnings("ignore::linregions.errors.UncheckedFileWarning")
def test_arrangements_are_compared_law_by_law(saved, tmp_path):
    copy_unchecked(saved.folder, tmp_path)
    rows = [
        row | {"per_neuron": 1.0 if row["biases"] == PAPER else 1.0 + 0.2 * (row["depth"] > 1)}
        for row in saved.table("curves")
    ]
    write_table(tmp_path / "theorems-curves.csv", rows)
    found = judged(tmp_path)
    assert found["only_neurons_count"].holds is True
    assert found["only_neurons_count_with_wide_biases"].holds is False
