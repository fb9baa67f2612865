"""Bounds on the number of regions of a fully connected network, as exact integers."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions._support.validation import as_integer, as_widths
from linregions.errors import InvalidTypeError, InvalidValueError


def trivial_upper_bound(widths: Sequence[int], n_breakpoints: int | Sequence[int] = 1) -> int:
    """Return (T + 1)^#neurons, the number of all patterns; for ReLU 2^#neurons.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output, as in `random_network`.
    n_breakpoints : int or sequence of int
        Breakpoints T of the activation, one number for all hidden layers or one for each.

    Returns
    -------
    int
        No network has more activation regions, nor linear regions, in any domain on which regions are convex: the whole
        input space, a plane, a line, a segment. (A curve can meet a region twice.)

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width is no positive integer, or T is negative or does not fit.

    References
    ----------
    Hanin & Rolnick (2019), eq. (1).

    Examples
    --------
    >>> trivial_upper_bound([2, 3, 3, 1]), trivial_upper_bound([2, 3, 3, 1], n_breakpoints=2)
    (64, 729)
    """
    _, layers = checked(widths, n_breakpoints, None, "trivial_upper_bound")
    return math.prod((pieces + 1) ** width for width, pieces in layers)


def arrangement_regions(n_hyperplanes: int, dimension: int, n_parallel: int = 1) -> int:
    """Return into how many regions hyperplanes in general position cut a space, each in several parallel copies.

    Parameters
    ----------
    n_hyperplanes : int
        Number n of directions, at least 0: the neurons of one layer.
    dimension : int
        Dimension d of the space, at least 0.
    n_parallel : int
        Parallel hyperplanes for each direction: the breakpoints T of the activation.

    Returns
    -------
    int
        ``sum_{j <= d} binom(n, j) T^j``. For a network with one hidden layer it is the number of its activation regions
        in the whole input space when its hyperplanes are in general position, and the largest possible number.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a number is no integer of at least 0.

    Notes
    -----
    By Zaslavsky's theorem the number of regions of an arrangement is the sum of ``|mu|`` over its flats. In general
    position a flat is the intersection of j <= d hyperplanes of different directions; there are ``binom(n, j) T^j``
    of them and each has ``|mu| = 1``. Any other arrangement has at most as many, since a region does not vanish when
    hyperplanes are moved a little.

    References
    ----------
    Schläfli (1901), Theorie der vielfachen Kontinuität; Zaslavsky (1975), Facing up to arrangements.

    Examples
    --------
    >>> [arrangement_regions(n, 2) for n in range(6)]  # lines in the plane
    [1, 2, 4, 7, 11, 16]
    >>> arrangement_regions(3, 2, 2)  # three pairs of parallel lines
    19
    """
    who = "arrangement_regions"
    n = as_integer(n_hyperplanes, "n_hyperplanes", who, 0)
    d = as_integer(dimension, "dimension", who, 0)
    return _arrangement(n, d, as_integer(n_parallel, "n_parallel", who, 0))


def montufar_lower_bound(widths: Sequence[int], dimension: int | None = None) -> int:
    """Return how many linear regions some ReLU network with these widths has at least.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.
    dimension : int, optional
        Dimension of an affine subspace (2 for a plane, 1 for a line) in which regions are counted, instead of the input
        space: a first layer restricted to it is that of a network with so many inputs.

    Returns
    -------
    int
        ``prod_{i < L} floor(n_i / n_0)^n_0 * sum_{j <= n_0} binom(n_L, j)``, with L hidden layers and n_0 the
        number of inputs, or `dimension`. A lower bound on the largest number over all weights and biases, not
        on the number of a given network, which may be 1 (`constant_network`). `folding_network` attains it.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a hidden layer has fewer units than n_0, where the theorem says nothing; if a width or the dimension does
        not fit.

    Notes
    -----
    A network may ignore some directions of its input, so the bound for any smaller `dimension` is a lower bound too.
    For networks narrower than their input the best of these is all that there is; `region_bounds` lists it.

    References
    ----------
    Montúfar, Pascanu, Cho & Bengio (2014), On the number of linear regions of deep neural networks, theorem 5.

    Examples
    --------
    >>> montufar_lower_bound([2, 4, 4, 4, 1])  # 2^2 * 2^2 * (1 + 4 + 6)
    176
    """
    n_in, layers = checked(widths, 1, dimension, "montufar_lower_bound")
    narrow = [width for width, _ in layers if width < n_in]
    if narrow:
        raise InvalidValueError(
            f"`widths` has a hidden layer of {narrow[0]} units, but montufar_lower_bound needs {n_in} at least, "
            "as many as inputs. Give `dimension`, at most the smallest width: a network may ignore other directions."
        )
    return _folded(n_in, [width for width, _ in layers])


def serra_lower_bound(widths: Sequence[int], dimension: int | None = None) -> int:
    """Return how many regions some ReLU network with these widths has at least, by folds with one more piece a layer.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.
    dimension : int, optional
        Dimension of an affine subspace in which regions are counted, instead of the input space.

    Returns
    -------
    int
        ``prod_{i < L} (floor(n_i / n_0) + 1)^n_0 * sum_{j <= n_0} binom(n_L, j)``, with L hidden layers and n_0 the
        number of inputs, or `dimension`. With one input, ``1 + sum_l n_l prod_{k < l} p_k`` with ``p = n + 1`` for
        layers of n >= 3 units, 2 for n = 2 and 1 for n = 1: if every hidden layer but the last has 3 units at least
        this is ``prod_l (n_l + 1)``, which no network exceeds. `zigzag_network` attains it.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a hidden layer but the last has fewer than 3 n_0 units, with more than one input; if a width or the
        dimension does not fit.

    Notes
    -----
    Counted are activation regions. There are as many linear regions if the last hidden layer has more units than n_0
    and, with one input, no hidden layer has a single unit.

    A layer of n >= 3 units folds a line to n + 1 pieces that all cover the interval (0, 1), so that each breakpoint of
    the next layer is met n + 1 times. Two units fold it to two such pieces and one bends, a single unit to one. The
    formula for one input adds up the breakpoints of all layers; layers of one or two units are not in the paper.

    References
    ----------
    Serra, Tjandraatmadja & Ramalingam (2018), Bounding and counting linear regions of deep neural networks, theorem 7.

    Examples
    --------
    >>> serra_lower_bound([1, 3, 3, 1]), serra_upper_bound([1, 3, 3, 1])
    (16, 16)
    >>> serra_lower_bound([2, 8, 8, 8, 1]), montufar_lower_bound([2, 8, 8, 8, 1])
    (23125, 9472)
    """
    who = "serra_lower_bound"
    n_in, layers = checked(widths, 1, dimension, who)
    hidden = [width for width, _ in layers]
    narrow = [width for width in hidden[:-1] if width < 3 * n_in]
    if n_in > 1 and narrow:
        raise InvalidValueError(
            f"`widths` has a hidden layer of {narrow[0]} units before the last, but {who} needs {3 * n_in} at least, "
            f"three for each of {n_in} inputs. Give `dimension`, at most a third of the smallest of these widths: a "
            "network may ignore other directions."
        )
    if n_in == 1:
        return _zigzags(hidden)
    return _folded(n_in, hidden, 1)


def montufar_upper_bound(
    widths: Sequence[int], n_breakpoints: int | Sequence[int] = 1, dimension: int | None = None
) -> int:
    """Return the product over layers of the largest number of pieces into which a layer can cut a region.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.
    n_breakpoints : int or sequence of int
        Breakpoints T of the activation, one number for all hidden layers or one for each.
    dimension : int, optional
        Dimension of an affine subspace or convex subset of it in which regions are counted, instead of the input space.

    Returns
    -------
    int
        ``prod_l sum_{j <= d_l} binom(n_l, j) T_l^j`` with ``d_l = min(n_0, n_1, ..., n_l)``. No network has more
        activation regions, nor linear regions.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width, T or the dimension does not fit.

    Notes
    -----
    Proved for ReLU (T = 1) by Montúfar; the same proof, with `arrangement_regions` for parallel hyperplanes, holds
    for any continuous piecewise-linear activation: on a region of the layers before, a layer is an arrangement in a
    space of dimension at most d_{l-1}. For one hidden layer it is attained.

    References
    ----------
    Montúfar (2017), Notes on the number of linear regions of deep neural networks, SampTA.

    Examples
    --------
    >>> montufar_upper_bound([2, 3, 3, 1]), montufar_upper_bound([2, 3, 3, 1], n_breakpoints=2)
    (49, 361)
    """
    rank, layers = checked(widths, n_breakpoints, dimension, "montufar_upper_bound")
    bound = 1
    for width, pieces in layers:
        rank = min(rank, width)
        bound *= _arrangement(width, rank, pieces)
    return bound


def serra_upper_bound(
    widths: Sequence[int],
    dimension: int | None = None,
    *,
    n_breakpoints: int | Sequence[int] = 1,
    n_flat: int | Sequence[int] = 1,
) -> int:
    """Return the bound of Serra et al., which also counts how far flat pieces lower the dimension.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.
    dimension : int, optional
        Dimension of an affine subspace or convex subset of it in which regions are counted, instead of the input space.
    n_breakpoints, n_flat : int or sequence of int
        Breakpoints T of the activation and how many of its T + 1 pieces have slope 0, for all hidden layers or for
        each: 1 and 1 for ReLU, 1 and 0 for leaky ReLU, 2 and 2 for hard tanh.

    Returns
    -------
    int
        For ReLU ``sum_{j in J} prod_l binom(n_l, j_l)`` over
        ``J = {j : 0 <= j_l <= min(n_0, n_1 - j_1, ..., n_{l-1} - j_{l-1}, n_l)}``. No network has more activation
        regions, nor linear regions.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width, T, the number of flat pieces or the dimension does not fit.

    Notes
    -----
    Computed by the recurrence of their proof, from the last layer to the first, not by enumerating J: let R_l(d)
    bound the number of regions that layers l, l + 1, ... make of one where the layers before have rank d. Layer l
    makes at most ``sum_{j <= d} binom(n_l, j)`` regions of it. Those in which k units are active, at most binom(n_l,
    k) of them, have rank min(k, d) afterwards, and the sum is largest if regions with most active units come first.

    The extension to other activations is ours and uses the same proof: at most ``binom(n, k) (T + 1 - f)^k f^(n - k)``
    patterns have k units on pieces that are not flat, f of T + 1 being flat, and a layer makes at most ``sum_{j <= d}
    binom(n, j) T^j`` regions. Without flat pieces it is `montufar_upper_bound`, which is never smaller.

    Cost grows as the sum of the widths times the digits of the result: milliseconds for widths of hundreds, seconds for
    tens of thousands.

    References
    ----------
    Serra, Tjandraatmadja & Ramalingam (2018), Bounding and counting linear regions of deep neural networks, theorem 1.

    Examples
    --------
    >>> serra_upper_bound([2, 3, 3, 1]), serra_upper_bound([1, 3, 3, 1])  # with one input (3 + 1) (3 + 1)
    (40, 16)
    >>> serra_upper_bound([2, 3, 3, 1], n_flat=0) == montufar_upper_bound([2, 3, 3, 1])
    True
    """
    who = "serra_upper_bound"
    n_in, layers = checked(widths, n_breakpoints, dimension, who)
    flats = _one_each(n_flat, "n_flat", len(layers), who)
    for k, ((_, pieces), flat) in enumerate(zip(layers, flats, strict=True)):
        if flat > (pieces + 2) // 2:
            raise InvalidValueError(
                f"`n_flat` is {flat} for {pieces} breakpoints in hidden layer {k + 1}, but {who} needs at most "
                f"{(pieces + 2) // 2}, since neighbouring slopes differ. Count the pieces of slope 0."
            )
    after = [1] * (n_in + 1)  # R_{L+1}(d), d = 0 ... n_in
    # No rank is above any width before, so few d matter in later layers.
    ranks = list(itertools.accumulate([n_in, *(width for width, _ in layers)], min))[:-1]
    for (width, pieces), flat, rank in reversed(list(zip(layers, flats, ranks, strict=True))):
        after = _one_layer(width, pieces, flat, rank, after)
    return after[n_in]


def _one_layer(width: int, pieces: int, flat: int, rank: int, after: list[int]) -> list[int]:
    """Return R_l(d) for d = 0 ... rank from R_{l+1}, for a layer of `width` units."""
    # Patterns with exactly k units on pieces with a slope, most of these first.
    choices = binomials(width)
    sloped, level = pieces + 1 - flat, _powers(flat, width)
    patterns = [c * s * f for c, s, f in zip(choices, reversed(_powers(sloped, width)), level, strict=True)]
    counts = list(itertools.accumulate(patterns))
    regions = list(itertools.accumulate(c * p for c, p in zip(choices, _powers(pieces, width), strict=True)))
    low = [after[min(width - j, len(after) - 1)] for j in range(width + 1)]
    sums = list(itertools.accumulate(count * worth for count, worth in zip(patterns, low, strict=True)))
    result = []
    for d in range(rank + 1):
        room = regions[min(d, width)]
        full = after[min(d, width)]
        # Patterns 0 ... first have at least d sloped units, so rank d; later ones have rank width - j.
        first = max(width - d, 0)
        if counts[first] >= room:
            result.append(room * full)
            continue
        last = bisect.bisect_right(counts, room) - 1  # patterns 0 ... last are all taken
        rest = (room - counts[last]) * low[min(last + 1, width)]
        result.append(counts[first] * full + sums[last] - sums[first] + rest)
    return result


def binomials(n: int) -> list[int]:
    """Return binom(n, j) for j = 0 ... n, each from the one before: `math.comb` starts anew for each."""
    found = [1]
    for j in range(n // 2):
        found.append(found[-1] * (n - j) // (j + 1))
    return [*found, *reversed(found[: (n + 1) // 2])]


def _powers(base: int, n: int) -> list[int]:
    """Return base^j for j = 0 ... n."""
    return list(itertools.accumulate(itertools.repeat(base, n), lambda power, one: power * one, initial=1))


def checked(
    widths: Sequence[int], n_breakpoints: int | Sequence[int], dimension: int | None, who: str
) -> tuple[int, list[tuple[int, int]]]:
    """Return the dimension of the inputs, and (units, breakpoints) of every hidden layer, or raise."""
    n_in, *hidden = as_widths(widths, "widths", who)[:-1]
    pieces = _one_each(n_breakpoints, "n_breakpoints", len(hidden), who)
    if dimension is not None:
        given = as_integer(dimension, "dimension", who, 1)
        if given > n_in:
            raise InvalidValueError(
                f"`dimension` is {given}, but {who} needs at most the {n_in} inputs of the network. "
                "Give 2 for counts in a plane, 1 on a line."
            )
        n_in = given
    return n_in, list(zip(hidden, pieces, strict=True))


def _one_each(given: Any, name: str, n_hidden: int, who: str) -> list[int]:
    """Return one integer of at least 0 for each hidden layer."""
    if not np.iterable(given):
        return [as_integer(given, name, who, 0)] * n_hidden
    if isinstance(given, str):
        raise InvalidTypeError(f"`{name}` is {given!r}, but {who} needs integers. Give one, or one a hidden layer.")
    numbers = [as_integer(number, f"{name}[{k}]", who, 0) for k, number in enumerate(given)]
    if len(numbers) != n_hidden:
        raise InvalidValueError(
            f"`{name}` has {len(numbers)} entries, but {who} needs {n_hidden}, one for each hidden layer. "
            "Give one number for all of them."
        )
    return numbers


def _arrangement(n: int, dimension: int, parallel: int) -> int:
    total = term = 1
    for j in range(min(n, dimension)):
        term = term * (n - j) // (j + 1)
        total += term * parallel ** (j + 1)
    return total


def _folded(n_in: int, hidden: Sequence[int], more: int = 0) -> int:
    """Return the regions of folds that lay `more` cubes onto one for each coordinate than it has units."""
    if not hidden:
        return 1
    cubes: int = math.prod((width // n_in + more) ** n_in for width in hidden[:-1])
    return cubes * _arrangement(hidden[-1], n_in, 1)


def _zigzags(hidden: Sequence[int]) -> int:
    """Return the regions on a line: each unit makes a breakpoint on every piece that covers (0, 1)."""
    regions = pieces = 1
    for width in hidden:
        regions += width * pieces
        pieces *= width + 1 if width > 2 else width
    return regions
