"""Colours of regions by class, linear region and layer; keys, titles, points on skew windows, users' own settings."""

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.plotting import (
    COLOR_BY,
    class_handles,
    distance_figure,
    line_figure,
    newest_layer_handles,
    plane_figure,
    plot_layers,
    plot_line,
    plot_plane,
    plot_points,
    save_figure,
)
from linregions.plotting.region_colors import class_color, class_pieces, layer_color, newest_layers

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

TWIN = lr.Network.from_layers([([[1.0, 0.0]] * 2, [0.0, 0.0]), ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])])


@pytest.fixture
def ax():
    return Figure(figsize=(5, 5)).subplots()


@pytest.fixture(scope="module")
def part():
    net = lr.random_network([2, 12, 12, 4], 3, bias_variance=0.2)
    return lr.partition(net, lr.PlaneWindow.of_inputs(-2, 2))


@pytest.fixture(scope="module")
def single():
    """One output, whose sign changes in the window."""
    return lr.partition(lr.random_network([2, 12, 12, 1], 4, bias_variance=0.2), lr.PlaneWindow.of_inputs(-2, 2))


@pytest.fixture(scope="module")
def skew():
    rng = np.random.default_rng(1)
    net = lr.random_network([5, 8, 8, 3], rng, bias_variance=0.2)
    polygon = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    return lr.partition(net, lr.PlaneWindow(rng.normal(size=5), rng.normal(size=(2, 5)) * 2, polygon))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def shown_color(drawn, place):
    """Return the colour on top at a place of the picture, from the data of the artists."""
    found = None
    collections = sorted(drawn.axes.collections, key=lambda artist: artist.get_zorder())
    for collection in collections:
        if not isinstance(collection, matplotlib.collections.PolyCollection):
            continue
        colors = collection.get_facecolor()
        for k, path in enumerate(collection.get_paths()):
            if path.contains_point(place):
                found = colors[k, :3]
    return found


@pytest.mark.parametrize("which", ["part", "skew", "single"])
def test_every_place_has_the_colour_of_its_class(which, request, ax):
    """Also within regions in which the class changes, and near where it does."""
    p = request.getfixturevalue(which)
    drawn = plot_plane(p, ax, color_by="class")
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(len(p.window.polygon)), size=300)
    uv = shares @ p.window.polygon
    outputs = p.network(p.window.point(uv))
    if p.network.n_out == 1:
        outputs = np.hstack([np.zeros_like(outputs), outputs])
    top = np.sort(outputs, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-9
    winners = np.argmax(outputs, axis=1)
    assert len(set(winners.tolist())) > 1
    for place, winner in zip(p.window.axes_coordinates(uv)[clear], winners[clear], strict=True):
        np.testing.assert_allclose(shown_color(drawn, place), class_color(winner), atol=1e-12)
    labels = [handle.get_label() for handle in drawn.handles]
    assert labels == (["output ≤ 0", "output > 0"] if p.network.n_out == 1 else [str(k) for k in np.unique(winners)])


def test_classes_of_costs_are_smallest_outputs(part):
    drawn = part.plot(color_by="class", decision_boundary="argmin")
    uv = np.random.default_rng(0).uniform(-2, 2, size=(100, 2))
    for place, winner in zip(uv, np.argmin(part.network(uv), axis=1), strict=True):
        np.testing.assert_allclose(shown_color(drawn, place), class_color(winner), atol=1e-12)
    assert "Colour: the smallest output." in words_of(drawn.axes.figure)
    figure = plane_figure(part, title="t", color_by="class", decision_boundary="argmin")
    assert "Colour: the smallest output." in words_of(figure)
    beside = plot_plane(part, Figure().subplots(), color_by="class", decision_boundary="argmin", key=True)
    assert beside.axes.get_legend().get_title().get_text() == "smallest output"


@pytest.mark.parametrize(
    ("decision", "words"),
    [("argmax", ["output ≤ 0", "output > 0"]), ("argmin", ["output ≥ 0", "output < 0"])],
)
def test_where_a_single_output_is_zero_it_has_the_class_of_its_boundary(decision, words, ax):
    """relu(x - 1) - relu(-x - 1) is 0 between -1 and 1: not above, and not below."""
    net = lr.Network.from_layers([([[1.0, 0.0], [-1.0, 0.0]], [-1.0, -1.0]), ([[1.0, -1.0]], [0.0])])
    p = lr.partition(net, lr.PlaneWindow.of_inputs(-2, 2))
    drawn = plot_plane(p, ax, color_by="class", decision_boundary=decision)
    assert [handle.get_label() for handle in drawn.handles] == words
    np.testing.assert_allclose(shown_color(drawn, (0.3, 0.2)), class_color(0))
    below, above = shown_color(drawn, (-1.5, 0.2)), shown_color(drawn, (1.5, 0.2))
    np.testing.assert_allclose((below, above), [class_color(k) for k in ((0, 1) if decision == "argmax" else (1, 0))])
    at = {"argmax": 1.0, "argmin": -1.0}[decision]
    np.testing.assert_allclose(np.concatenate(drawn.decision_boundary.get_segments())[:, 0], at)


def test_pieces_fill_the_regions_in_which_the_class_changes(part):
    pieces, classes = class_pieces(part)
    assert len(pieces) == len(classes) > 20

    def area(corners):
        u, v = corners.T
        return 0.5 * np.sum(u * np.roll(v, -1) - np.roll(u, -1) * v)

    cut = np.unique(part.decision_boundary().regions)
    assert sum(map(area, pieces)) == pytest.approx(part.areas[cut].sum(), rel=1e-9)


def test_of_outputs_that_are_equal_the_first_counts(ax):
    drawn = plot_plane(lr.partition(TWIN, lr.PlaneWindow.of_inputs(-1, 1)), ax, color_by="class")
    np.testing.assert_allclose(drawn.faces.get_facecolor()[:, :3], [class_color(0)] * 2)
    assert [handle.get_label() for handle in drawn.handles] == ["0"]


def test_classes_beyond_the_palette_differ():
    colors = np.array([class_color(k) for k in range(30)])
    distances = np.linalg.norm(colors[:, None] - colors[None], axis=2) + 9 * np.eye(30)
    assert distances.min() > 0.05
    assert np.all((colors >= 0) & (colors <= 1))


def test_linear_regions_have_one_colour_each(ax):
    # The second neuron switches where the first is closed, and nothing changes.
    net = lr.Network.from_layers(
        [([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, -9.0]], [0.0]), ([[1.0]], [0.0])], lr.RELU
    )
    p = lr.partition(net, lr.PlaneWindow.of_inputs(-1, 1))
    assert p.n_linear_regions < p.n_regions
    colors = plot_plane(p, ax, color_by="linear").faces.get_facecolor()[:, :3]
    for label in range(p.n_linear_regions):
        assert np.ptp(colors[p.linear_labels == label], axis=0).max() == 0
    assert len(np.unique(colors, axis=0)) == p.n_linear_regions


def test_layers_are_those_of_the_newest_edge(part, ax):
    drawn = plot_plane(part, ax, color_by="layer")
    expected = []
    for face in range(part.n_regions):
        neurons = part.edge_neuron[part.face_edges[part.face_offsets[face] : part.face_offsets[face + 1]]]
        expected.append(max(part.network.locate_neuron(int(n))[0] for n in neurons if n >= 0))
    assert newest_layers(part).tolist() == expected
    np.testing.assert_allclose(drawn.faces.get_facecolor()[:, :3], [layer_color(layer) for layer in expected])
    assert [handle.get_label() for handle in drawn.handles] == ["layer 1", "layer 2"]


def test_a_window_without_boundaries(ax):
    net = lr.Network.from_layers([([[1.0, 0.0]], [9.0]), ([[1.0]], [0.0])])
    p = lr.partition(net, lr.PlaneWindow.of_inputs(-1, 1))
    for color_by in COLOR_BY:
        assert len(plot_plane(p, Figure().subplots(), color_by=color_by).faces.get_paths()) == 1
    drawn = plot_plane(p, ax, color_by="layer")
    assert [handle.get_label() for handle in drawn.handles] == ["no boundary"]
    np.testing.assert_array_equal(drawn.faces.get_facecolor(), [[1.0, 1.0, 1.0, 1.0]])


# ---- keys and titles -------------------------------------------------------------------------------------------------


def words_of(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


WORDS = {
    "gradient": "direction in the plane in which the largest output grows",
    "pattern": "the activation pattern",
    "linear": "the linear region",
    "class": "Colour: the largest output.",
    "layer": "the last layer that has a boundary",
    "output": "largest output, in the middle of the region",
    "area": "area of the region",
}


@pytest.mark.parametrize("color_by", COLOR_BY)
def test_a_new_figure_has_title_and_key(part, color_by):
    drawn = part.plot(color_by=color_by, title="these regions", note="and a note")
    figure = drawn.axes.figure
    assert drawn.axes.get_title() == "these regions"
    assert WORDS[color_by] in words_of(figure)
    assert "and a note" in words_of(figure)
    assert WORDS[color_by] in words_of(plane_figure(part, title="t", color_by=color_by))
    bare = part.plot(color_by=color_by, key=False)
    assert WORDS[color_by] not in words_of(bare.axes.figure)
    assert len(bare.axes.figure.axes) == 1


def test_the_key_tells_what_is_drawn_only(part, single):
    assert "decision boundary" in words_of(part.plot(decision_boundary=True).axes.figure)
    assert "decision boundary" not in words_of(part.plot().axes.figure)
    assert "Colour: the sign of the output." in words_of(single.plot(color_by="class").axes.figure)
    assert "in which output 2 grows" in words_of(part.plot(output=2).axes.figure)
    assert "in which the output grows" in words_of(single.plot().axes.figure)
    assert "largest" not in words_of(single.plot(color_by="output").axes.figure)


@pytest.mark.parametrize(("low", "high"), [([0, 0], [7, 2]), ([0, 0], [2, 7]), ([-1, -1], [1, 1])])
def test_new_figures_have_the_shape_of_their_window(low, high):
    """So that neither a wide nor a tall window leaves much of the figure empty."""
    p = lr.partition(TWIN, lr.PlaneWindow.of_inputs(low, high))
    for figure in (p.plot(title="t").axes.figure, plane_figure(p, title="t"), plot_layers(p, legend=False).axes.figure):
        figure.draw_without_rendering()
        box, (width, height) = figure.axes[0].get_tightbbox(), figure.get_size_inches() * figure.dpi
        assert max(box.width / width, box.height / height) > 0.8
        assert min(box.width / width, box.height / height) > 0.5


def test_a_key_beside_covers_no_other_axes(part):
    for layout in (None, "constrained"):
        figure = Figure(figsize=(10, 4), layout=layout)
        first, second = figure.subplots(1, 2)
        plot_plane(part, first, key=True)
        figure.draw_without_rendering()
        key = next(ax for ax in figure.axes if ax not in (first, second))
        assert first.get_position().x1 <= key.get_position().x0
        assert key.get_position().x1 <= second.get_position().x0


def test_a_long_key_makes_no_picture_smaller(part):
    def width(note):
        figure = plane_figure(part, title="t", note=note)
        figure.draw_without_rendering()
        return figure.axes[0].get_window_extent().width

    assert width("") == pytest.approx(width("many words " * 20))


@pytest.mark.parametrize("color_by", COLOR_BY)
def test_given_axes_keep_their_room_unless_a_key_is_asked_for(part, color_by, ax):
    plot_plane(part, ax, color_by=color_by)
    assert len(ax.figure.axes) == 1
    assert ax.get_legend() is None
    assert not ax.child_axes
    other = Figure().subplots()
    drawn = plot_plane(part, other, color_by=color_by, key=True)
    added = bool(other.get_legend()) + len(other.child_axes) + len(other.figure.axes) - 1
    assert added == (0 if color_by in {"pattern", "linear"} else 1)
    if drawn.handles:
        assert [text.get_text() for text in other.get_legend().get_texts()] == [h.get_label() for h in drawn.handles]


def test_entries_of_legends():
    assert [handle.get_label() for handle in class_handles([3, 1, 3], 5)] == ["1", "3"]
    assert [handle.get_label() for handle in newest_layer_handles([1, -1, 1])] == ["no boundary", "layer 2"]


# ---- where things lie ------------------------------------------------------------------------------------------------


def test_what_is_scattered_lands_where_it_belongs(skew):
    rng = np.random.default_rng(2)
    x = skew.window.point(rng.uniform(-1, 1, size=(20, 2)))
    places = skew.to_axes(x)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.testing.assert_allclose(distances, np.linalg.norm(x[:, None] - x[None], axis=2), atol=1e-12)
    drawn = plot_plane(skew, Figure().subplots(), points=x)
    np.testing.assert_array_equal(np.transpose(drawn.points[0].get_data()), places)
    patterns = skew.network.patterns(x)
    for place, pattern in zip(places, patterns, strict=True):
        (inside,) = [k for k, path in enumerate(drawn.faces.get_paths()) if path.contains_point(place)]
        assert skew.patterns[inside].tolist() == pattern.tolist()
    np.testing.assert_array_equal(skew.window.to_axes(x), places)


@pytest.mark.parametrize("labels", [np.array([7, 2]), np.array([[7], [2]]), ["7", "2"], (7, 2), range(2, 8, 5)])
def test_labels_are_arrays_too(skew, ax, labels):
    import torch

    points = skew.window.point([[0.0, 0.0], [0.5, -0.25]])
    _, first, second = plot_points(skew.window, points, ax, labels=labels)
    assert {first.get_text(), second.get_text()} == {"7", "2"}
    _, first, second = plot_points(
        skew.window, torch.tensor(points, requires_grad=True), ax, labels=torch.tensor([4, 5])
    )
    assert [first.get_text(), second.get_text()] == ["4", "5"]


def test_two_features_of_many(ax):
    net = lr.random_network([6, 10, 10, 2], 0, bias_variance=0.3)
    x = np.arange(6.0)
    window = lr.PlaneWindow.of_features(4, 1, at=x, low=[-2, 0], high=3)
    rng = np.random.default_rng(0)
    uv = rng.uniform([-2, 0], 3, size=(50, 2))
    points = np.repeat(x[None], 50, axis=0)
    points[:, [4, 1]] = uv
    np.testing.assert_array_equal(window.point(uv), points)
    np.testing.assert_array_equal(window.to_axes(points), uv)
    assert window.axis_names == ("feature 4", "feature 1")
    p = lr.partition(net, window)
    small = lr.Network.from_layers(
        [
            (net.layers[0].weight[:, [4, 1]], net.layers[0](np.where(np.isin(np.arange(6), [1, 4]), 0.0, x))),
            *[(layer.weight, layer.bias) for layer in net.layers[1:]],
        ]
    )
    assert p.n_regions == lr.count_regions(small, lr.PlaneWindow.of_inputs([-2, 0], 3))
    plot_plane(p, ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 4", "feature 1")
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 3), (0, 3))
    assert ax.get_xticks().size


def test_names_of_features(ax, tmp_path):
    names = ("petal length", "petal width")
    net = lr.random_network([4, 6, 2], 0, bias_variance=0.3)
    p = lr.partition(net, lr.PlaneWindow.of_features(0, 3, at=np.zeros(4), low=0, high=1, names=names))
    plot_plane(p, ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == names
    p.save(tmp_path / "p.npz")
    assert lr.PlanePartition.load(tmp_path / "p.npz").window.names == names
    plot_plane(lr.partition(net, lr.PlaneWindow.of_features(0, 3, at=np.zeros(4), low=0, high=1)), ax)
    assert ax.get_xlabel() == "feature 0"
    named = lr.PlaneWindow(np.zeros(4), np.eye(4)[:2] + 0.5, [[0, 0], [1, 0], [0, 1]], names=names)
    other = Figure().subplots()
    plot_plane(lr.partition(net, named), other)  # no inputs, so without ticks
    assert (other.get_xlabel(), other.get_xticks().size) == ("petal length", 0)


def test_axes_tell_values_of_inputs_wherever_the_origin_is(ax):
    net = lr.random_network([2, 6, 2], 0, bias_variance=0.3)
    window = lr.PlaneWindow([10.0, 20.0], [[2.0, 0.0], [0.0, 1.0]], [[-1, -1], [1, -1], [1, 1], [-1, 1]])
    plot_plane(lr.partition(net, window), ax, points=[[11.0, 19.5]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((8, 12), (19, 21))
    assert [float(entry[0]) for entry in ax.lines[0].get_data()] == [11.0, 19.5]
    assert lr.PlaneWindow([0, 0], [[0, 1], [1, 0]], [[0, 0], [1, 0], [0, 1]]).axis_names == ("$x_2$", "$x_1$")
    assert lr.PlaneWindow([0, 0], [[-1, 0], [0, 1]], [[0, 0], [1, 0], [0, 1]]).features is None


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (InvalidValueError, {"i": 4}, "`i` is 4, but PlaneWindow.of_features needs one below the number of inputs, 4"),
        (InvalidValueError, {"j": -1}, "`j` is -1, but PlaneWindow.of_features needs at least 0"),
        (InvalidValueError, {"i": 1}, "`i` and `j` are both 1, but PlaneWindow.of_features needs two inputs"),
        (InvalidTypeError, {"i": "petal"}, "`i` is 'petal'"),
        (InvalidValueError, {"high": -5}, r"`low` is \[-1.0, -1.0\] and `high` \[-5.0, -5.0\], but .* low < high"),
        (InvalidValueError, {"low": [1, 2, 3]}, "`low, high` have 3 and 2 coordinates, but .* needs two each"),
        (InvalidTypeError, {"names": "ab"}, r"`names` is 'ab', but PlaneWindow needs two strings"),
        (InvalidTypeError, {"names": ("a", 2)}, r"`names` is \('a', 2\), but PlaneWindow needs two strings"),
    ],
)
def test_messages_of_features(error, arguments, message):
    with pytest.raises(error, match=message):
        lr.PlaneWindow.of_features(**{"i": 0, "j": 1, "at": np.zeros(4), "low": -1, "high": 1, **arguments})


# ---- lines -----------------------------------------------------------------------------------------------------------


def test_outputs_of_a_line(ax):
    p = lr.partition(lr.random_network([1, 8, 3], 0, bias_variance=0.3), lr.Segment([-1.0], [1.0]))
    for outputs in (1, np.int64(1), [1], np.array([1]), (1,)):
        drawn = p.plot(Figure().subplots(), outputs=outputs, title="one")
        assert len(drawn.graphs) == 1
        assert drawn.axes.get_ylabel() == "output 1"
        assert drawn.axes.get_title() == "one"
    assert len(p.plot(ax, outputs=np.array([2, 0])).graphs) == 2
    for wrong, error in (
        (3, InvalidValueError),
        ([], InvalidValueError),
        (1.5, InvalidTypeError),
        ("0", InvalidTypeError),
    ):
        with pytest.raises(error, match="`outputs`"):
            plot_line(p, ax, outputs=wrong)


# ---- one's own settings ----------------------------------------------------------------------------------------------


def sizes(part, line):
    figures = [
        plane_figure(part, title="t"),
        line_figure(line, title="t"),
        distance_figure(np.ones(5), title="t"),
        part.plot().axes.figure,
        line.plot().axes.figure,
        plot_layers(part).axes.figure,
    ]
    return [tuple(figure.get_size_inches()) for figure in figures]


def test_the_users_settings_come_first(part, tmp_path):
    line = lr.partition(part.network, lr.Segment([-1.0, 0.0], [1.0, 1.0]))
    assert sizes(part, line)[0] == pytest.approx((8.0, 8.95))  # with ticks
    assert plot_plane(part, Figure().subplots(), color_by="area").faces.get_cmap().name == "cividis"
    mine = {"figure.figsize": (3.0, 2.5), "image.cmap": "magma", "savefig.dpi": 40, "pdf.fonttype": 42}
    with matplotlib.rc_context(mine):
        assert sizes(part, line) == [(3.0, 2.5)] * 6
        assert plot_plane(part, Figure().subplots(), color_by="area").faces.get_cmap().name == "magma"
        (file,) = save_figure(line_figure(line, title="t"), tmp_path / "line")
        assert plt.imread(file).shape[:2] == (100, 120)
    (file,) = save_figure(line_figure(line, title="t", size=(4, 2)), tmp_path / "line")
    assert plt.imread(file).shape[:2] == (400, 800)
    (file,) = save_figure(line_figure(line, title="t", size=(4, 2)), tmp_path / "line", dpi=30)
    assert plt.imread(file).shape[:2] == (60, 120)
    assert plane_figure(part, title="t", color_by="area", colormap="plasma").findobj(
        matplotlib.collections.PolyCollection
    )[0].get_cmap().name == "plasma"  # fmt: skip


def test_fonts_are_embedded_as_type_42(part, tmp_path):
    figure = line_figure(lr.partition(part.network, lr.Segment([-1.0, 0.0], [1.0, 1.0])), title="t")
    with matplotlib.rc_context({"pdf.compression": 0}):
        (file,) = save_figure(figure, tmp_path / "a", ("pdf",))
        content = file.read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/Subtype /Type3" not in content
    assert matplotlib.rcParams["pdf.fonttype"] == 3  # as it was


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (InvalidValueError, lambda p: plot_plane(p, Figure().subplots(), color_by="area", colormap="mine"),
         "`colormap` is 'mine', which matplotlib does not know, but plot_plane needs"),
        (InvalidTypeError, lambda p: plane_figure(p, title="t", size=3), "`size` is 3, but plane_figure needs a pair"),
        (InvalidValueError, lambda p: plane_figure(p, title="t", size=(3, 0)), r"`size\[1\]` is 0, but plane_figure"),
        (InvalidValueError, lambda p: save_figure(Figure(), "x", dpi=0), "`dpi` is 0, but save_figure needs a"),
    ],
)  # fmt: skip
def test_messages(part, error, make, message):
    with pytest.raises(error, match=message):
        make(part)
