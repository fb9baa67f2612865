"""Pictures of planes, checked by the data of their artists."""

import sys

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidValueError, MissingDependencyError
from linregions.plotting import (
    gradient_colors,
    pattern_colors,
    plane_figure,
    plot_gradient_key,
    plot_layers,
    plot_plane,
    plot_points,
    plot_scale_bar,
    save_figure,
)
from linregions.plotting.colors import LAYER_COLORS, oklab_to_srgb

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402


@pytest.fixture
def ax():
    return Figure(figsize=(5, 5)).subplots()


@pytest.fixture(scope="module")
def part():
    net = lr.random_network([2, 8, 8, 3], 0, bias_variance=0.2)
    return lr.partition(net, lr.PlaneWindow.of_inputs([-1, -2], [1, 1]))


@pytest.fixture(scope="module")
def skew():
    """A plane in five dimensions whose basis is neither orthogonal nor of unit length."""
    rng = np.random.default_rng(1)
    net = lr.random_network([5, 8, 8, 3], rng, bias_variance=0.2)
    polygon = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    return lr.partition(net, lr.PlaneWindow(rng.normal(size=5), rng.normal(size=(2, 5)) * 2, polygon))


def shoelace(path):
    x, y = path.vertices[:-1].T
    return 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)


@pytest.mark.parametrize("which", ["part", "skew"])
def test_one_polygon_for_each_region_with_its_area(which, request, ax):
    p = request.getfixturevalue(which)
    drawn = plot_plane(p, ax)
    paths = drawn.faces.get_paths()
    assert len(paths) == p.n_regions
    # polygons lie in orthonormal coordinates: their plane areas are the Euclidean ones
    np.testing.assert_allclose([shoelace(path) for path in paths], p.areas, rtol=1e-9, atol=1e-14)
    assert len(drawn.edges.get_segments()) == np.count_nonzero(p.edge_neuron >= 0)
    total = sum(np.hypot(*(end - start)) for start, end in drawn.edges.get_segments())
    assert total == pytest.approx(p.boundary_length, rel=1e-12)
    assert drawn.faces in ax.collections
    assert drawn.edges in ax.collections
    assert ax.get_aspect() == 1.0


def test_axes_of_two_inputs_are_labelled(part, ax):
    plot_plane(part, ax)
    assert ax.get_xlim() == (-1, 1)
    assert ax.get_ylim() == (-2, 1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")


def test_other_planes_get_a_scale_bar(skew, ax):
    plot_plane(skew, ax)
    assert not ax.get_xticks().size
    (bar,) = ax.lines
    left, right = ax.get_xlim()
    length = float(np.ptp(bar.get_xdata()))
    assert 0.1 * (right - left) < length <= 0.25 * (right - left)
    assert [text.get_text() for text in ax.texts] == [f"{length:g}"]
    bare = Figure().subplots()
    plot_plane(skew, bare, scale_bar=False)
    assert not bare.lines


@pytest.mark.parametrize(("width", "length"), [(8.1, 2), (3.9, 0.5), (79, 10), (0.0041, 0.001)])
def test_scale_bars_have_round_lengths(ax, width, length):
    ax.set_xlim(5, 5 + width)
    bar, text = plot_scale_bar(ax, unit="mm")
    assert np.ptp(bar.get_xdata()) == pytest.approx(length)
    assert text.get_text() == f"{length:g} mm"


def test_gradient_colours_follow_the_gradient_of_the_largest_output(skew, ax):
    colors = plot_plane(skew, ax).faces.get_facecolor()[:, :3]
    means = np.array([skew.polygon(k).mean(axis=0) for k in range(skew.n_regions)])
    values = skew.network(skew.window.point(means))
    rows = np.arange(skew.n_regions)
    best = np.argmax(values, axis=1)
    # the gradient in orthonormal coordinates has the length of the gradient within the plane
    maps = skew.affine_maps[rows, best, :2]
    basis = skew.window.basis
    in_plane = np.einsum("fi,ij->fj", maps, np.linalg.solve(basis @ basis.T, basis))
    size = np.linalg.norm(in_plane, axis=1)
    scale = np.sqrt(np.sum(skew.areas * size**2) / skew.areas.sum())
    lower = np.linalg.cholesky(basis @ basis.T)
    expected = gradient_colors(np.linalg.solve(lower, maps.T).T, scale, skew.patterns)
    np.testing.assert_allclose(colors, expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(np.linalg.solve(lower, maps.T), axis=0), size, rtol=1e-9)


def test_gradient_colours_mean_directions():
    right, left, up, down, flat = gradient_colors([[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]], 0.1)
    assert right[0] > right[2] + 0.3  # orange
    assert left[2] > left[0] + 0.3  # blue
    assert up.mean() > flat.mean() + 0.1  # light
    assert down.mean() < flat.mean() - 0.1  # dark
    assert np.ptp(flat) < 0.02  # grey
    assert np.all(np.isfinite(gradient_colors([[0.0, 0.0]], 0.0)))


@pytest.mark.parametrize("colors", [pattern_colors, lambda p: gradient_colors(np.zeros((len(p), 2)), 1.0, p)])
def test_one_switch_always_changes_the_colour(colors):
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (300, 192)).astype(np.uint8)
    switched = patterns.copy()
    switched[np.arange(300), rng.integers(0, 192, 300)] ^= 1
    change = np.linalg.norm(colors(patterns) - colors(switched), axis=1)
    assert change.min() > 8 / 255


def test_a_pattern_keeps_its_colour_in_every_picture(part, ax):
    drawn = plot_plane(part, ax, color_by="pattern").faces.get_facecolor()[:, :3]
    few = pattern_colors(part.patterns[5:8])
    np.testing.assert_array_equal(drawn[5:8], few)


def test_output_and_area_go_to_a_colour_bar(part):
    for color_by, output, expected in [
        ("area", None, part.areas),
        ("output", 1, part.network([part.polygon(k).mean(axis=0) for k in range(part.n_regions)])[:, 1]),
    ]:
        faces = plot_plane(part, Figure().subplots(), color_by=color_by, output=output).faces
        np.testing.assert_allclose(faces.get_array(), expected, rtol=1e-9, atol=1e-12)
        figure = plane_figure(part, title="t", color_by=color_by)
        assert any("region" in ax.get_xlabel() for ax in figure.findobj(matplotlib.axes.Axes))


def test_the_decision_boundary_is_drawn_where_outputs_tie(part, ax):
    lines = plot_plane(part, ax, decision_boundary=True).decision_boundary.get_segments()
    points = np.concatenate(lines)
    top = np.sort(part.network(points), axis=1)
    np.testing.assert_allclose(top[:, -1], top[:, -2], atol=1e-10)
    assert plot_plane(part, Figure().subplots()).decision_boundary is None


def test_points_are_marked_with_labels(skew, ax):
    points = skew.window.point([[0.0, 0.0], [0.5, -0.25]])
    dots, first, second = plot_plane(skew, ax, points=points, labels=["7", "2"]).points
    assert [first.get_text(), second.get_text()] == ["7", "2"]
    x, y = dots.get_data()
    distance = np.hypot(x[1] - x[0], y[1] - y[0])
    assert distance == pytest.approx(np.linalg.norm(points[1] - points[0]))
    assert to_rgb(dots.get_markerfacecolor()) == (0, 0, 0)


def test_labels_must_fit_points(skew, ax):
    with pytest.raises(InvalidValueError, match=r"`labels` has 1 entries for 2 points, but plot_points needs one"):
        plot_points(skew.window, np.zeros((2, 5)), ax, labels=["a"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color_by": "rainbow"}, r"`color_by` is 'rainbow', but plot_plane needs one of 'gradient'"),
        ({"output": 3}, r"`output` is 3, but plot_plane needs one below the number of outputs, 3"),
        ({"points": [0.0, 1.0, 2.0]}, r"`points` has shape \(3,\), but plot_points needs a last axis of 2 inputs"),
    ],
)
def test_bad_options(part, ax, options, message):
    with pytest.raises(InvalidValueError, match=message):
        plot_plane(part, ax, **options)


def test_many_polygons_are_rasterised(part, ax, monkeypatch):
    assert not plot_plane(part, ax).faces.get_rasterized()
    monkeypatch.setattr("linregions.plotting.planes._RASTERIZE_ABOVE", 10)
    drawn = plot_plane(part, ax)
    assert drawn.faces.get_rasterized()
    assert drawn.edges.get_rasterized()


def test_layers_have_colours_and_the_newest_is_bold(part, ax):
    lines = plot_layers(part, ax).edges
    inner = part.edge_neuron >= 0
    colors = [tuple(c[:3]) for c in lines.get_colors()]
    first, second = (to_rgb(c) for c in LAYER_COLORS[:2])
    assert colors.count(first) == np.count_nonzero(part.edge_neuron[inner] < 8)
    assert colors.count(second) == np.count_nonzero(part.edge_neuron[inner] >= 8)
    widths = dict(zip(colors, lines.get_linewidths(), strict=True))
    assert widths[second] > widths[first]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["layer 1", "layer 2"]
    older = plot_layers(part, Figure().subplots(), newest=0, fill=True, legend=False).edges
    assert older.get_linewidths()[0] > older.get_linewidths()[-1]


def test_the_key_shows_the_colours_of_the_picture(ax):
    image = plot_gradient_key(ax).get_array()
    row, column = 80, 120  # half-way to the right rim: a gradient as large as the scale
    np.testing.assert_allclose(image[row, column, :3], gradient_colors([[1.0, 0.0]], 1.0)[0], atol=0.01)
    assert image[0, 0, 3] == 0.0


def test_oklab_is_a_colour_space():
    np.testing.assert_allclose(oklab_to_srgb([0, 1], 0, 0), [[0, 0, 0], [1, 1, 1]], atol=1e-3)
    np.testing.assert_allclose(oklab_to_srgb(0.62796, 0.22486, 0.12585), [1, 0, 0], atol=1e-3)  # sRGB red


@pytest.mark.parametrize("color_by", ["gradient", "class", "area"])
def test_figures_are_written_whole_in_every_format(part, tmp_path, color_by):
    """And one format after the others is what it is alone."""
    what = {"title": "regions", "decision_boundary": True, "note": "a note", "color_by": color_by}
    figure = plane_figure(part, **what)
    files = save_figure(figure, tmp_path / "deep" / "fig", ("png", "svg", "pdf"), dpi=50)
    starts = [file.read_bytes()[:5] for file in files]
    assert starts == [b"\x89PNG\r", b"<?xml", b"%PDF-"]
    assert sorted(entry.name for entry in (tmp_path / "deep").iterdir()) == ["fig.pdf", "fig.png", "fig.svg"]
    again = save_figure(plane_figure(part, **what), tmp_path / "b", ("svg",))
    assert again[0].read_bytes() == save_figure(figure, tmp_path / "c", ("svg",))[0].read_bytes()


def test_an_unknown_format_is_refused(part, tmp_path):
    with pytest.raises(
        InvalidValueError, match=r"`formats` is 'gif', but save_figure needs one of 'png', 'svg', 'pdf'"
    ):
        save_figure(plane_figure(part, title="t"), tmp_path / "x", ("gif",))
    assert not list(tmp_path.iterdir())


def test_without_matplotlib(part, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"`matplotlib` cannot be imported .*linregions\[plot\]"):
        plot_plane(part)


def test_captions_name_only_lines_that_are_drawn():
    net = lr.random_network([2, 8, 8, 1], 0, bias_variance=0.1)
    one = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
    values = net(one.window.point(one.vertices))

    def caption(**options) -> str:
        figure = plane_figure(one, title="regions", **options)
        return " ".join(text.get_text() for text in figure.axes[1].texts)

    middle = float(np.median(values))
    assert f"Black lines: output = {middle:g}." in caption(level=middle)
    assert "Black lines" not in caption(level=float(values.max()) + 1.0)
    assert "Black lines" not in caption()
    crosses = bool(values.min() < 0 < values.max())
    assert ("Black lines: output = 0." in caption(decision_boundary=True)) == crosses
    assert "decision boundary" not in caption(decision_boundary=True)


def test_least_outputs_and_levels_can_be_drawn(part, ax):
    least = plot_plane(part, ax, decision_boundary="argmin").decision_boundary.get_segments()
    assert len(least) == len(part.decision_boundary("argmin").polylines)
    level = float(np.median(part.network(part.window.point(part.vertices))[:, 1]))
    drawn = plot_plane(part, Figure().subplots(), output=1, level=level).decision_boundary.get_segments()
    assert len(drawn) == len(part.level_set(1, level).polylines) > 0
