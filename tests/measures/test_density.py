"""`boundary_density`: volumes known without sampling, unbiased samples, standard errors, messages."""

import itertools
import math

import numpy as np
import pytest

import linregions as lr
from linregions import Ball, Box, Estimate, Network, boundary_density
from linregions.domains.sections import mean_crossing_factor, random_directions, random_frames
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.measures import density
from linregions.regions.options import Options
from tests.reference.exact_boxes import exact_boxes
from tests.support.zoo import golden


def arrangement(normals, offsets):
    """Return a network whose boundaries are the hyperplanes ``normals @ x = offsets``."""
    normals = np.asarray(normals, dtype=float)
    return Network.from_layers([(normals, -np.asarray(offsets, dtype=float)), (np.ones((1, len(normals))), [0.0])])


def ball_volume(n):
    return math.exp(n / 2 * math.log(math.pi) - math.lgamma(n / 2 + 1))


def ball_ratio(n, k):
    """Volume of the unit ball in n - k dimensions over that in n."""
    return math.exp(math.lgamma(n / 2 + 1) - math.lgamma((n - k) / 2 + 1) - k / 2 * math.log(math.pi))


def bent_network():
    """Return relu(relu(x) + y) near 0: its two boundaries meet in a T, since x = 0 matters above y = 0 only."""
    return Network.from_layers(
        [(np.eye(2), [0.0, 10.0]), ([[1.0, 1.0]], [-10.0]), ([[1.0]], [0.0])],
    )


def clipped_area(normal, offset, low, high):
    """Return the area of the plane ``normal @ x = offset`` in a box of three dimensions, by cutting a large square."""
    normal = np.asarray(normal) / np.linalg.norm(normal)
    offset = offset / 1.0
    basis = np.linalg.svd(normal[None, :])[2][1:]
    polygon = [offset * normal + 50 * (a * basis[0] + b * basis[1]) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    for axis, (sign, bound) in itertools.product(range(3), ((1, high), (-1, -low))):
        kept = []
        for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            a, b = bound - sign * p[axis], bound - sign * q[axis]
            if a >= 0:
                kept.append(p)
            if (a > 0 > b) or (a < 0 < b):
                kept.append(p + a / (a - b) * (q - p))
        polygon = kept
        if not polygon:
            return 0.0
    corners = np.array(polygon) - polygon[0]
    return 0.5 * np.linalg.norm(np.cross(corners, np.roll(corners, -1, axis=0)).sum(axis=0))


def clipped_length(point, direction, low, high):
    """Return the length of a line in a cube."""
    ends = np.sort(np.stack([(low - point) / direction, (high - point) / direction]), axis=0)
    return max(0.0, ends[1].min() - ends[0].max()) * np.linalg.norm(direction)


# ---- the constants ---------------------------------------------------------------------------------------------------


def test_crossing_factors_of_low_dimensions():
    factors = [mean_crossing_factor(n, 1) for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(factors, [1, 2 / np.pi, 1 / 2, 4 / (3 * np.pi)], rtol=1e-14)
    assert [mean_crossing_factor(n, 2) for n in (2, 3, 5)] == [1, 1 / 2, 1 / 4]


@pytest.mark.parametrize("n", [2, 3, 4, 7, 784])
def test_crossing_factors_are_those_of_random_directions_and_planes(n):
    rng = np.random.default_rng(n)
    cosines = np.abs(random_directions(4000, n, rng)[:, 0])
    assert abs(lr.Estimate.from_samples(cosines).z_score(mean_crossing_factor(n, 1))) < 4
    areas = np.abs(np.linalg.det(random_frames(4000, 2, n, rng)[:, :, :2]))
    if n == 2:
        np.testing.assert_allclose(areas, 1, rtol=1e-12)
    else:
        assert abs(lr.Estimate.from_samples(areas).z_score(mean_crossing_factor(n, 2))) < 4


def test_crossing_factors_are_inverse_flag_coefficients():
    for n, k in itertools.product(range(2, 30), (1, 2)):
        expected = ball_volume(k) * ball_volume(n - k) / (ball_volume(n) * math.comb(n, k))
        assert mean_crossing_factor(n, k) == pytest.approx(expected, rel=1e-12)


# ---- known arrangements ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 784])
def test_a_hyperplane_through_the_centre_of_a_ball(n):
    rng = np.random.default_rng(n)
    center, radius = rng.normal(size=n), 1.5
    normal = rng.normal(size=n)
    net = arrangement([normal], [normal @ center])
    found = boundary_density(net, Ball(center, radius), rng=rng, n_chords=4000, method="chords")
    assert abs(found.z_score(ball_ratio(n, 1) / radius)) < 4 or n == 1
    assert found.value == pytest.approx(ball_ratio(n, 1) / radius, rel=0.1)
    assert found.n == 4000


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 784])
def test_hyperplanes_across_a_box(n):
    low, high = -1.0 - np.arange(n) % 3, 0.5 + np.arange(n) % 2
    axes = range(min(n, 3))
    net = arrangement(np.eye(n)[list(axes)], low[: len(axes)] + 0.3)
    expected = np.sum(1 / (high - low)[: len(axes)])
    found = boundary_density(net, low, high, rng=n, n_chords=20_000 if n == 784 else 4000, method="chords")
    assert abs(found.z_score(expected)) < 4 or n == 1
    assert found.value == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(("n", "hyperplanes"), [(3, 2), (4, 3), (5, 2), (784, 25)])
def test_hyperplanes_that_meet_in_the_middle_of_a_ball(n, hyperplanes):
    normals = np.random.default_rng(n).normal(size=(hyperplanes, n))
    net = arrangement(normals, np.zeros(hyperplanes))
    found = boundary_density(net, Ball(np.zeros(n), 2.0), rng=n, n_chords=400, codimension=2)
    expected = math.comb(hyperplanes, 2) * ball_ratio(n, 2) / 4
    assert abs(found.z_score(expected)) < 4
    assert found.value == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("n", [3, 4, 6])
def test_hyperplanes_that_meet_in_a_box(n):
    low, high = -1.0 - np.arange(n) % 3, 0.5 + np.arange(n) % 2
    sides = high - low
    net = arrangement(np.eye(n)[:3], low[:3] + 0.4 * sides[:3])
    expected = sum(1 / (sides[i] * sides[j]) for i, j in itertools.combinations(range(3), 2))
    found = boundary_density(net, Box(low, high), rng=n, n_chords=600, codimension=2)
    assert abs(found.z_score(expected)) < 4
    assert found.value == pytest.approx(expected, rel=0.3)


def test_areas_of_a_one_layer_network_in_three_inputs():
    rng = np.random.default_rng(5)
    normals = rng.normal(size=(6, 3))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    offsets = rng.uniform(-1, 1, 6)
    areas = [clipped_area(normal, offset, -1.0, 2.0) for normal, offset in zip(normals, offsets, strict=True)]
    assert clipped_area([1, 1, 1], 1.5 / math.sqrt(3), 0.0, 1.0) == pytest.approx(3 * math.sqrt(3) / 4)  # a hexagon
    found = boundary_density(arrangement(normals, offsets), -1.0, 2.0, rng=rng, n_chords=4000)
    assert abs(found.z_score(sum(areas) / 27)) < 4
    assert found.stderr < 0.02 * found.value


def test_lengths_of_a_one_layer_network_in_three_inputs():
    rng = np.random.default_rng(6)
    normals, offsets = rng.normal(size=(5, 3)), rng.uniform(-1, 1, 5)
    length = 0.0
    for i, j in itertools.combinations(range(5), 2):
        direction = np.cross(normals[i], normals[j])
        point = np.linalg.lstsq(normals[[i, j]], offsets[[i, j]], rcond=None)[0]
        length += clipped_length(point, direction, -1.0, 2.0)
    found = boundary_density(arrangement(normals, offsets), -1.0, 2.0, rng=rng, n_chords=600, codimension=2)
    assert abs(found.z_score(length / 27)) < 4
    assert found.stderr < 0.08 * found.value


def test_thin_boxes_have_sections():
    box = Box([0.0, 0.0, 0.0], [1.0, 1.0, 1e-8])
    net = arrangement(np.eye(3)[[0, 2]], [0.5, 0.5e-8])
    found = boundary_density(net, box, rng=0, n_chords=200, codimension=2)
    assert abs(found.z_score(1e8)) < 4
    assert found.value == pytest.approx(1e8, rel=0.5)


def test_lines_that_meet_in_a_corner():
    # Without the margin round the box the samples would have no variance, since all lines start at the corner.
    rng = np.random.default_rng(3)
    normals = rng.normal(size=(7, 3))
    length = 0.0
    for i, j in itertools.combinations(range(7), 2):
        direction = np.cross(normals[i], normals[j])
        if np.all(direction > 0) or np.all(direction < 0):
            length += np.linalg.norm(direction) / np.abs(direction).max()
    net = arrangement(normals, np.zeros(7))
    samples = [boundary_density(net, 0.0, 1.0, rng=seed, n_chords=100, codimension=2).value for seed in range(6)]
    assert length > 2
    assert abs(lr.Estimate.from_samples(samples).z_score(length)) < 4
    assert max(samples) < 3 * length


# ---- one and two inputs: exact ---------------------------------------------------------------------------------------


def test_one_input_is_exact():
    net = lr.random_network([1, 20, 20, 1], 4, bias_variance=0.5)
    for kind in ("activation", "linear"):
        crossings = lr.count_regions(net, lr.Segment([-2.0], [3.0]), kind) - 1
        found = boundary_density(net, [-2.0], [3.0], rng=0, kind=kind)
        assert (found.value, found.stderr, found.n) == (crossings / 5, 0.0, 1)
        ball = boundary_density(net, Ball([0.5], 2.5), rng=0, kind=kind, method="exact")
        assert ball.value == crossings / 5
        chords = boundary_density(net, [-2.0], [3.0], rng=0, kind=kind, method="chords", n_chords=20)
        assert chords.value == pytest.approx(crossings / 5, rel=1e-12)
        assert crossings > 10


def test_two_inputs_are_exact():
    case = golden("toy2d_32x3").network
    window = lr.PlaneWindow.of_inputs([-1, -1], [1, 2])
    part = lr.partition(case, window)
    found = boundary_density(case, -1.0, [1.0, 2.0], rng=0, kind="activation")
    assert (found.stderr, found.n) == (0.0, 1)
    assert found.value == pytest.approx(part.boundary_length / 6, rel=1e-12)
    linear = boundary_density(case, [-1.0, -1.0], [1.0, 2.0], rng=0)
    assert linear.value == pytest.approx(part.edge_lengths[part.edge_is_linear_boundary].sum() / 6, rel=1e-12)


@pytest.mark.parametrize("solid", [Box([-2.0, -1.0], [1.0, 1.5]), Ball([0.2, 0.1], 1.7)], ids=["box", "ball"])
@pytest.mark.parametrize("kind", ["activation", "linear"])
def test_chords_agree_with_the_exact_length_in_two_inputs(solid, kind):
    net = lr.random_network([2, 4, 3, 3, 1], 8, bias_variance=0.3)  # narrow, so that many neurons are not good
    exact = boundary_density(net, solid, rng=0, kind=kind)
    sampled = boundary_density(net, solid, rng=1, kind=kind, method="chords", n_chords=4000)
    assert abs(sampled.z_score(exact)) < 4
    assert sampled.stderr < 0.03 * exact.value


def test_corners_may_be_images():
    net = lr.random_network([6, 8, 1], 8, bias_variance=0.3)
    low, high = -np.arange(1.0, 7.0), np.arange(2.0, 8.0)
    flat, images, columns = (
        boundary_density(net, low.reshape(shape), high.reshape(shape), rng=0, n_chords=50).value
        for shape in ((6,), (1, 2, 3), (6, 1))
    )
    assert flat == images == columns


def test_kinds_differ_where_neurons_are_not_good():
    net = lr.random_network([2, 4, 3, 3, 1], 8, bias_variance=0.3)
    linear, activation = (boundary_density(net, -2.0, 2.0, rng=0, kind=kind).value for kind in ("linear", "activation"))
    assert 0 < linear < 0.95 * activation
    dead = Network.from_layers([*((step.weight, step.bias) for step in net.layers[:-1]), (np.zeros((1, 3)), [1.0])])
    assert boundary_density(dead, -2.0, 2.0, rng=0).value == 0
    assert boundary_density(dead, -2.0, 2.0, rng=0, kind="activation").value == pytest.approx(activation)


def test_length_in_a_disc():
    for height in (0.0, 0.3, 0.9, 0.99, 1.01):
        net = arrangement([[3.0, 4.0]], [5 * height])
        found = boundary_density(net, Ball([0.0, 0.0], 1.0), rng=0)
        assert found.value == pytest.approx(2 * math.sqrt(max(0, 1 - height**2)) / math.pi, abs=1e-12)


def test_a_t_junction_counts_as_a_vertex():
    net = bent_network()
    bent, upper = 1 + math.sqrt(2), 1.0
    assert boundary_density(net, -1.0, 1.0, rng=0).value == pytest.approx((bent + upper) / 4)
    assert boundary_density(net, -1.0, 1.0, rng=0, kind="activation").value == pytest.approx((bent + 2) / 4)
    for kind in ("linear", "activation"):
        assert boundary_density(net, -1.0, 1.0, rng=0, kind=kind, codimension=2).value == 1 / 4
        # Not in the middle of the disc, and not in one that ends before it.
        near, far = (Ball([0.5, 0.5], radius) for radius in (0.72, 0.70))
        found = boundary_density(net, near, rng=0, kind=kind, codimension=2).value
        assert found == pytest.approx(1 / (math.pi * 0.72**2))
        assert boundary_density(net, far, rng=0, kind=kind, codimension=2).value == 0


def test_a_crossing_with_a_dead_neuron_is_no_vertex_of_linear_regions():
    net = Network.from_layers([(np.eye(2), [0.0, 0.0]), ([[1.0, 0.0]], [0.0])])
    assert boundary_density(net, -1.0, 1.0, rng=0, codimension=2).value == 0
    assert boundary_density(net, -1.0, 1.0, rng=0, codimension=2, kind="activation").value == 1 / 4


def test_concurrent_lines_make_one_vertex_and_the_border_none():
    net = lr.random_network([2, 30, 30, 1], 1, biases="zero")
    assert boundary_density(net, -1.0, 1.0, rng=0, codimension=2).value == 1 / 4
    assert boundary_density(net, 0.0, 1.0, rng=0, codimension=2).value == 0
    assert boundary_density(arrangement(np.eye(2), [0, 0]), 0.0, 1.0, rng=0).value == 0


@pytest.mark.parametrize("solid", [Box([-1.0, -1.0], [1.0, 1.0]), Ball([0.0, 0.0], 1.2)], ids=["box", "ball"])
def test_vertices_of_an_arrangement_in_two_inputs(solid):
    rng = np.random.default_rng(2)
    normals, offsets = rng.normal(size=(12, 2)), rng.normal(size=12)
    meetings = np.array(
        [np.linalg.solve(normals[[i, j]], offsets[[i, j]]) for i, j in itertools.combinations(range(12), 2)]
    )
    if isinstance(solid, Ball):
        expected = np.count_nonzero(np.linalg.norm(meetings, axis=1) < 1.2) / (np.pi * 1.44)
    else:
        expected = np.count_nonzero(np.abs(meetings).max(axis=1) < 1) / 4
    net = arrangement(normals, offsets)
    assert boundary_density(net, solid, rng=0, codimension=2).value == pytest.approx(expected, rel=1e-12)
    sections = boundary_density(net, solid, rng=0, codimension=2, method="chords", n_chords=10)
    assert sections.value == pytest.approx(expected, rel=1e-9)  # every section is the whole


# ---- sampling --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::linregions.errors.UndecidedWarning")  # planes meet in the middle
@pytest.mark.parametrize("n", [3, 4, 5])
def test_boxes_are_exact_where_asked(n):
    normals = np.vstack([np.eye(n), np.ones(n)])
    net = arrangement(normals, [0.5] * n + [n / 2])  # the last passes through the middle, where all others meet
    low, high = np.zeros(n), np.ones(n)
    for k in range(1, n + 1):
        found = boundary_density(net, low, high, rng=0, method="exact", codimension=k, kind="activation")
        assert (found.stderr, found.n) == (0.0, 1)
        exact = exact_boxes(net, Box(low, high)).strata()[k]
        assert found.value == pytest.approx(exact, rel=1e-12)
    assert found.value == 1
    halves = boundary_density(arrangement(np.eye(n), [0.5] * n), low, high, rng=0, method="exact", codimension=2)
    assert halves.value == pytest.approx(math.comb(n, 2), rel=1e-12)


@pytest.mark.parametrize("kind", ["linear", "activation", "gradient"])
@pytest.mark.parametrize("codimension", [1, 2])
def test_sections_agree_with_exact_boxes(kind, codimension):
    net = lr.random_network([3, 8, 6, 1], 3, bias_variance=0.2)
    options = {"kind": kind, "codimension": codimension}
    exact = boundary_density(net, [-1.0, 0.0, -2.0], [1.0, 0.5, 1.0], rng=0, method="exact", **options)
    sampled = boundary_density(
        net, [-1.0, 0.0, -2.0], [1.0, 0.5, 1.0], rng=1, n_chords=1500 if codimension == 1 else 300, **options
    )
    assert abs(sampled.z_score(exact)) < 4
    assert 0 < sampled.stderr < 0.2 * exact.value


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_exact_boxes_of_any_size(unit):
    net = arrangement(np.eye(3), [0.5 * unit] * 3)
    found = boundary_density(net, 0.0, unit, rng=0, method="exact", codimension=1)
    assert found.value == pytest.approx(3 / unit, rel=1e-12)


@pytest.mark.parametrize(("codimension", "n_chords"), [(1, 700), (2, 30)])
def test_neither_threads_nor_batches_change_the_result(codimension, n_chords):
    net = lr.random_network([12, 16, 16, 2], 3, bias_variance=0.1)
    options = {"n_chords": n_chords, "codimension": codimension}
    one = boundary_density(net, -1.0, 1.0, rng=7, **options)
    assert boundary_density(net, -1.0, 1.0, rng=7, threads=3, **options) == one
    assert boundary_density(net, -1.0, 1.0, rng=np.random.default_rng(7), threads=2, **options) == one
    streams, box = density._streams(np.random.default_rng(7)), Box([-1.0] * 12, [1.0] * 12)
    sampler = density._Sampler(net, box, "linear", codimension, Options(threads=2), *streams, numbers=150)
    batches = Estimate.from_samples(sampler.draw(n_chords))
    assert (batches.value, batches.stderr) == (one.value, one.stderr)
    assert one.seed == 7
    assert one.n == n_chords
    assert boundary_density(net, -1.0, 1.0, rng=8, **options).value != one.value


def test_a_generator_goes_on():
    net = lr.random_network([5, 16, 2], 3)
    rng = np.random.default_rng(1)
    first, second = (boundary_density(net, -1.0, 1.0, rng=rng, n_chords=50) for _ in range(2))
    assert first.value != second.value


def test_rtol_chooses_the_number_of_chords():
    net = lr.random_network([4, 12, 12, 1], 3, bias_variance=0.1)
    found = boundary_density(net, -1.0, 1.0, rng=1, n_chords=200, rtol=0.01)
    assert found.n > 1000
    assert found.stderr / found.value == pytest.approx(0.01, rel=0.25)
    easy = boundary_density(net, -1.0, 1.0, rng=1, n_chords=200, rtol=0.5)
    assert easy.n == 200
    assert easy.value != boundary_density(net, -1.0, 1.0, rng=1, n_chords=200).value  # chords of its own


def test_nothing_to_meet():
    affine = Network.from_layers([(np.ones((2, 3)), [0.0, 0.0])])
    far = arrangement([[1.0, 0.0, 0.0]], [100.0])
    for net, codimension in itertools.product((affine, far), (1, 2)):
        found = boundary_density(net, 0.0, 1.0, rng=0, n_chords=10, codimension=codimension, rtol=0.1)
        assert (found.value, found.stderr, found.n) == (0, 0, 10)


def test_many_inputs_are_no_trouble():
    net = golden("mnist_64x3_trained").network
    lines = boundary_density(net, 0.0, 1.0, rng=0, n_chords=1500)
    again = boundary_density(net, 0.0, 1.0, rng=1, n_chords=1500)
    assert abs(lines.z_score(again)) < 4
    assert 0 < lines.stderr < 0.1 * lines.value
    planes = boundary_density(net, Ball(np.full(784, 0.5), 3.0), rng=0, n_chords=40, codimension=2)
    assert 0 < planes.stderr < planes.value


@pytest.mark.slow
@pytest.mark.parametrize("codimension", [1, 2])
@pytest.mark.parametrize("n", [3, 10])
def test_standard_errors_cover(n, codimension):
    net = lr.random_network([n, 6, 6, 1], 2, bias_variance=0.1)
    options = {"codimension": codimension}
    truth = boundary_density(
        net, -1.0, 1.0, rng=999, n_chords=20_000 if codimension == 1 else 4000, threads=2, **options
    )
    scores = np.array(
        [boundary_density(net, -1.0, 1.0, rng=seed, n_chords=100, **options).z_score(truth) for seed in range(120)]
    )
    assert np.mean(np.abs(scores) < 2) > 0.9
    assert abs(scores.mean()) < 0.4
    assert 0.8 < scores.std() < 1.25


# ---- messages --------------------------------------------------------------------------------------------------------

NET = lr.random_network([3, 4, 1], 0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((0.0, np.inf), {}, InvalidValueError, "`high` holds 1 NaN or infinite"),
        ((0.0, [1.0, np.nan, 1.0]), {}, InvalidValueError, "`high` holds 1 NaN or infinite"),
        ((0.0, 0.0), {}, InvalidValueError, "`low` is 0 and `high` 0 in coordinate 0, but Box needs low < high"),
        ((0.0, [1.0, -1.0, 1.0]), {}, InvalidValueError, "`low` is 0 and `high` -1 in coordinate 1"),
        (([0.0, 0.0], 1.0), {}, InvalidValueError, r"`low` has shape \(2,\), but boundary_density needs one number"),
        ((0.0, np.ones((3, 2))), {}, InvalidValueError, r"`high` has shape \(3, 2\)"),
        ((0.0,), {}, InvalidTypeError, "`high` is missing, but boundary_density needs both corners"),
        ((Ball(np.zeros(3), 1.0), 1.0), {}, InvalidTypeError, "`high` is given beside a Ball"),
        ((Ball(np.zeros(2), 1.0),), {}, InvalidValueError, "`low` is a Ball in 2 dimensions, but .* 3 inputs"),
        ((0.0, 1.0), {"n_chords": 1}, InvalidValueError, "`n_chords` is 1, but boundary_density needs at least 2"),
        ((0.0, 1.0), {"rtol": 0.0}, InvalidValueError, "`rtol` is 0, but boundary_density needs a positive"),
        ((0.0, 1.0), {"kind": "good"}, InvalidValueError, "`kind` is 'good', but boundary_density needs one of"),
        ((0.0, 1.0), {"codimension": 3}, InvalidValueError, r"`codimension` is 3 for 3 input\(s\), but"),
        ((0.0, 1.0), {"method": "grid"}, InvalidValueError, "`method` is 'grid', but boundary_density needs one of"),
        ((0.0, 1.0), {"codimension": 4, "method": "exact"}, InvalidValueError, "`codimension` is 4 for 3 input"),
        (
            (Ball(np.zeros(3), 1.0),),
            {"method": "exact"},
            InvalidValueError,
            "`method` is 'exact' for a Ball of 3 inputs, but .* or a Box of at most 5",
        ),
        ((0.0, 1.0), {"threads": 0}, InvalidValueError, "`threads` is 0, but boundary_density needs at least 1"),
        ((0.0, 1.0), {"rng": "seed"}, InvalidTypeError, "`rng` is str, but boundary_density needs"),
    ],
)
def test_messages(arguments, options, error, message):
    with pytest.raises(error, match=message):
        boundary_density(NET, *arguments, **{"rng": 0, **options})


def test_messages_of_other_networks():
    with pytest.raises(InvalidTypeError, match=r"`network` is str, but boundary_density needs a linregions.Network"):
        boundary_density("net", 0.0, 1.0, rng=0)
    with pytest.raises(InvalidValueError, match=r"`codimension` is 2 for 1 input\(s\)"):
        boundary_density(lr.random_network([1, 2, 1], 0), 0.0, 1.0, rng=0, codimension=2)
    with pytest.raises(InvalidValueError, match=r"`method` is 'exact' for a Box of 6 inputs, but"):
        boundary_density(lr.random_network([6, 2, 1], 0), 0.0, 1.0, rng=0, method="exact")
