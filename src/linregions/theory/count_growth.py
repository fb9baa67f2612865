"""How the number of regions grows: what holds up to a constant, or on average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from linregions._support.validation import as_positive
from linregions.theory.count_bounds import checked


def raghu_growth(widths: Sequence[int], n_breakpoints: int | Sequence[int] = 1, dimension: int | None = None) -> int:
    """Return the expression inside the asymptotic O(...) of Raghu et al., which is no bound by itself.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output.
    n_breakpoints : int or sequence of int
        Breakpoints T of the activation, one number for all hidden layers or one for each.
    dimension : int, optional
        Dimension of an affine subspace in which regions are counted, instead of the input space.

    Returns
    -------
    int
        ``prod_l (T_l n_l)^n_0``: for d hidden layers of width k, ``k^(n_0 d)`` for ReLU and ``(2 k)^(n_0 d)`` for
        hard tanh, as in the theorem. The number of activation patterns *grows at most like* this as k grows; a
        network may have more regions (one input, one hidden unit: 2 regions, and this is 1).

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width, T or the dimension does not fit.

    Notes
    -----
    The theorem is stated for equal widths and for ReLU and hard tanh. The product over unequal layers and the factor
    T are what its proof gives, and agree with it where it applies.

    References
    ----------
    Raghu, Poole, Kleinberg, Ganguli & Sohl-Dickstein (2017), On the expressive power of deep neural networks, theorem
    1.

    Examples
    --------
    >>> raghu_growth([2, 10, 10, 1]) == 10**4, raghu_growth([2, 10, 10, 1], n_breakpoints=2) == 20**4
    (True, True)
    """
    n_in, layers = checked(widths, n_breakpoints, dimension, "raghu_growth")
    return math.prod((pieces * width) ** n_in for width, pieces in layers)


def hanin_rolnick_average(
    widths: Sequence[int],
    n_breakpoints: int | Sequence[int] = 1,
    dimension: int | None = None,
    *,
    constant: float | Fraction = 1,
) -> Fraction:
    """Return (T N)^n_in / n_in!, the average number of regions at random weights, up to a constant.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output; N is the number of all hidden units.
    n_breakpoints : int or sequence of int
        Breakpoints T of the activation, one number for all hidden layers or one for each; T N counts all of them.
    dimension : int, optional
        Dimension of an affine subspace in which regions are counted, instead of the input space.
    constant : float or Fraction
        A factor of N that stands for the law of the weights and biases.

    Returns
    -------
    Fraction
        ``(constant * T N)^n_in / n_in!`` if N >= n_in, otherwise ``(T + 1)^N``, all patterns.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If a width, T or the dimension does not fit, or the constant is not positive.

    Notes
    -----
    The theorem bounds the expected number of activation regions of a ReLU network in a large cube, *per unit of
    volume*, for random weights and biases with densities. Its constant, there called T, is ``2^5 C_grad C_bias``, and
    with it the value is an upper bound. With the constant 1 it is not: then it is what the authors and later work
    compare counts in a plane with, at initialisation and in training, and a single network may have more regions or
    fewer. The factor of the number of breakpoints is that of Hanin & Rolnick (2019).

    References
    ----------
    Hanin & Rolnick (2019b), Deep ReLU networks have surprisingly few activation patterns, theorem 5 and section 4.

    Examples
    --------
    >>> hanin_rolnick_average([784, 64, 64, 64, 10], dimension=2)  # 192^2 / 2
    Fraction(18432, 1)
    """
    who = "hanin_rolnick_average"
    n_in, layers = checked(widths, n_breakpoints, dimension, who)
    positive = as_positive(float(constant) if isinstance(constant, Fraction) else constant, "constant", who)
    factor = constant if isinstance(constant, Fraction) else Fraction(positive)
    if sum(width for width, _ in layers) < n_in:
        return Fraction(math.prod((pieces + 1) ** width for width, pieces in layers))
    breakpoints = sum(width * pieces for width, pieces in layers)
    return Fraction((factor * breakpoints) ** n_in) / math.factorial(n_in)
