"""The bounds as numbers: published and hand-checked values, their order, and what they say of unusual networks."""

import itertools
import math
from fractions import Fraction

import pytest

import linregions as lr
from linregions import theory
from linregions.errors import InvalidTypeError as TYPE
from linregions.errors import InvalidValueError as VALUE
from linregions.theory.count_bounds import binomials

SMALL = [
    (n_in, *hidden, 1)
    for n_in in (1, 2, 3, 7)
    for depth in range(4)
    for hidden in itertools.product((1, 2, 3, 6), repeat=depth)
]


def serra_by_enumeration(widths):
    """The sum over J of theorem 1, term by term."""
    n_in, hidden = widths[0], widths[1:-1]
    total = 0
    for indices in itertools.product(*(range(width + 1) for width in hidden)):
        left = [n_in, *(width - j for width, j in zip(hidden, indices, strict=True))]
        if all(j <= min(left[: k + 1]) for k, j in enumerate(indices)):
            total += math.prod(math.comb(width, j) for width, j in zip(hidden, indices, strict=True))
    return total


@pytest.mark.parametrize("widths", SMALL[:: max(1, len(SMALL) // 90)], ids=str)
def test_serra_is_its_sum_over_the_index_set(widths):
    assert theory.serra_upper_bound(widths) == serra_by_enumeration(widths)


def test_values_by_hand():
    # Regions of lines in a plane and of planes in space.
    assert [theory.arrangement_regions(n, 2) for n in range(7)] == [1, 2, 4, 7, 11, 16, 22]
    assert [theory.arrangement_regions(n, 3) for n in range(7)] == [1, 2, 4, 8, 15, 26, 42]
    # A grid of 3 x 4 parallel lines in two directions is 2 directions at most: 1 + 2 T + T^2.
    assert theory.arrangement_regions(2, 2, 3) == 16
    # 2-2-2-2, the network of figure 1 of Serra et al.: 4 = 1 + 2 + 1 pieces with 2, 1, 0 units on.
    # R_3(2), R_3(1), R_3(0) = 4, 3, 1; R_2(2) = 4 + 2 * 3 + 1 = 11; R_2(1) = 3 + 2 * 3 = 9; R_1 = 11 + 2 * 9 + 1.
    assert theory.serra_upper_bound([2, 2, 2, 2, 1]) == 30
    assert theory.montufar_upper_bound([2, 2, 2, 2, 1]) == 4**3 == theory.trivial_upper_bound([2, 2, 2, 2, 1])
    # One unit a layer: once it is off, nothing switches any more.
    assert [theory.serra_upper_bound([5, *[1] * depth, 1]) for depth in range(6)] == [1, 2, 3, 4, 5, 6]
    assert theory.montufar_lower_bound([2, 4, 4, 4, 1]) == 2**2 * 2**2 * (1 + 4 + 6)
    assert theory.montufar_lower_bound([3, 7, 3, 1]) == 2**3 * 8
    assert theory.raghu_growth([2, 10, 10, 10, 1]) == 10**6
    assert theory.raghu_growth([2, 10, 10, 10, 1], n_breakpoints=2) == 20**6
    assert theory.hanin_rolnick_average([3, 4, 5, 1]) == Fraction(9**3, 6)


def test_the_papers_network():
    widths = [784, 64, 64, 64, 10]
    assert theory.trivial_upper_bound(widths) == 2**192 == theory.montufar_upper_bound(widths)
    serra = theory.serra_upper_bound(widths)
    assert 57.2 < math.log10(serra) < 57.3
    # In a plane: (1 + 64 + 2016)^3, and (64 * 3)^2 / 2 on average.
    assert theory.montufar_upper_bound(widths, dimension=2) == 2081**3
    assert theory.serra_upper_bound(widths, dimension=2) == 2081**3  # at least 62 units on leave rank 2
    assert theory.hanin_rolnick_average(widths, dimension=2) == 18432
    assert theory.montufar_lower_bound(widths, dimension=2) == 32**4 * 2081
    assert theory.serra_upper_bound(widths, dimension=1) == 65**3
    assert theory.montufar_lower_bound(widths, dimension=1) == 64**2 * 65


@pytest.mark.parametrize("widths", SMALL[::5], ids=str)
def test_the_order_of_the_bounds(widths):
    n_in, narrowest = widths[0], min(widths[:-1])
    for dimension in range(1, n_in + 1):
        serra = theory.serra_upper_bound(widths, dimension)
        for pieces in (1, 2, 3):
            montufar = theory.montufar_upper_bound(widths, pieces, dimension)
            assert montufar <= theory.trivial_upper_bound(widths, pieces)
            by_flats = [
                theory.serra_upper_bound(widths, dimension, n_breakpoints=pieces, n_flat=flat)
                for flat in range((pieces + 2) // 2 + 1)
            ]
            # every flat piece more leaves less room
            assert by_flats == sorted(by_flats, reverse=True)
            assert by_flats[0] == montufar
        assert serra == theory.serra_upper_bound(widths, dimension, n_breakpoints=1, n_flat=1)
        if dimension <= narrowest:
            assert 1 <= theory.montufar_lower_bound(widths, dimension) <= serra
        if dimension < n_in:
            assert serra <= theory.serra_upper_bound(widths, dimension + 1)
        # the first layer on a subspace is one with fewer inputs
        assert serra == theory.serra_upper_bound([dimension, *widths[1:]])
    wider = [width + 1 for width in widths]
    assert theory.serra_upper_bound(widths) <= theory.serra_upper_bound(wider)
    assert theory.serra_upper_bound(widths) <= theory.serra_upper_bound([*widths, 1])
    assert theory.serra_upper_bound(widths) == theory.serra_upper_bound([*widths[:-1], 17])


def test_the_largest_numbers_with_one_input():
    assert theory.serra_lower_bound([1, 3, 3, 1]) == 16 == theory.serra_upper_bound([1, 3, 3, 1])
    assert theory.serra_lower_bound([1, 5, 5, 5, 5, 5, 1]) == 7776
    assert [theory.serra_lower_bound([1, *hidden, 1]) for hidden in ([1, 1], [1, 2], [2, 1], [2, 2])] == [3, 4, 5, 7]
    rows = [row for row in theory.region_bounds([784, 3, 3, 1], dimension=1) if row.kind == "lower"]
    assert max(row.value for row in rows) == 16
    assert theory.serra_lower_bound([9, 4, 5, 1], dimension=1) == theory.serra_lower_bound([1, 4, 5, 1])


def test_no_hidden_layer_means_one_region():
    for row in theory.region_bounds([5, 3]):
        assert row.value == 1, row
    assert theory.montufar_lower_bound([2, 2]) == theory.serra_upper_bound([2, 2]) == 1
    assert theory.raghu_growth([2, 2]) == theory.hanin_rolnick_average([2, 2]) == 1


def test_no_breakpoint_means_one_region():
    assert theory.montufar_upper_bound([2, 9, 9, 1], 0) == theory.trivial_upper_bound([2, 9, 9, 1], 0) == 1
    assert theory.serra_upper_bound([2, 9, 9, 1], n_breakpoints=0, n_flat=0) == 1
    rows = {row.name: row for row in theory.region_bounds([2, 9, 9, 1], activation=lr.IDENTITY)}
    assert rows["Montúfar 2017"].value == rows["Serra et al. 2018, extended"].value == 1
    assert rows["Hanin & Rolnick 2019b"].value == 0
    assert rows["Hanin & Rolnick 2019b"].log10 == -math.inf


def test_layers_may_have_different_activations():
    widths, activations = [2, 3, 4, 1], [lr.HARD_TANH, lr.ABS]
    assert theory.trivial_upper_bound(widths, [2, 1]) == 3**3 * 2**4
    assert theory.montufar_upper_bound(widths, [2, 1]) == (1 + 3 * 2 + 3 * 4) * (1 + 4 + 6)
    # 1, 6, 12 patterns of three hard tanhs with 3, 2, 1 units that are not flat; then abs loses nothing.
    expected = 1 * 11 + 6 * 11 + 12 * 5
    assert theory.serra_upper_bound(widths, n_breakpoints=[2, 1], n_flat=[2, 0]) == expected
    rows = {row.name: row.value for row in theory.region_bounds(widths, activation=activations)}
    assert rows["Serra et al. 2018, extended"] == expected
    assert rows["Montúfar et al. 2014"] is None


def test_the_average_with_its_constant():
    widths = [2, 8, 8, 1]
    assert theory.hanin_rolnick_average(widths, constant=0.5) == Fraction(8**2, 2)
    assert theory.hanin_rolnick_average(widths, constant=Fraction(1, 3)) == Fraction(16, 3) ** 2 / 2
    assert theory.hanin_rolnick_average(widths, 3) == 48**2 // 2
    # fewer neurons than inputs: all patterns
    assert theory.hanin_rolnick_average([20, 8, 8, 1]) == 2**16
    assert theory.hanin_rolnick_average([20, 8, 8, 1], constant=99) == 2**16


def names(rows):
    return [row.name for row in rows]


def test_the_table_of_an_ordinary_network():
    rows = theory.region_bounds([2, 8, 9, 1])
    assert names(rows) == [
        "minimum",
        "Montúfar et al. 2014",
        "Serra et al. 2018, folds",
        "trivial",
        "Montúfar 2017",
        "Serra et al. 2018",
        "Raghu et al. 2017",
        "Hanin & Rolnick 2019b",
    ]
    assert [row.kind for row in rows] == ["lower"] * 3 + ["upper"] * 3 + ["asymptotic", "average"]
    values = {row.name: row.value for row in rows}
    assert values["minimum"] == 1
    assert values["Montúfar et al. 2014"] == theory.montufar_lower_bound([2, 8, 9, 1])
    assert values["Serra et al. 2018, folds"] == theory.serra_lower_bound([2, 8, 9, 1]) == 5**2 * (1 + 9 + 36)
    assert values["trivial"] == 2**17
    assert values["Montúfar 2017"] == theory.montufar_upper_bound([2, 8, 9, 1])
    assert values["Serra et al. 2018"] == theory.serra_upper_bound([2, 8, 9, 1])
    assert values["Raghu et al. 2017"] == 72**2
    assert values["Hanin & Rolnick 2019b"] == Fraction(17**2, 2)
    for row in rows:
        assert row.log10 == pytest.approx(math.log10(row.value))
        assert "(" in row.reference
    assert "equal widths" in rows[6].holds
    assert "equal widths" not in theory.region_bounds([2, 8, 8, 1])[6].holds


def test_the_table_says_what_does_not_apply():
    rows = {row.name: row for row in theory.region_bounds([9, 4, 5, 1])}
    assert rows["Montúfar et al. 2014"].value is None
    assert rows["Montúfar et al. 2014"].log10 is None
    assert rows["Montúfar et al. 2014"].holds == "needs hidden layers of at least 9 units"
    fewer = rows["Montúfar et al. 2014, fewer inputs"]
    assert fewer.value == max(theory.montufar_lower_bound([9, 4, 5, 1], m) for m in (1, 2, 3, 4))
    assert fewer.holds == "a ReLU network that uses 2 directions"  # 2^2 (1 + 5 + 10)
    assert fewer.value == 64 <= rows["Serra et al. 2018"].value
    folds = rows["Serra et al. 2018, folds"]
    assert (folds.value, folds.holds) == (1 + 4 + 5 * 5, "a ReLU network that uses 1 direction")
    # with a plane through the same inputs it applies
    assert "Montúfar et al. 2014, fewer inputs" not in names(theory.region_bounds([9, 4, 5, 1], dimension=2))
    # two breakpoints, and nothing known of flat pieces
    rows = {row.name: row for row in theory.region_bounds([2, 4, 5, 1], 2)}
    assert rows["Serra et al. 2018"].value is None
    assert rows["Montúfar et al. 2014"].holds == rows["Serra et al. 2018, folds"].holds == "for ReLU only"
    assert rows["Montúfar 2017"].value == (1 + 8 + 24) * (1 + 10 + 40)


def test_the_table_of_one_layer_has_zaslavsky():
    rows = {row.name: row.value for row in theory.region_bounds([3, 10, 1])}
    assert rows["Zaslavsky"] == 1 + 10 + 45 + 120
    assert rows["Zaslavsky"] == rows["Montúfar 2017"] == rows["Serra et al. 2018"] == rows["Montúfar et al. 2014"]
    assert "Zaslavsky" not in names(theory.region_bounds([3, 10, 10, 1]))


def test_relu_is_told_by_its_pieces():
    assert theory.region_bounds([2, 5, 5, 1]) == theory.region_bounds([2, 5, 5, 1], activation=lr.RELU)
    assert theory.region_bounds([2, 5, 5, 1]) == theory.region_bounds([2, 5, 5, 1], activation="relu")
    assert theory.region_bounds([2, 5, 5, 1]) == theory.region_bounds([2, 5, 5, 1], activation=[lr.RELU, lr.RELU])


def test_very_large_numbers_are_exact_and_have_a_logarithm():
    rows = {row.name: row for row in theory.region_bounds([3000, 2000, 2000, 10])}
    assert rows["trivial"].value == 2**4000
    assert rows["trivial"].log10 == pytest.approx(4000 * math.log10(2))
    assert rows["Serra et al. 2018"].value < 2**4000
    assert rows["Raghu et al. 2017"].value == 2000**6000


@pytest.mark.parametrize(
    "function",
    [
        theory.trivial_upper_bound,
        theory.montufar_lower_bound,
        theory.serra_lower_bound,
        theory.montufar_upper_bound,
        theory.serra_upper_bound,
        theory.raghu_growth,
        theory.hanin_rolnick_average,
        theory.region_bounds,
    ],
)
def test_mistakes_in_widths(function):
    who = function.__name__
    with pytest.raises(VALUE, match=rf"`widths\[1\]` is 0, but {who} needs at least 1"):
        function([2, 0, 1])
    with pytest.raises(VALUE, match=rf"`widths\[0\]` is -3, but {who} needs at least 1"):
        function([-3, 4, 1])
    with pytest.raises(VALUE, match=rf"`widths` is \[5\], but {who} needs the input and the output"):
        function([5])
    with pytest.raises(TYPE, match=rf"`widths\[1\]` is 2.5 \(float\), but {who} needs an integer"):
        function([2, 2.5, 1])
    with pytest.raises(TYPE, match=rf"`widths` is 7, but {who} needs a sequence"):
        function(7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: theory.trivial_upper_bound([2, 3, 1], -1),
            VALUE,
            r"`n_breakpoints` is -1, but trivial_upp",
        ),
        (
            lambda: theory.montufar_upper_bound([2, 3, 1], 1.5),
            TYPE,
            r"`n_breakpoints` is 1.5 \(float\), but",
        ),
        (
            lambda: theory.montufar_upper_bound([2, 3, 1], "2"),
            TYPE,
            r"`n_breakpoints` is '2', but montufar",
        ),
        (
            lambda: theory.raghu_growth([2, 3, 1], [1, 2]),
            VALUE,
            r"`n_breakpoints` has 2 entries, but raghu",
        ),
        (
            lambda: theory.region_bounds([2, 3, 1], [1, -2]),
            VALUE,
            r"`n_breakpoints\[1\]` is -2, but region",
        ),
        (lambda: theory.serra_upper_bound([2, 3, 1], 0), VALUE, r"`dimension` is 0, but serra_upper_bound"),
        (
            lambda: theory.serra_upper_bound([2, 3, 1], 3),
            VALUE,
            r"`dimension` is 3, but .* most the 2 inputs",
        ),
        (
            lambda: theory.region_bounds([2, 3, 1], 1, 9),
            VALUE,
            r"`dimension` is 9, but region_bounds needs",
        ),
        (
            lambda: theory.serra_upper_bound([2, 3, 1], 1.0),
            TYPE,
            r"`dimension` is 1.0 \(float\), but serra",
        ),
        (
            lambda: theory.serra_upper_bound([2, 3, 1], n_flat=2),
            VALUE,
            r"`n_flat` is 2 for 1 breakpoints in",
        ),
        (
            lambda: theory.montufar_lower_bound([3, 2, 1]),
            VALUE,
            r"`widths` has a hidden layer of 2 units, but",
        ),
        (
            lambda: theory.serra_lower_bound([2, 5, 9, 1]),
            VALUE,
            r"`widths` has a hidden layer of 5 units before the last, but serra_lower_bound needs 6 at least, three",
        ),
        (
            lambda: lr.zigzag_network([2, 5, 9, 1]),
            VALUE,
            r"`widths` has a hidden layer of 5 units before the last, but zigzag_network needs 6 at least, three",
        ),
        (
            lambda: lr.zigzag_network([9, 27, 40, 1]),
            VALUE,
            r"`widths` asks for 40 hyperplanes in 9 dimensions, but zigzag_network needs weights that float64",
        ),
        (
            lambda: theory.arrangement_regions(-1, 2),
            VALUE,
            r"`n_hyperplanes` is -1, but arrangement_regions",
        ),
        (
            lambda: theory.arrangement_regions(1, -2),
            VALUE,
            r"`dimension` is -2, but arrangement_regions need",
        ),
        (
            lambda: theory.arrangement_regions(1, 2, -1),
            VALUE,
            r"`n_parallel` is -1, but arrangement_regions",
        ),
        (
            lambda: theory.hanin_rolnick_average([2, 3, 1], constant=0),
            VALUE,
            r"`constant` is 0, but hanin_rolnick_average needs a positive number",
        ),
        (
            lambda: theory.region_bounds([2, 3, 1], activation=[lr.RELU] * 2),
            VALUE,
            r"`activation` has 2 entries, but region_bounds needs 1",
        ),
        (
            lambda: theory.region_bounds([2, 3, 1], activation=["relu"]),
            TYPE,
            r"`activation` holds 'relu' \(str\), but region_bounds needs PiecewiseLinear",
        ),
        (
            lambda: theory.region_bounds([2, 3, 1], activation=7),
            TYPE,
            r"`activation` is 7, but region_bounds needs PiecewiseLinear",
        ),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_binomials_made_one_from_another():
    for n in range(12):
        assert binomials(n) == [math.comb(n, j) for j in range(n + 1)]


def test_layers_of_thousands_of_units():
    widths = [784, 4096, 1000, 4096, 10]  # thousands of digits
    assert theory.montufar_lower_bound(widths) < theory.serra_upper_bound(widths) < theory.montufar_upper_bound(widths)
