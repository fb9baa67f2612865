"""What a partition of a line says, on networks whose regions one can find by hand."""

import tracemalloc

import numpy as np
import pytest

import linregions as lr
from linregions import Line, Network, Path, Ray, Segment
from linregions.errors import FileFormatError, InvalidValueError, NumericalError
from linregions.regions.lines.find import count_lines, partition_lines
from linregions.regions.lines.knobs import Knobs
from linregions.regions.lines.partition import LinePartition
from linregions.regions.options import Options
from linregions.regions.planes.find import partition_plane
from tests.support import line_strategies as ls
from tests.support import zoo

STEPS = Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0]], [0.0])])  # relu(x) + relu(x - 1)
RELU_X = Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [0.0])])


def one(net, domain, **options):
    """Partition one domain and compare it with the exact twin."""
    (part,) = partition_lines(net, [domain], Options(**options))
    ls.assert_is_exact(part)
    return part


def test_everything_about_a_line():
    part = one(STEPS, Line([0.0], [2.0]))
    assert part.n_regions == part.n_linear_regions == 3
    assert part.breakpoints.tolist() == [0.0, 0.5]
    assert part.neurons.tolist() == [0, 1]
    assert part.breakpoint_indices.tolist() == [0, 0]
    assert part.is_linear_boundary.tolist() == [True, True]
    assert part.patterns.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert part.patterns.dtype == np.uint8
    assert part.lengths.tolist() == [np.inf, 1.0, np.inf]
    assert part.intervals.tolist() == [[-np.inf, 0.0], [0.0, 0.5], [0.5, np.inf]]
    assert part.slopes.tolist() == [[0.0], [2.0], [4.0]]
    assert part.diagnostics == {
        "snapped_signs": 0,
        "merged_ties": 0,
        "smallest_margin": part.diagnostics["smallest_margin"],
        "undecided": 0,
        "certify_advised": False,
    }
    assert part.diagnostics["smallest_margin"] > 1e6
    assert repr(part) == "LinePartition(Line, 3 activation regions, 3 linear regions)"
    with pytest.raises(ValueError, match="read-only"):
        part.breakpoints[0] = 1.0


@pytest.mark.parametrize(
    ("domain", "breakpoints", "lengths"),
    [
        (Segment([-3.0], [3.0]), [0.5, 2 / 3], [3.0, 1.0, 2.0]),
        (Segment([2.0], [0.25]), [4 / 7], [1.0, 0.75]),
        (Ray([0.5], [3.0]), [1 / 6], [0.5, np.inf]),
        (Ray([0.0], [0.5]), [2.0], [1.0, np.inf]),  # a switch at the start parts nothing
        (Path([[-1.0], [0.5], [-1.0], [3.0]]), [2 / 3, 4 / 3, 2.25, 2.5], [1.0, 1.0, 2.0, 1.0, 2.0]),
        (Path([[0.25], [0.75], [0.5]]), [], [0.75]),
    ],
)
def test_bounded_domains(domain, breakpoints, lengths):
    part = one(STEPS, domain)
    np.testing.assert_allclose(part.breakpoints, breakpoints, rtol=1e-15)
    np.testing.assert_allclose(part.lengths, lengths, rtol=1e-15)
    assert part.n_regions == len(lengths)


@pytest.mark.parametrize(
    ("points", "breakpoints"),
    [
        ([[-1.0], [0.0], [1.0]], [1.0]),  # exactly at the corner, once
        ([[1.0], [0.0], [2.0]], []),  # touches the boundary and turns back
        ([[-1.0], [0.0], [-2.0]], []),
        ([[-1.0], [1.0], [-1.0], [1.0]], [0.5, 1.5, 2.5]),
        ([[0.0], [1.0], [0.0]], []),
    ],
)
def test_corners_of_a_path(points, breakpoints):
    assert one(RELU_X, Path(points)).breakpoints.tolist() == breakpoints


def test_path_along_a_boundary():
    """A neuron that is zero on a whole leg is not above there."""
    net = Network.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 2.0]], [0.0])])
    part = one(net, Path([[1.0, 1.0], [0.0, 1.0], [0.0, 2.0], [3.0, 2.0]]))
    assert part.breakpoints.tolist() == [1.0, 2.0]
    assert part.patterns.tolist() == [[1, 1], [0, 1], [1, 1]]
    assert part.slopes.tolist() == [[-1.0], [2.0], [3.0]]
    assert one(net, Path([[1.0, 1.0], [0.0, 1.0], [0.0, 2.0], [-3.0, 2.0]])).breakpoints.tolist() == [1.0]


def test_closed_path_keeps_its_two_ends_apart():
    net = Network.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    part = one(net, Path([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [1.0, 1.0]]))
    assert part.breakpoints.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert part.n_regions == 5
    assert part.patterns[0].tolist() == part.patterns[-1].tolist()
    assert part.lengths.tolist() == [1.0, 2.0, 2.0, 2.0, 1.0]
    assert np.isnan(part.slopes[1:4]).all()
    assert not np.isnan(part.slopes[[0, 4]]).any()


def test_breakpoints_far_along_a_path():
    corners = np.array([[k % 2] for k in range(2001)], dtype=float) * 2 - 1
    (part,) = partition_lines(RELU_X, [Path(corners)])
    assert part.breakpoints.tolist() == (np.arange(2000) + 0.5).tolist()
    np.testing.assert_array_equal(part.lengths, np.concatenate([[1.0], np.full(1999, 2.0), [1.0]]))


def test_breakpoints_stay_apart_where_t_is_coarse():
    """Far along a path the parameter cannot hold places 2e-12 apart; they become one breakpoint, not two equal ones."""
    corners = np.linspace(-1.0, 1.0, 2)[np.arange(2**17 + 1) % 2][:, None]
    net = Network.from_layers([([[1.0]], [0.0]), ([[1.0]], [-2e-12]), ([[1.0]], [0.0])])
    (part,) = partition_lines(net, [Path(corners)])
    assert np.all(np.diff(part.breakpoints) > 0)
    np.testing.assert_allclose(part.breakpoints[:2], [0.5, 0.5 + 1e-12], rtol=1e-14)  # at the start it can
    assert part.breakpoints[-1] == 2**17 - 0.5
    assert np.bincount(part.switch_neurons).tolist() == [2**17, 2**17]


def test_places_next_to_a_point_keep_their_digits():
    """Of 1 - 1e-20 nothing is left; a cut that close to a point has to be counted from there."""
    layers = [([[1.0], [-1.0]], [1.0, 0.0]), ([[1.0, 0.0], [0.0, 1.0]], [0.0, -1e-20]), ([[1.0, 1.0]], [0.0])]
    part = one(Network.from_layers(layers), Line([0.0], [1.0]))
    np.testing.assert_allclose(part.breakpoints, [-1.0, -1e-20, 0.0], rtol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_a_neuron_that_just_closed_is_exactly_zero(seed):
    """Without biases, a layer that looks at single neurons takes over their zeros; noise there would be a sign."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(6, 2)), rng.normal(size=6)
    pick = np.concatenate([np.diag(rng.normal(size=6)), np.diag(rng.normal(size=6))])
    net = Network.from_layers([first, (pick, np.zeros(12)), (rng.normal(size=(2, 12)), np.zeros(2))])
    part = one(net, Segment(rng.normal(size=2) * 5, rng.normal(size=2) * 5))
    assert np.all(part.neurons < 6)
    one(net, Line(rng.normal(size=2), rng.normal(size=2)))


def test_rounding_within_an_activation_is_no_sign():
    """The shifted activation takes 1 away, which leaves noise; the second layer's sum is zero throughout."""
    shifted = lr.PiecewiseLinear((1.0,), (0.0, 1.0))
    layers = [([[1.0], [2.0], [1.0]], [0.0, -1.0, -(2.0**-28)]), ([[2.0, -1.0, 0.0]], [0.0]), ([[1.0]], [0.0])]
    net = Network.from_layers(layers, [shifted, lr.RELU])
    for low in np.linspace(0.1, 0.9, 9):
        part = one(net, Segment([low], [3.3]))
        assert part.neurons.tolist() == [0, 2]


def test_neurons_without_bias():
    net = zoo.zero_bias_one_layer(64, np.random.default_rng(0))
    through = one(net, Line([0.0, 0.0], [0.6, -0.8]))
    assert through.breakpoints.tolist() == [0.0]
    assert through.switch_offsets.tolist() == [0, 64]
    assert through.neurons.tolist() == [0]
    later = one(net, Line([0.6, -0.8], [0.3, -0.4]))  # the same line from another point
    np.testing.assert_allclose(later.breakpoints, [-2.0], rtol=1e-14)
    assert later.switch_offsets.tolist() == [0, 64]
    assert one(net, Line([0.3, 0.1], [0.6, -0.8])).n_regions == 65


def test_line_on_which_a_neuron_is_zero():
    net = Network.from_layers([([[1.0, -1.0], [1.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    part = one(net, Line([3.0, 3.0], [1.0, 1.0]))
    assert part.breakpoints.tolist() == [-3.0]
    assert part.patterns.tolist() == [[0, 0], [0, 1]]
    rng = np.random.default_rng(1)
    direction = rng.normal(size=30)
    weight = rng.normal(size=(8, 30))
    weight[3:6] -= np.outer(weight[3:6] @ direction, direction) / (direction @ direction)  # orthogonal up to rounding
    dull = Network.from_layers([(weight, np.zeros(8)), (np.ones((1, 8)), [0.0])])
    (part,) = partition_lines(dull, [Line(np.zeros(30), direction)])
    assert part.switch_neurons.tolist() == list(range(8))  # given points and directions are exact
    assert part.diagnostics["undecided"] == 0
    ls.assert_is_exact(part)


def test_dead_and_zero_neurons():
    weight = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    net = Network.from_layers([(weight, [0.0, 1.0, -1.0, 0.0]), (np.ones((1, 4)), [0.0])])
    part = one(net, Line([1.0, 0.0], [1.0, 1.0]))
    assert part.patterns.tolist() == [[0, 1, 0, 0], [0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("layers", "activation", "regions", "linear"),
    [
        ([([[1.0]], [0.0])], lr.RELU, 1, 1),  # no hidden layer
        ([([[1.0]], [0.0]), ([[1.0]], [0.0])], lr.IDENTITY, 1, 1),
        ([([[1.0]], [0.0]), ([[0.0]], [0.0])], lr.RELU, 2, 1),  # the output does not look
        # The first neuron switches at 0, where the second, 1 - x, is open; that one closes at 1.
        ([([[1.0]], [0.0]), ([[-1.0]], [1.0]), ([[1.0]], [0.0])], lr.RELU, 3, 3),
        # The second layer is closed where the first switches.
        ([([[1.0]], [0.0]), ([[1.0]], [-1.0]), ([[1.0]], [0.0])], lr.RELU, 3, 2),
        ([([[1.0]], [0.0]), ([[1.0]], [-1.0]), ([[1.0]], [0.0])], lr.ABS, 4, 4),
        ([([[1.0], [1.0]], [0.0, 2.0]), ([[0.0, 1.0]], [-1.0]), ([[1.0]], [0.0])], lr.RELU, 4, 2),
        ([([[1.0]], [0.0]), ([[8.0]], [0.0]), ([[1.0]], [0.0])], lr.HARD_TANH, 5, 3),
    ],
)
def test_linear_regions(layers, activation, regions, linear):
    net = Network.from_layers(layers, activation)
    part = one(net, Line([0.25], [1.0]))
    assert (part.n_regions, part.n_linear_regions) == (regions, linear)
    assert count_lines(net, [Line([0.25], [1.0])])[0].tolist() == [regions]
    assert count_lines(net, [Line([0.25], [1.0])], "linear")[0].tolist() == [linear]


def test_breakpoint_of_an_activation_is_named():
    net = Network.from_layers([([[-2.0]], [0.0]), ([[1.0]], [0.0])], lr.HARD_TANH)
    part = one(net, Line([0.0], [1.0]))
    assert part.breakpoints.tolist() == [-0.5, 0.5]
    assert part.breakpoint_indices.tolist() == [1, 0]
    assert part.patterns.tolist() == [[2], [1], [0]]


def test_duplicates_are_one_breakpoint():
    rng = np.random.default_rng(3)
    net = zoo.float_network([2, 6, 5, 2], rng)
    twice = zoo.with_opposites(zoo.rescaled(zoo.duplicated(net, rng), rng))
    line = Line([0.1, -0.2], [1.0, 0.5])
    part, more = one(net, line), one(twice, line)
    np.testing.assert_allclose(more.breakpoints, part.breakpoints, rtol=1e-12)
    assert more.diagnostics["merged_ties"] == more.diagnostics["undecided"] == 0  # exact multiples
    assert np.diff(more.switch_offsets).max() == 4


def round_trips():
    return [Segment([-3.0], [3.0]), Ray([-1.0], [1.0]), Line([0.5], [2.0]), Path([[-1.0], [2.0], [0.0]])]


@pytest.mark.parametrize("domain", round_trips(), ids=lambda domain: type(domain).__name__)
def test_save_and_load(domain, tmp_path):
    net = zoo.float_network([1, 4, 3, 2], np.random.default_rng(0), [lr.RELU, lr.HARD_TANH])
    (part,) = partition_lines(net, [domain])
    part.save(tmp_path / "folder" / "line.npz")
    again = LinePartition.load(tmp_path / "folder" / "line.npz")
    assert type(again.domain) is type(domain)
    assert again.diagnostics == part.diagnostics
    for name in ("breakpoints", "neurons", "patterns", "lengths", "slopes", "is_linear_boundary", "intervals"):
        np.testing.assert_array_equal(getattr(again, name), getattr(part, name))
    np.testing.assert_array_equal(again.network([[0.3]]), net([[0.3]]))
    with pytest.raises(ValueError, match="read-only"):
        again.switch_neurons[0] = 1


def test_files_that_are_no_partition(tmp_path):
    path = tmp_path / "line.npz"
    (part,) = partition_lines(STEPS, [Line([0.0], [1.0])])
    part.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"`path` is .*line.npz', which is truncated or no plain NPZ"):
        LinePartition.load(path)
    STEPS.save(path)
    with pytest.raises(FileFormatError, match=r"`path` is .*, which is no saved partition of a line"):
        LinePartition.load(path)
    path.write_bytes(whole)
    with np.load(path) as archive:
        lost = {"switch_neurons", "linregions_checksum"}
        np.savez(path, **{name: archive[name] for name in archive.files if name not in lost})
    with pytest.raises(
        FileFormatError, match=r"which lacks switch_neurons, but LinePartition.load needs it. Write it again"
    ):
        LinePartition.load(path)
    with pytest.raises(InvalidValueError, match="where there is no file"):
        LinePartition.load(tmp_path / "other.npz")


@pytest.mark.parametrize(("first", "second", "end"), [(1e120, 1e120, 2e80), (1e100, 1.0, 1e250), (1e200, 1.0, 2.0)])
def test_overflow_is_an_error(first, second, end):
    net = Network.from_layers([([[first]], [0.0]), ([[second]], [-1.0]), ([[1.0]], [0.0])])
    with pytest.raises(NumericalError, match="`network` overflows along `domain`"):
        partition_lines(net, [Segment([-1.0], [end])])


def test_breakpoint_beyond_all_numbers():
    with pytest.raises(NumericalError, match="`network` overflows along `domain`"):
        partition_lines(STEPS, [Line([1.0], [1e-310])])


def test_batches_do_not_depend_on_chunks_or_threads():
    rng = np.random.default_rng(5)
    net = zoo.float_network([4, 9, 8, 3], rng)
    domains = []
    for _ in range(15):
        a, b = rng.normal(size=(2, 4))
        domains += [Segment(a, b), Line(a, b), Ray(a, b), Path([a, b, -a])]
    whole = partition_lines(net, domains)
    assert count_lines(net, domains)[0].tolist() == [part.n_regions for part in whole]
    for size, threads in ((1, 1), (1, 3), (500, 2)):
        parts = partition_lines(net, domains, Options(threads=threads), Knobs(chunk_numbers=size))
        assert len(parts) == len(domains)
        for part, other, domain in zip(parts, whole, domains, strict=True):
            assert part.domain is domain
            np.testing.assert_array_equal(part.neurons, other.neurons)
            np.testing.assert_array_equal(part.breakpoints, other.breakpoints)
            np.testing.assert_array_equal(part.patterns, other.patterns)
            assert part.diagnostics == other.diagnostics
        counts = count_lines(net, domains, "linear", options=Options(threads=threads))[0]
        assert counts.tolist() == [part.n_linear_regions for part in whole]


@pytest.mark.parametrize("n_in", [784, 9000])
def test_domains_of_all_kinds_together_have_many_inputs(n_in):
    """Blocks of rows may end between the direction of a line, which comes first, and its origin."""
    rng = np.random.default_rng(n_in)
    net = lr.random_network([n_in, 8, 1], rng)
    a, b, c = rng.normal(size=(3, n_in))
    kinds = [Ray(c, a), Segment(a, b), Line(b, c), Path([a, b, c]), Line(np.zeros(n_in), a)]
    alone = [partition_lines(net, [domain])[0].breakpoints for domain in kinds]
    for n_segments in range(4 if n_in > 1000 else 24):
        chosen = [*[1] * n_segments, 2, 0, 2, 3, 4]
        for k, part in zip(chosen, partition_lines(net, [kinds[k] for k in chosen]), strict=True):
            np.testing.assert_array_equal(part.breakpoints, alone[k])


def test_memory_of_a_count_follows_the_chunk():
    rng = np.random.default_rng(9)
    net = zoo.float_network([6, 64, 64, 1], rng)
    lines = [Line(a, b) for a, b in rng.normal(size=(1500, 2, 6))]
    count_lines(net, lines[:10])
    peaks = []
    for batch in (lines[:300], lines):  # a chunk is full, and many are
        tracemalloc.start()
        counts = count_lines(net, batch)[0]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert counts.sum() > 50 * len(batch)
    assert peaks[1] < 1.2 * peaks[0] < 2**23


def test_progress_is_shown(terminal):
    shown = terminal()
    partition_lines(STEPS, [Line([0.0], [1.0])] * 3)
    assert shown.getvalue() == ""
    partition_lines(STEPS, [Line([0.0], [1.0])] * 3, options=Options(progress=True))
    assert "3/3" in shown.getvalue()


def test_plot_hands_over_to_matplotlib():
    figure = pytest.importorskip("matplotlib.figure")
    drawn = one(STEPS, Line([0.0], [2.0])).plot(figure.Figure().subplots(), interval=(-1.0, 1.0))
    assert drawn.graphs[0].get_xdata().tolist() == [-1.0, 0.0, 0.5, 1.0]


def test_patterns_in_blocks():
    net = zoo.float_network([1, 30, 20, 1], np.random.default_rng(8), lr.HARD_TANH)
    (part,) = partition_lines(net, [Line([0.0], [1.0])])
    assert part.n_regions > 40
    for size in (1, 7, 10**6):
        blocks = list(part._pattern_blocks(size))
        assert [start for start, _ in blocks] == list(range(0, part.n_regions, size))
        np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), part.patterns)


@pytest.mark.parametrize("name", ["toy2d_32x3", "mnist_64x3_trained"])
def test_round_the_window_of_a_plane(name):
    """The border of a plane's partition, walked as a path, has a breakpoint at each vertex."""
    case = zoo.golden(name)
    plane = partition_plane(case.network, case.window)
    corners = np.concatenate([case.window.polygon, case.window.polygon[:1]])
    (part,) = partition_lines(case.network, [Path(case.window.point(corners))])
    on_border = np.unique(plane.edges[plane.edge_neuron < 0])
    leg = np.minimum(part.breakpoints.astype(int), 3)
    places = corners[leg] + (part.breakpoints - leg)[:, None] * np.diff(corners, axis=0)[leg]
    inner = np.array([v for v in plane.vertices[on_border] if np.abs(v - corners).max(axis=1).min() > 1e-9])
    assert part.breakpoints.size == len(inner)
    size = np.abs(corners).max()
    distances = np.linalg.norm(places[:, None] - inner[None], axis=2)
    assert distances.min(axis=1).max() < 1e-9 * size
    assert distances.min(axis=0).max() < 1e-9 * size


def test_lines_of_the_trained_network():
    """Patterns and slopes of long lines in 784 inputs are those of the network."""
    case = zoo.golden("mnist_64x3_trained")
    net, window = case.network, case.window
    lines = [
        Line(np.zeros(784), window.origin),
        Line(window.origin, window.basis[0]),
        Ray(window.origin, window.basis[1]),
    ]
    for part in partition_lines(net, lines):
        assert 50 < part.n_regions < 400
        low, high = part.intervals[1:-1].T
        points = part.domain.point((low + high) / 2)
        np.testing.assert_array_equal(net.patterns(points), part.patterns[1:-1])
        change = (net(part.domain.point(high)) - net(part.domain.point(low))) / (high - low)[:, None]
        wide = high - low > 1e-4
        np.testing.assert_allclose(part.slopes[1:-1][wide], change[wide], rtol=1e-6, atol=1e-6 * np.abs(change).max())
        assert part.diagnostics["smallest_margin"] > 1e4


@pytest.mark.parametrize("width", [64, pytest.param(256, marks=pytest.mark.slow)])
def test_regions_at_initialisation(width):
    """Section 3.1: along lines through the origin and examples there are about as many regions as neurons."""
    from linregions.training.datasets import load_dataset

    mnist = load_dataset()
    ratios = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        net = lr.random_network([784, width, width, width, 10], rng)
        chosen = mnist.examples(rng.choice(60_000, 100, replace=False))
        counts = count_lines(net, [Line(np.zeros(784), example) for example in chosen])[0]
        ratios.append(counts.mean() / net.n_neurons)
    assert 0.95 < np.mean(ratios) < 1.06
