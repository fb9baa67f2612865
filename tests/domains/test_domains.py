"""Segments, rays, lines, paths and windows: where their points are, and every message."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linregions as lr
from linregions import Line, Path, PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError

EYE = np.eye(2)


def test_segment_points():
    segment = Segment([0.0, 1.0, 2.0], [4.0, 1.0, 0.0])
    assert segment.n_in == 3
    assert segment.point(0.5).tolist() == [2.0, 1.0, 1.0]
    assert segment.point([[0.0, 1.0]]).tolist() == [[[0.0, 1.0, 2.0], [4.0, 1.0, 0.0]]]


@pytest.mark.parametrize("kind", [Ray, Line])
def test_ray_and_line_count_multiples_of_the_direction(kind):
    ray = kind([1.0, 2.0], direction=[0.0, -3.0])
    assert ray.n_in == 2
    assert ray.origin.tolist() == [1.0, 2.0]
    assert ray.point([0.0, 2.0, -1.0]).tolist() == [[1.0, 2.0], [1.0, -4.0], [1.0, 5.0]]
    assert repr(ray).startswith(kind.__name__)


def test_a_ray_is_no_line():
    assert not isinstance(Ray([0.0], [1.0]), Line)


def test_path_integer_part_is_the_leg():
    path = Path([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0]])
    assert path.n_in == 2
    assert path.point([0.0, 0.5, 1.0, 1.25, 2.0]).tolist() == [[0, 0], [1, 0], [2, 0], [2, 1], [2, 4]]
    assert path.point(1.5).shape == (2,)


def test_a_closed_path_may_return_to_its_start():
    assert Path([[0.0], [1.0], [0.0]]).point(2.0).tolist() == [0.0]


def test_domains_never_change():
    a = np.zeros(2)
    segment = Segment(a, [1.0, 1.0])
    a[0] = 9.0
    assert segment.a.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        segment.a[0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        segment.a = a
    window = PlaneWindow.square([0.0, 0.0], EYE, 1.0)
    for array in (
        window.origin,
        window.basis,
        window.polygon,
        Ray([0.0], [1.0]).direction,
        Path([[0.0], [1.0]]).points,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 2.0


# ---- windows ---------------------------------------------------------------------------------------------------------


def test_square():
    window = PlaneWindow.square([1.0, 2.0, 3.0], [[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]], 0.5)
    assert window.n_in == 3
    assert window.polygon.tolist() == [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    assert window.area_factor == pytest.approx(2.0, rel=1e-15)
    assert window.area == pytest.approx(2.0, rel=1e-15)
    assert window.point(0.5, -0.5).tolist() == [1.5, 2.0, 2.0]
    assert window.point([[0.5, -0.5], [0.0, 0.0]]).tolist() == [[1.5, 2.0, 2.0], [1.0, 2.0, 3.0]]
    assert window.point([0.0, 0.5], 0.25).shape == (2, 3)


def test_of_inputs_has_the_inputs_as_coordinates():
    window = PlaneWindow.of_inputs([-1.0, 2.0], [3.0, 5.0])
    assert window.polygon.tolist() == [[-1, 2], [3, 2], [3, 5], [-1, 5]]
    assert window.area == 12.0
    assert window.point(window.polygon).tolist() == window.polygon.tolist()


def test_coordinates_undo_point_and_project():
    rng = np.random.default_rng(0)
    window = PlaneWindow(rng.normal(size=7), rng.normal(size=(2, 7)), [[0, 0], [1, 0], [0, 1]])
    pairs = rng.normal(size=(3, 4, 5, 2))
    np.testing.assert_allclose(window.coordinates(window.point(pairs)), pairs, atol=1e-12)
    assert window.coordinates(window.origin).tolist() == [0.0, 0.0]
    normal = rng.normal(size=7)
    normal -= np.linalg.lstsq(window.basis.T, normal)[0] @ window.basis
    np.testing.assert_allclose(window.coordinates(window.point(0.3, -2.0) + 5 * normal), [0.3, -2.0], atol=1e-12)


@pytest.mark.parametrize("angle", [1e-3, 1e-6, 1e-9])
def test_a_skew_basis_keeps_its_area_and_coordinates(angle):
    basis = np.array([[1.0, 0.0, 0.0], [np.cos(angle), np.sin(angle), 0.0]])
    window = PlaneWindow.square([0.0, 0.0, 1.0], basis, 1.0)
    assert window.area == pytest.approx(4 * np.sin(angle), rel=1e-6)
    np.testing.assert_allclose(window.coordinates(window.point(0.25, 0.5)), [0.25, 0.5], rtol=1e-15 / angle)


def assert_circumcentre(window, points, rtol):
    distances = [np.linalg.norm(window.origin - point) for point in points]
    np.testing.assert_allclose(distances, distances[0], rtol=rtol)
    np.testing.assert_allclose(window.basis @ window.basis.T, EYE, atol=1e-14)
    return distances[0]


def test_through_is_centred_at_the_circumcentre():
    window = PlaneWindow.through([0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [0.0, 3.0, 1.0], scale=2.0)
    assert assert_circumcentre(window, [[0, 0, 1], [4, 0, 1], [0, 3, 1]], 1e-15) == pytest.approx(2.5)
    np.testing.assert_allclose(window.origin, [2.0, 1.5, 1.0])
    np.testing.assert_allclose(np.abs(window.polygon), 5.0)
    np.testing.assert_allclose(window.coordinates([4.0, 0.0, 1.0]), [2.0, -1.5])


def test_through_reaches_one_and_a_half_radii_unless_told_otherwise():
    window = PlaneWindow.through([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0])
    np.testing.assert_allclose(np.abs(window.polygon), 1.5)


@pytest.mark.parametrize("seed", range(5))
def test_through_sparse_points_like_images(seed):
    rng = np.random.default_rng(seed)
    points = np.where(rng.random((3, 784)) < 0.2, rng.random((3, 784)), 0.0)
    window = PlaneWindow.through(*points)
    radius = assert_circumcentre(window, points, 1e-13)
    np.testing.assert_allclose(window.point(window.coordinates(points)), points, atol=1e-13)
    assert window.polygon.max() == pytest.approx(1.5 * radius)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 3, 784]),
    st.floats(-8, 0).map(lambda e: 10.0**e),
    st.floats(-2, 2),
    st.floats(-3, 3).map(lambda e: 10.0**e),
)
def test_through_nearly_collinear_points(seed, n_in, height, along, size):
    """The centre is far away, and yet equally far from all three."""
    rng = np.random.default_rng(seed)
    first, second = np.linalg.qr(rng.normal(size=(n_in, 2)))[0].T
    start = rng.normal(size=n_in)
    points = [start, start + size * first, start + size * (along * first + height * second)]
    assert_circumcentre(PlaneWindow.through(*points), points, 1e-7 if height < 1e-4 else 1e-10)


def test_clockwise_and_other_orders_of_the_three_points_are_fine():
    points = [[0.0, 0.0], [0.0, 3.0], [4.0, 0.0]]
    assert PlaneWindow.through(*points).area == pytest.approx(PlaneWindow.through(*points[::-1]).area)


# ---- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Segment([1.0, 2.0], [1.0, 2.0]),
            "`a` and `b` are the same point, but Segment needs two different ones",
        ),
        (lambda: Segment([1.0], [1.0, 2.0]), "`a, b` have 1 and 2 coordinates, but Segment needs the same number"),
        (lambda: Segment([], []), "`a` is empty, but Segment needs at least one coordinate"),
        (
            lambda: Segment(1.0, 2.0),
            r"`a` has shape \(\), but Segment needs 1 axis. Give a point as a list",
        ),
        (lambda: Segment([np.nan], [2.0]), r"`a` holds 1 NaN or infinite value\(s\), the first at index \(0,\)"),
        (lambda: Ray([0.0, 0.0], [0.0, 0.0]), "`direction` is zero in all 2 coordinates, but Ray needs a direction"),
        (lambda: Line([0.0, 0.0], [0.0, 0.0]), "`direction` is zero in all 2 coordinates, but Line needs a direction"),
        (
            lambda: Line([0.0], [1.0, 0.0]),
            "`point, direction` have 1 and 2 coordinates, but Line needs the same number",
        ),
        (lambda: Ray([np.inf], [1.0]), "`point` holds 1 NaN or infinite"),
        (lambda: Path([[1.0, 2.0]]), r"`points` has shape \(1, 2\), but Path needs at least two points"),
        (lambda: Path(np.zeros((3, 0))), r"`points` has shape \(3, 0\), but Path needs at least two points"),
        (lambda: Path([[0.0], [1.0], [1.0], [2.0]]), "`points` 1 and 2 are the same, but Path needs legs of positive"),
        (lambda: Path([1.0, 2.0]), r"`points` has shape \(2,\), but Path needs 2 axes"),
        (lambda: Path([[1.0, 2.0], [3.0]]), r"`points` is ragged \(.*\), but Path needs a rectangular array"),
    ],
)
def test_messages_of_lines(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()


TRIANGLE = [[0, 0], [1, 0], [0, 1]]
STAR = [[np.cos(0.8 * np.pi * k), np.sin(0.8 * np.pi * k)] for k in range(5)]


INF = np.inf


@pytest.mark.parametrize(
    ("basis", "polygon", "message"),
    [
        (np.eye(3)[:2], TRIANGLE, r"`basis` has shape \(2, 3\), .* two vectors of the origin's 2 coordinates"),
        ([[1, 2], [2, 4]], TRIANGLE, r"`basis` holds two dependent vectors \(lengths 2.23607 and 4.47214\), but"),
        ([[1, 2], [0, 0]], TRIANGLE, "`basis` holds two dependent vectors .* and 0.* needs them to span a plane"),
        ([[0, INF], [1, 0]], TRIANGLE, "`basis` holds 1 NaN or infinite"),
        (EYE, TRIANGLE[:2], r"`polygon` has shape \(2, 2\), but PlaneWindow needs at least three corners"),
        (EYE, np.eye(3), r"`polygon` has shape \(3, 3\), but PlaneWindow needs at least three corners"),
        (EYE, TRIANGLE[::-1], r"`polygon` does not turn left at corner 1 \(1, 0\), .* Reverse .* clockwise"),
        (EYE, [[0, 0], [1, 0], [2, 0], [0, 1]], r"`polygon` does not turn left at corner 1 \(1, 0\)"),
        (EYE, [[0, 0], [1, 0], [1, 0], [0, 1]], r"`polygon` does not turn left at corner 1 \(1, 0\)"),
        (EYE, [[0, 0], [2, 0], [0.5, 0.5], [0, 2]], r"`polygon` does not turn left at corner 2 \(0.5, 0.5\)"),
        (EYE, STAR, "`polygon` winds round more than once, but PlaneWindow needs a simple convex polygon"),
        (EYE, [[0, 0], [1, 0], [0, INF]], "`polygon` holds 1 NaN or infinite"),
    ],
)
def test_messages_of_windows(basis, polygon, message):
    with pytest.raises(InvalidValueError, match=message):
        PlaneWindow([0, 0], basis, polygon)


def test_a_window_needs_two_dimensions():
    with pytest.raises(InvalidValueError, match="`basis` holds two dependent vectors"):
        PlaneWindow([0], [[1], [2]], TRIANGLE)
    with pytest.raises(InvalidValueError, match="`origin` holds 1 NaN or infinite"):
        PlaneWindow([0, np.nan], EYE, TRIANGLE)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("square", ([0, 0], EYE, 0.0), "`half` is 0, but PlaneWindow.square needs a positive number"),
        ("square", ([0, 0], EYE, -1.0), "`half` is -1, but PlaneWindow.square needs a positive number"),
        ("of_inputs", ([0, 0, 0], [1, 1, 1]), "`low, high` have 3 and 3 coordinates, but .* needs two each"),
        ("of_inputs", ([0, 1], [1, 1]), r"`low` is \[0.0, 1.0\] and `high` \[1.0, 1.0\], .* low < high"),
        ("through", ([0, 0], [1, 1], [2, 2]), "`x0, x1, x2` lie on one line .* needs three points that span a plane"),
        ("through", ([0, 0], [0, 0], [2, 1]), r"`x0, x1, x2` lie on one line \(distances 0 and 2.23607"),
        ("through", ([0, 0], [2, 1], [0, 0]), r"`x0, x1, x2` lie on one line \(distances 2.23607 and 0"),
        ("through", ([0, 0], [2, 1], [2, 1]), "`x0, x1, x2` lie on one line"),
        ("through", ([0, 0], [2, 1, 0], [1, 0]), "`x0, x1` have 2 and 3 coordinates, but PlaneWindow.through needs"),
        ("through", ([0, 0], [2, 1], [1, 0, 0]), "`x0, x2` have 2 and 3 coordinates, but PlaneWindow.through needs"),
        ("through", ([0, 0], [2, 1], [1, 0], 0), "`scale` is 0, but PlaneWindow.through needs a positive number"),
    ],
)
def test_messages_of_the_other_constructors(method, arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        getattr(PlaneWindow, method)(*arguments)


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("coordinates", [1, 2, 3], r"`x` has shape \(3,\), but PlaneWindow.coordinates needs a last axis of 2"),
        ("coordinates", 0.5, r"`x` has shape \(\), but PlaneWindow.coordinates needs a last axis of 2"),
        ("point", 0.5, r"`u` has shape \(\), but PlaneWindow.point needs a last axis of two coordinates when `v`"),
        ("point", [1, 2, 3], r"`u` has shape \(3,\), but PlaneWindow.point needs a last axis of two coordinates"),
    ],
)
def test_messages_of_points(method, argument, message):
    with pytest.raises(InvalidValueError, match=message):
        getattr(PlaneWindow.square([0, 0], EYE, 1), method)(argument)


def test_types_that_are_no_numbers():
    with pytest.raises(InvalidTypeError, match="`a` has dtype <U1, but Segment needs real numbers"):
        Segment(["x"], ["y"])
    with pytest.raises(InvalidTypeError, match="`direction` is complex, but Line needs real numbers"):
        Line([0.0], [1j])
    with pytest.raises(InvalidTypeError, match="`points` has dtype object, but Path needs real numbers"):
        Path([[None], [1.0]])


def test_tolerances_are_relative_and_frozen():
    assert 2.0**-52 < lr.Tolerances().relative < 1e-9
    assert lr.Tolerances(relative=1e-9) == lr.Tolerances(1e-9)
    with pytest.raises(dataclasses.FrozenInstanceError):
        lr.Tolerances().relative = 0.1


# ---- through two points ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Ray, Line])
def test_through_two_points(kind):
    line = kind.through([1.0, 2.0], [4.0, 0.0])
    assert type(line) is kind
    assert line.point([0.0, 1.0]).tolist() == [[1.0, 2.0], [4.0, 0.0]]
    name = kind.__name__
    for call, message in (
        (lambda: kind.through([1.0], [1.0]), f"`a` and `b` are the same point, but {name}.through needs two different"),
        (lambda: kind.through([1.0], [1.0, 2.0]), f"`a, b` have 1 and 2 coordinates, but {name}.through needs"),
        (lambda: kind([1.0], [0.0]), rf"non-zero vector; for two points there is `{name}.through\(a, b\)`"),
        (lambda: kind([1.0], [0.0, 1.0]), rf"input space of the network; for two points there is `{name}.through\(a"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            call()


def test_regions_on_the_line_through_two_points():
    net = lr.random_network([3, 8, 8, 1], 0, bias_variance=0.3)
    a, b = np.array([1.0, 0.0, 2.0]), np.array([0.5, -1.0, 1.0])
    through, plain = lr.partition(net, [Line.through(a, b), Line(a, b - a)])
    assert through.breakpoints.tolist() == plain.breakpoints.tolist()
    on_segment = np.count_nonzero((plain.breakpoints > 0) & (plain.breakpoints < 1))
    assert lr.count_regions(net, Segment(a, b)) == on_segment + 1


def test_one_number_for_both_inputs():
    window, same = PlaneWindow.of_inputs(-1, 1), PlaneWindow.of_inputs([-1, -1], [1, 1])
    assert window.point(window.polygon).tolist() == same.point(same.polygon).tolist()
    assert PlaneWindow.of_inputs(0, [1, 2]).area == 2.0
