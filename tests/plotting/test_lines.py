"""Graphs along lines, checked by the data of their artists."""

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError
from linregions.plotting import distance_figure, line_figure, plot_line

pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from linregions.plotting.colors import LAYER_COLORS


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def part():
    return lr.partition(lr.random_network([1, 6, 6, 1], 0), lr.Line([0.0], [1.0]))


def test_the_graph_bends_exactly_at_breakpoints(part, ax):
    drawn = plot_line(part, ax)
    t, values = drawn.graphs[0].get_data()
    np.testing.assert_array_equal(t[1:-1], part.breakpoints)
    np.testing.assert_array_equal(values, part.network(t[:, None])[:, 0])
    assert t[0] < part.breakpoints[0]
    assert t[-1] > part.breakpoints[-1]
    assert ax.get_xlim() == (t[0], t[-1])


def test_breakpoints_are_marked_by_layer(part, ax):
    marks = plot_line(part, ax).marks
    assert [tuple(mark.get_facecolor()[0][:3]) for mark in marks] == [to_rgb(c) for c in LAYER_COLORS[:2]]
    for mark, low, high in zip(marks, (0, 6), (6, 12), strict=True):
        expected = part.breakpoints[(part.neurons >= low) & (part.neurons < high)]
        x, y = mark.get_offsets().T
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_allclose(y, part.network(expected[:, None])[:, 0], rtol=1e-12)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"layer {k + 1}: {len(mark.get_offsets())}" for k, mark in enumerate(marks)]


def test_an_interval_cuts_the_graph(part, ax):
    low, high = part.breakpoints[2] - 1e-9, part.breakpoints[5]
    t, _ = plot_line(part, ax, interval=(low, high), breakpoints=False).graphs[0].get_data()
    np.testing.assert_array_equal(t, [low, *part.breakpoints[2:5], high])


@pytest.mark.parametrize(
    ("domain", "ends"),
    [
        (lr.Segment([-1.0], [2.0]), (0.0, 1.0)),
        (lr.Path([[-1.0], [1.0], [0.5]]), (0.0, 2.0)),
        (lr.Ray([0.0], [1.0]), (0.0, None)),
    ],
)
def test_the_default_interval_is_the_domain(ax, domain, ends):
    part = lr.partition(lr.random_network([1, 6, 6, 1], 0), domain)
    t, _ = plot_line(part, ax).graphs[0].get_data()
    assert t[0] == ends[0]
    assert t[-1] == ends[1] if ends[1] is not None else t[-1] > part.breakpoints[-1]


def test_several_outputs_with_breakpoints_below(ax):
    net = lr.random_network([1, 6, 12], 0)
    part = lr.partition(net, lr.Segment([-1.0], [1.0]))
    drawn = plot_line(part, ax, outputs=(3, 11))
    for number, graph in zip((3, 11), drawn.graphs, strict=True):
        t, values = graph.get_data()
        np.testing.assert_array_equal(values, net(part.domain.point(t))[:, number])
        assert graph.get_label() == f"output {number}"
    (mark,) = drawn.marks
    np.testing.assert_array_equal(mark.get_offsets()[:, 0], part.breakpoints)
    assert len(plot_line(part, Figure().subplots()).graphs) == 10


def test_the_graph_bends_where_a_path_turns(ax):
    net = lr.Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])
    drawn = plot_line(lr.partition(net, lr.Path([[1.0], [3.0], [2.0], [-1.0]])), ax)
    t, height = drawn.graphs[0].get_data()
    np.testing.assert_allclose(t, [0.0, 1.0, 2.0, 2.0 + 2.0 / 3.0, 3.0])
    np.testing.assert_allclose(height, [1.0, 3.0, 2.0, 0.0, 0.0], atol=1e-15)
    assert sum(len(mark.get_offsets()) for mark in drawn.marks) == 1


def test_a_network_without_breakpoints(ax):
    net = lr.Network.from_layers([([[2.0]], [1.0])])
    drawn = plot_line(lr.partition(net, lr.Line([0.0], [1.0])), ax)
    assert drawn.marks == []
    np.testing.assert_array_equal(drawn.graphs[0].get_ydata(), net(drawn.graphs[0].get_xdata()[:, None])[:, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"interval": (1.0, 1.0)},
            r"`interval` is \[1.0, 1.0\], but plot_line needs a pair \(low, high\) with low < high",
        ),
        (
            {"outputs": (1,)},
            r"`outputs` are \[1\], but plot_line needs one to 10 numbers below the number of outputs, 1",
        ),
    ],
)
def test_bad_options(part, ax, options, message):
    with pytest.raises(InvalidValueError, match=message):
        plot_line(part, ax, **options)


def test_line_figure_has_a_title(part):
    assert line_figure(part, title="a title").axes[0].get_title() == "a title"


def test_histogram_counts_every_finite_distance():
    distances = np.array([0.0, 1e-3, 2e-3, 1e-2, 0.5, np.inf])
    ax = distance_figure(distances, title="t").axes[0]
    assert sum(patch.get_height() for patch in ax.patches) == 4
    assert ax.get_xscale() == "log"
    assert "2 of 6 zero or infinite" in ax.get_xlabel()
    assert sum(p.get_height() for p in distance_figure(np.full(3, 0.1), title="t").axes[0].patches) == 3
    assert not distance_figure(np.array([0.0]), title="t").axes[0].patches
