"""All bounds on the number of regions beside each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.activations import RELU, PiecewiseLinear, as_activation
from linregions.theory import count_bounds as bounds
from linregions.theory.count_growth import hanin_rolnick_average, raghu_growth

Kind = Literal["lower", "upper", "average", "asymptotic"]


@dataclass(frozen=True)
class RegionBound:
    """One row of `region_bounds`.

    Parameters
    ----------
    name : str
        Who found it, or what it is.
    kind : {"lower", "upper", "average", "asymptotic"}
        ``"lower"`` and ``"upper"`` bound the largest number of regions over all weights and biases, and so
        ``"upper"`` bounds the number of every network; an average is over random weights, up to a constant; an
        asymptotic expression stands inside O(...) and bounds nothing by itself.
    value : int, Fraction or None
        Exact; None where the statement does not apply.
    holds : str
        When it holds, or why it does not apply.
    reference : str

    Examples
    --------
    >>> [bound.name for bound in region_bounds([2, 8, 8, 1]) if bound.kind == "upper"]
    ['trivial', 'Montúfar 2017', 'Serra et al. 2018']
    """

    name: str
    kind: Kind
    value: int | Fraction | None
    holds: str
    reference: str

    @property
    def log10(self) -> float | None:
        """Logarithm of the value to base 10, None where there is none; -inf for 0."""
        if self.value is None:
            return None
        if self.value == 0:
            return -math.inf
        exact = Fraction(self.value)  # its parts may be far above the largest float
        return math.log10(exact.numerator) - math.log10(exact.denominator)


def region_bounds(
    widths: Sequence[int],
    n_breakpoints: int | Sequence[int] = 1,
    dimension: int | None = None,
    *,
    activation: PiecewiseLinear | Sequence[PiecewiseLinear] | None = None,
) -> list[RegionBound]:
    """Tell bounds on the number of regions of a fully connected network, of either kind; see the notes for which.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output, as in `random_network`; the output does not matter.
    n_breakpoints : int or sequence of int
        Breakpoints T of the activation, for all hidden layers or for each. One is taken as ReLU; for another
        activation with one breakpoint, such as leaky ReLU, give `activation`, since two of the bounds do not hold for
        it.
    dimension : int, optional
        Dimension of an affine subspace in which regions are counted, instead of the input space: 1 on lines, 2 in
        planes.
    activation : PiecewiseLinear or sequence of them, optional
        One for all hidden layers or one for each, instead of `n_breakpoints`.

    Returns
    -------
    list of RegionBound

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width is no positive integer, or T, the dimension or the activation does not fit.

    Notes
    -----
    All bounds hold for activation regions of the whole space, or of the whole subspace, and upper ones for any convex
    part of it: a segment, a window. Upper ones hold for linear regions too, which are joined activation regions; lower
    ones do if the last hidden layer has more units than there are inputs or directions that the network uses (and, for
    that of Serra et al. with one of them, no hidden layer has one unit).

    Listed are bounds with a closed form or a short recursion. Sharper upper bounds that take a computation for each
    network (Serra et al. 2018 with its weights; Hinz & van de Geer 2019), and lower bounds for special shapes (the
    zonotopes of Arora et al. 2018, for a wide first layer before narrow ones) are not.

    References
    ----------
    Hanin & Rolnick (2019), section 2.1, and each bound's own.

    Examples
    --------
    >>> for bound in region_bounds([784, 64, 64, 64, 10], dimension=2):
    ...     print(f"{bound.name:<26}{bound.kind:<12}{bound.log10:6.2f}")
    minimum                   lower         0.00
    Montúfar et al. 2014      lower         9.34
    Serra et al. 2018, folds  lower         9.39
    trivial                   upper        57.80
    Montúfar 2017             upper         9.95
    Serra et al. 2018         upper         9.95
    Raghu et al. 2017         asymptotic   10.84
    Hanin & Rolnick 2019b     average       4.27
    """
    who = "region_bounds"
    breakpoints, flats, relu = _pieces(widths, n_breakpoints, activation, who)
    n_in, layers = bounds.checked(widths, breakpoints, dimension, who)
    hidden = [width for width, _ in layers]
    rows = [
        RegionBound("minimum", "lower", 1, "attained with all weights 0", "Hanin & Rolnick (2019), section 2.1"),
        *_montufar_2014(n_in, hidden, relu),
        *_serra_2018_lower(n_in, hidden, relu),
    ]
    if len(hidden) == 1:
        count = bounds.arrangement_regions(hidden[0], n_in, breakpoints[0])
        rows.append(RegionBound("Zaslavsky", "upper", count, "attained in general position", "Zaslavsky (1975)"))
    rows += [
        RegionBound(
            "trivial",
            "upper",
            bounds.trivial_upper_bound(widths, breakpoints),
            "any activation with these breakpoints",
            "Hanin & Rolnick (2019), eq. (1)",
        ),
        RegionBound(
            "Montúfar 2017",
            "upper",
            bounds.montufar_upper_bound(widths, breakpoints, dimension),
            "any activation with these breakpoints",
            "Montúfar (2017), Notes on the number of linear regions of deep neural networks",
        ),
    ]
    rows.append(_serra_2018(widths, dimension, breakpoints, flats, relu))
    equal = len(set(hidden)) < 2
    rows += [
        RegionBound(
            "Raghu et al. 2017",
            "asymptotic",
            raghu_growth(widths, breakpoints, dimension),
            "inside O(...)" if equal else "inside O(...); theirs has equal widths",
            "Raghu, Poole, Kleinberg, Ganguli & Sohl-Dickstein (2017), theorem 1",
        ),
        RegionBound(
            "Hanin & Rolnick 2019b",
            "average",
            hanin_rolnick_average(widths, breakpoints, dimension),
            f"random weights, up to a constant to the power {n_in}"
            if sum(hidden) >= n_in
            else "fewer neurons than inputs: all patterns",
            "Hanin & Rolnick (2019b), Deep ReLU networks have surprisingly few activation patterns, theorem 5",
        ),
    ]
    return rows


def _pieces(
    widths: Sequence[int], n_breakpoints: Any, activation: Any, who: str
) -> tuple[list[int], list[int] | None, bool]:
    """Return breakpoints and flat pieces (None if unknown) of each hidden layer, and whether all are like ReLU."""
    _, layers = bounds.checked(widths, n_breakpoints, None, who)
    if activation is None:
        breakpoints = [pieces for _, pieces in layers]
        relu = all(pieces == 1 for pieces in breakpoints)
        return breakpoints, [1] * len(layers) if relu else None, relu
    if isinstance(activation, str):
        activation = as_activation(activation, "activation", who)
    if not isinstance(activation, PiecewiseLinear | Sequence):
        raise InvalidTypeError(
            f"`activation` is {activation!r}, but {who} needs PiecewiseLinear. Use e.g. `linregions.RELU`."
        )
    chosen = [activation] * len(layers) if isinstance(activation, PiecewiseLinear) else list(activation)
    if len(chosen) != len(layers):
        raise InvalidValueError(
            f"`activation` has {len(chosen)} entries, but {who} needs {len(layers)}, one for each hidden layer. "
            "Give one for all of them."
        )
    for entry in chosen:
        if not isinstance(entry, PiecewiseLinear):
            raise InvalidTypeError(
                f"`activation` holds {entry!r} ({type(entry).__name__}), but {who} needs PiecewiseLinear. "
                "Use e.g. `linregions.RELU`."
            )
    flats = [sum(slope == 0 for slope in entry.slopes) for entry in chosen]
    return [entry.n_breakpoints for entry in chosen], flats, all(entry == RELU for entry in chosen)


def _montufar_2014(n_in: int, hidden: Sequence[int], relu: bool) -> list[RegionBound]:
    """Return the lower bound, and where a layer is narrower than the input the best one of a subspace."""
    name, reference = "Montúfar et al. 2014", "Montúfar, Pascanu, Cho & Bengio (2014), theorem 5"
    if not relu:
        return [RegionBound(name, "lower", None, "for ReLU only", reference)]
    narrowest = min([n_in, *hidden])
    if narrowest == n_in:
        value = bounds.montufar_lower_bound([n_in, *hidden, 1])
        return [RegionBound(name, "lower", value, "some ReLU network with these widths", reference)]
    # As `montufar_lower_bound` for every smaller number of inputs m, with the binomials summed once.
    last = list(itertools.accumulate(bounds.binomials(hidden[-1])[: narrowest + 1]))
    values = (math.prod(width // m for width in hidden[:-1]) ** m * last[m] for m in range(1, narrowest + 1))
    best, used = max((value, m) for m, value in enumerate(values, start=1))
    return [
        RegionBound(name, "lower", None, f"needs hidden layers of at least {n_in} units", reference),
        RegionBound(name + ", fewer inputs", "lower", best, f"a ReLU network that uses {used} directions", reference),
    ]


def _serra_2018_lower(n_in: int, hidden: Sequence[int], relu: bool) -> list[RegionBound]:
    """Return the lower bound by zigzag folds, or the best one of a subspace where layers are too narrow for it."""
    name, reference = "Serra et al. 2018, folds", "Serra, Tjandraatmadja & Ramalingam (2018), theorem 7"
    if not relu:
        return [RegionBound(name, "lower", None, "for ReLU only", reference)]
    best, used = bounds.serra_lower_bound([1, *hidden, 1]), 1
    most = min([n_in, *(width // 3 for width in hidden[:-1])])
    # As `serra_lower_bound` for every smaller number of inputs m, with the binomials summed once.
    last = list(itertools.accumulate(bounds.binomials(hidden[-1])[: most + 1])) if hidden else [1]
    for m in range(2, most + 1):
        value = math.prod(width // m + 1 for width in hidden[:-1]) ** m * last[min(m, len(last) - 1)]
        if value >= best:
            best, used = value, m
    directions = "1 direction" if used == 1 else f"{used} directions"
    holds = "some ReLU network with these widths" if used == n_in else f"a ReLU network that uses {directions}"
    return [RegionBound(name, "lower", best, holds, reference)]


def _serra_2018(
    widths: Sequence[int], dimension: int | None, breakpoints: list[int], flats: list[int] | None, relu: bool
) -> RegionBound:
    """Return the bound, or that it does not apply where only T is known."""
    name, reference = "Serra et al. 2018", "Serra, Tjandraatmadja & Ramalingam (2018), theorem 1"
    if flats is None:
        return RegionBound(name, "upper", None, "for ReLU; with other activations, tell which", reference)
    value = bounds.serra_upper_bound(widths, dimension, n_breakpoints=breakpoints, n_flat=flats)
    if relu:
        return RegionBound(name, "upper", value, "ReLU", reference)
    return RegionBound(name + ", extended", "upper", value, "this activation, by their proof", reference)
