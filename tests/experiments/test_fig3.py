"""Figure 3: the table agrees with counts made one by one, and the picture with the table."""

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError
from linregions.experiments import reproduce
from linregions.experiments.context import Context
from linregions.experiments.figures import fig3
from linregions.networks.constructions import perturbed

pytest.importorskip("matplotlib")
SMALL = fig3.Settings(ns=(1, 3, 5), draws=21, shown=3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    context = Context(out=tmp_path_factory.mktemp("out"), seed=4, progress=False)
    return reproduce("fig3", context, settings=SMALL).saved


def test_counts_before_and_after(saved):
    assert [row["n"] for row in saved.rows] == [1, 3, 5]
    assert [row["neurons"] for row in saved.rows] == [7, 13, 19]
    assert [row["teeth"] for row in saved.rows] == [2, 8, 32]
    assert [row["regions_before"] for row in saved.rows] == [4, 16, 64]
    rng = np.random.default_rng(4)
    for row, counts in zip(saved.rows, saved.arrays["counts"], strict=True):
        again = [
            lr.count_regions(perturbed(lr.sawtooth_network(row["n"]), 0.1, rng), lr.Segment([0.0], [1.0]), "linear")
            for _ in range(21)
        ]
        np.testing.assert_array_equal(counts, again)
        assert row["mean"] == pytest.approx(np.mean(again))
        assert row["stderr"] == pytest.approx(np.std(again, ddof=1) / np.sqrt(21))
        assert (row["min"], row["q50"], row["max"]) == (min(again), np.median(again), max(again))
        assert row["share_with_fewer"] == np.mean(np.array(again) < row["regions_before"])


def test_the_graphs_are_the_sawtooth_and_a_median_draw(saved):
    assert saved.line("sawtooth").n_linear_regions == 16
    assert saved.line("perturbed").n_linear_regions == saved.rows[1]["q50"]


def test_the_picture_shows_the_table(saved):
    left, right, growth, histogram = fig3.draw(saved).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), np.resize([0.0, 1.0], 17))
    np.testing.assert_array_equal(left.lines[0].get_xdata(), np.arange(17) / 16)
    assert left.get_title() == "8 teeth from 13 neurons: 16 linear regions"
    assert right.get_title() == f"noise of sd 0.1, median draw: {saved.rows[1]['q50']:.0f} linear regions"
    # marks stand at boundaries of linear regions only
    assert int(np.sum(right.lines[0].get_markevery())) == saved.rows[1]["q50"] - 1
    np.testing.assert_array_equal(growth.lines[0].get_ydata(), [4, 16, 64])
    np.testing.assert_array_equal(growth.containers[0].lines[0].get_ydata(), [row["mean"] for row in saved.rows])
    assert sum(patch.get_height() for patch in histogram.patches) == 21
    assert [line.get_xdata()[0] for line in histogram.lines] == [64, saved.rows[2]["mean"], 19]


def test_the_graph_shown_must_be_one_of_those_measured():
    with pytest.raises(InvalidValueError, match=r"`shown` is 2, but figure 3 needs one of `ns`, \[1, 3\]"):
        fig3.measure(fig3.Settings(ns=(1, 3), shown=2), Context())


def test_a_single_draw_has_no_standard_error():
    row = fig3.row(2, 10, 8, np.array([5]))
    assert row["mean"] == 5.0
    assert np.isnan(row["stderr"])
