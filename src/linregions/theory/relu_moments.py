"""Moments of gradients of ReLU networks at initialisation, exactly: eqs. (33), (34) and the growth of C_grad."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_positive
from linregions.errors import InvalidValueError
from linregions.theory.ensembles import RandomNetworks
from linregions.theory.neuron_statistics import as_input, check_law

_EULER_GAMMA = 0.5772156649015329


def relu_gradient_moments(law: RandomNetworks) -> tuple[FloatArray, FloatArray]:
    r"""Return :math:`E \|\nabla z\|^2` and :math:`E \|\nabla z\|^4` of each hidden layer, exactly.

    Parameters
    ----------
    law : RandomNetworks
        With one breakpoint, at 0, and symmetric biases, such as a ReLU network at initialisation.

    Returns
    -------
    second, fourth : ndarray of float64, shape (d,)

    Raises
    ------
    InvalidValueError
        If the activation or the law of the biases is another.

    Notes
    -----
    The second moment of ReLU with weights of variance 2 / fan-in is 2 in every layer, eq. (33). The fourth obeys a
    linear recursion in :math:`E \|\nabla z\|^4`, :math:`E \|\nabla z\|^2 \|\nabla z'\|^2` and
    :math:`E \langle \nabla z, \nabla z' \rangle^2` for two neurons of a layer; for one input and normal weights it is
    :math:`12 \prod_j (1 + 5 / n_j)`, which shows the growth :math:`\exp(5 \sum_j 1 / n_j)`.

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> second, fourth = relu_gradient_moments(RandomNetworks([1, 5, 10, 1]))
    >>> second.round(9).tolist(), fourth.round(9).tolist()
    ([2.0, 2.0], [12.0, 24.0])
    """
    check_symmetric(law, "relu_gradient_moments")
    kurtosis = 3.0 if law.weights == "normal" else 1.8
    slopes = np.asarray(law.activation.slopes)
    m2, m4 = float((slopes**2).mean()), float((slopes**4).mean())
    second, fourth = [], []
    # Of the matrix M of scalar products of the gradients below: E (tr M)^2, E tr M^2, E sum of M_ii^2, E tr M.
    n = float(law.n_in)
    squared_trace, trace_of_square, squares, trace = n * n, n, n, n
    for fan_in, width in zip(law.widths[:-2], law.hidden_widths, strict=True):
        variance = law.weight_gain / fan_in
        second.append(variance * trace)
        fourth.append(variance**2 * (squared_trace + 2 * trace_of_square + (kurtosis - 3) * squares))
        both, mixed = variance**2 * squared_trace, variance**2 * trace_of_square
        pairs = width * (width - 1) * m2**2
        trace, squares = width * m2 * second[-1], width * m4 * fourth[-1]
        squared_trace, trace_of_square = squares + pairs * both, squares + pairs * mixed
    return np.array(second), np.array(fourth)


def relu_derivative_moments(law: RandomNetworks, order: float) -> FloatArray:
    r"""Return :math:`E |\sqrt{n_{in}} \, \partial z / \partial x_1|^m` of each hidden layer, exactly.

    Parameters
    ----------
    law : RandomNetworks
        ReLU, normal weights, symmetric biases.
    order : float
        The power m.

    Returns
    -------
    ndarray of float64, shape (d,)
        For networks with one input these are the moments of the gradient.

    Raises
    ------
    InvalidValueError
        If the activation, the weights or the law of the biases are others.

    Notes
    -----
    Given the layers below, the derivatives of a layer's neurons are independent and normal, so the squared derivative
    is a product of independent factors :math:`(g / n_j) \chi^2_{K_j}` with :math:`K_j` open neurons, binomial.

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> relu_derivative_moments(RandomNetworks([1, 5, 10, 1]), 4).round(9).tolist()
    [12.0, 24.0]
    """
    who = "relu_derivative_moments"
    power = as_positive(order, "order", who)

    def factor(width: int) -> float:
        log = [math.lgamma((k + power) / 2) - math.lgamma(k / 2) for k in range(1, width + 1)]
        return float((2 * law.weight_gain / width) ** (power / 2) * (_binomial(width)[1:] @ np.exp(log)))

    check_symmetric(law, who, only_relu=True, only_normal=True)
    first = (2 * law.weight_gain) ** (power / 2) * math.gamma((1 + power) / 2) / math.sqrt(math.pi)
    below = np.cumprod([1.0, *(factor(width) for width in law.hidden_widths[:-1])])
    return np.asarray(first * below)


def relu_mean_log_derivative(law: RandomNetworks) -> FloatArray:
    r"""Return :math:`E \log(n_{in} (\partial z / \partial x_1)^2)` given open neurons below, by hidden layer, exactly.

    Parameters
    ----------
    law : RandomNetworks
        ReLU, normal weights, symmetric biases.

    Returns
    -------
    ndarray of float64, shape (d,)

    Raises
    ------
    InvalidValueError
        If the activation, the weights or the law of the biases are others.

    Notes
    -----
    Eq. (34) prints :math:`-\frac{5}{2} \sum_{j=1}^{\ell(z)} 1 / n_j`. Three readings are needed. Without the condition
    that every layer below has an open neuron the mean is minus infinity. The sum runs over the layers below the
    neuron, :math:`j < \ell(z)`. And a constant that depends on the law of the weights is missing, for normal weights
    Euler's: :math:`-\gamma - \frac{5}{2} \sum_{j < \ell(z)} 1 / n_j + O(\sum 1 / n_j^2)`. The constant of the lower
    bound takes it up.

    References
    ----------
    Hanin & Rolnick (2019), eq. (34).

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> relu_mean_log_derivative(RandomNetworks([1, 50, 50, 1])).round(3).tolist()  # -0.577 and 2.5 / 50 less
    [-0.577, -0.629]
    """
    who = "relu_mean_log_derivative"
    check_symmetric(law, who, only_relu=True, only_normal=True)

    def step(width: int) -> float:
        share = _binomial(width)[1:]
        logs = np.array([_digamma_half(k) for k in range(1, width + 1)])
        return math.log(2 * law.weight_gain / width) + float(share @ logs / share.sum())

    first = math.log(2 * law.weight_gain) + _digamma_half(1)
    return np.asarray(first + np.cumsum([0.0, *(step(width) for width in law.hidden_widths[:-1])]))


def relu_good_probabilities(law: RandomNetworks) -> FloatArray:
    r"""Return the probability that a neuron is good at a given input, for each hidden layer, exactly.

    Parameters
    ----------
    law : RandomNetworks
        ReLU, symmetric biases.

    Returns
    -------
    ndarray of float64, shape (d,)
        :math:`\prod_{j > \ell} (1 - 2^{-n_j})`.

    Raises
    ------
    InvalidValueError
        If the activation or the law of the biases is another.

    Notes
    -----
    A neuron is *not* good if all neurons of a later layer are closed (the print says "good" there). Its eq. (31) is
    the union bound :math:`1 - \sum_{j=1}^d 2^{-n_j}`, which is negative for narrow networks; the product is exact.

    References
    ----------
    Hanin & Rolnick (2019), eq. (31).

    Examples
    --------
    >>> from linregions.theory import RandomNetworks
    >>> relu_good_probabilities(RandomNetworks([3, 4, 1, 2, 1])).tolist()
    [0.375, 0.75, 1.0]
    """
    check_symmetric(law, "relu_good_probabilities", only_relu=True)
    later = [1.0 - 2.0**-width for width in law.hidden_widths[:0:-1]]
    return np.asarray(np.cumprod([1.0, *later])[::-1])


def relu_pre_activation_moments(law: RandomNetworks, x: npt.ArrayLike) -> FloatArray:
    r"""Return :math:`E z(x)^2` for the neurons of each hidden layer, without their own biases, exactly.

    Parameters
    ----------
    law : RandomNetworks
        ReLU, symmetric biases.
    x : array_like, shape (n_in,)

    Returns
    -------
    ndarray of float64, shape (d,)
        For weights of variance 2 / fan-in :math:`2 \|x\|^2 / n_{in} + \sum_{j < \ell} \sigma_{b_j}^2`.

    Raises
    ------
    InvalidValueError
        If the activation or the law of the biases is another, or `x` has another number of coordinates.

    Notes
    -----
    Eq. (32) prints :math:`\frac{1}{2} E z^2 = \|x\|^2 / n_{in} + \sum_{j=1}^{\ell} \sigma_{b_j}^2`. The variances
    need a factor 1/2 as well, and the layer's own bias is not in z; the print is an upper bound, which is all that the
    proof needs.

    References
    ----------
    Hanin & Rolnick (2019), eq. (32).

    Examples
    --------
    >>> from linregions.theory import NormalBias, RandomNetworks
    >>> relu_pre_activation_moments(RandomNetworks([4, 5, 5, 1], biases=NormalBias(0.5)), [1.0, 1.0, 0.0, 0.0]).tolist()
    [1.0, 1.25]
    """
    who = "relu_pre_activation_moments"
    check_symmetric(law, who, only_relu=True)
    point = as_input(x, law, who)
    moments = [law.weight_gain * float(point @ point) / law.n_in]
    for variance in law.bias_variances[:-1]:
        moments.append(law.weight_gain / 2 * (moments[-1] + variance))
    return np.array(moments)


def _digamma_half(k: int) -> float:
    """Return the digamma function at k / 2."""
    start, value = (1, -_EULER_GAMMA - 2 * math.log(2)) if k % 2 else (2, -_EULER_GAMMA)
    return value + sum(2.0 / j for j in range(start, k, 2))


def _binomial(width: int) -> FloatArray:
    """Return the probabilities of 0 to `width` open neurons of a layer."""
    logs = [math.lgamma(width + 1) - math.lgamma(k + 1) - math.lgamma(width - k + 1) for k in range(width + 1)]
    return np.exp(np.array(logs) - width * math.log(2))


def check_symmetric(law: RandomNetworks, who: str, *, only_relu: bool = False, only_normal: bool = False) -> None:
    """Raise unless the slopes of all neurons are fair coins: one breakpoint at 0, symmetric biases."""
    check_law(law, who)
    instead = "Use `gradient_moments`, which simulates any."
    if law.activation.breakpoints != (0.0,) or (only_relu and law.activation.slopes != (0.0, 1.0)):
        needed = "ReLU" if only_relu else "one breakpoint, at 0"
        raise InvalidValueError(f"`law` has the activation {law.activation.name}, but {who} needs {needed}. {instead}")
    if only_normal and law.weights != "normal":
        raise InvalidValueError(f"`law` has {law.weights} weights, but {who} needs normal ones. {instead}")
    nodes = np.geomspace(1e-3, 10, 41) * math.sqrt(max((*law.bias_variances, 0.0)))
    if not all(np.allclose(one.pdf(nodes), one.pdf(-nodes)) for one in law.layer_laws):
        raise InvalidValueError(
            f"`law` has biases whose density is not symmetric, but {who} needs that of b and -b to be equal. {instead}"
        )
