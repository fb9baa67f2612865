"""Corollaries 4, 5, 7 and 8: bounds on the volume of boundaries and on the distance to them."""

from __future__ import annotations

import math

import numpy as np

from linregions._support.validation import as_float_array, as_integer, as_positive
from linregions.errors import InvalidValueError
from linregions.theory import relu_moments
from linregions.theory.ensembles import RandomNetworks
from linregions.theory.neuron_statistics import check_law


def volume_upper_bound(law: RandomNetworks, k: int, c_grad: float, *, factor: float = 1.0) -> float:
    r"""Bound the density of the (n_in - k)-dimensional boundary from above (Corollaries 4 and 7).

    Parameters
    ----------
    law : RandomNetworks
        With independent weights and biases.
    k : int
        Codimension, from 1 to n_in.
    c_grad : float
        C_grad: no mean product of the norms of k gradients exceeds its k-th power, eq. (14). The k-th root of the
        largest :math:`E \|\nabla z\|^k` will do; see `gradient_moments`.
    factor : float
        Of C_grad; eq. (15) prints 2.

    Returns
    -------
    float
        :math:`\binom{N}{k} (T \cdot \mathrm{factor} \cdot C_{grad} C_{bias})^k`, an upper bound of
        :math:`E[\mathrm{vol}_{n_{in}-k}(B_{N,k} \cap K)] / \mathrm{vol}_{n_{in}}(K)` for every K.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    The proof does not use the factor 2 of eq. (15): each of the N choose k sets contributes at most
    :math:`T^k C_{bias}^k E \prod \|\nabla z_j\|`. Eq. (9) is the same with T = 1 and without the factor.

    Corollary 4 prints :math:`C_{grad} = \sup E[\|\nabla z\|^{2k}]^{1/k}`, which has the unit of a squared gradient;
    :math:`E[\|\nabla z\|^k]^{1/k}`, as in eq. (14) and its proof, is right. For ReLU at He initialisation the print is
    larger, so that (9) holds with it, too; with weights a tenth as large it does not.

    References
    ----------
    Hanin & Rolnick (2019), eqs. (9), (14), (15).

    Examples
    --------
    >>> from linregions.theory import RandomNetworks, UniformBias
    >>> volume_upper_bound(RandomNetworks([2, 8, 8, 1], biases=UniformBias(0.5)), 2, 1.5)  # 120 * 1.5**2
    270.0
    """
    who = "volume_upper_bound"
    count = _codimension(law, k, who)
    constant = law.n_breakpoints * as_positive(factor, "factor", who) * as_positive(c_grad, "c_grad", who)
    return float(math.comb(law.n_neurons, count) * (constant * law.bias_density_sup) ** count)


def eta(law: RandomNetworks, radius: float, exponent: float) -> float:
    r"""Return how far from zero the density of biases must not vanish for the lower bound (10).

    Parameters
    ----------
    law : RandomNetworks
    radius : float
        The largest norm of an input of K.
    exponent : float
        The paper's C'.

    Returns
    -------
    float
        :math:`(\sup_K \|x\|^2 / n_{in} + \sum_j \sigma_{b_j}^2)^{1/2} \, e^{C' \sum_j 1 / n_j}`, in the unit of biases.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    The paper prints no square root. A bias is compared with eta, so eta needs the unit of a bias: with K and the biases
    s times as large, the boundary's density becomes 1 / s of what it was, as does that of the biases at s times eta,
    but not at :math:`s^2` times eta.

    References
    ----------
    Hanin & Rolnick (2019), Corollary 4, and appendix D.

    Examples
    --------
    >>> from linregions.theory import NormalBias, RandomNetworks
    >>> eta(RandomNetworks([1, 8, 8, 1], biases=NormalBias(2.0)), 1.0, 0.0)  # sqrt(1 + 4 + 4)
    3.0
    """
    who = "eta"
    check_law(law, who)
    power = float(as_float_array(exponent, "exponent", who, ndim=0))
    squared = float(as_float_array(radius, "radius", who, ndim=0)) ** 2 / law.n_in + sum(law.bias_variances)
    return math.sqrt(squared) * math.exp(power * inverse_widths(law))


def inverse_widths(law: RandomNetworks) -> float:
    r"""Return :math:`\sum_{j=1}^d 1 / n_j`, which the constants of the paper grow with."""
    return math.fsum(1.0 / width for width in law.hidden_widths)


def volume_lower_bound(law: RandomNetworks, k: int, eta: float) -> float:
    r"""Return the lower bound (10) for the density of the (n_in - k)-dimensional boundary.

    Parameters
    ----------
    law : RandomNetworks
        With independent weights and biases.
    k : int
        Codimension, from 1 to n_in.
    eta : float
        From `eta`, in the unit of biases.

    Returns
    -------
    float
        :math:`\binom{N}{k} c_{bias}^k` with :math:`c_{bias} = \inf_{|b| \le \eta} \rho(b)`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    The proof ends with :math:`c \, c_{bias}` for some c > 0 that the statement leaves out. It cannot always be left
    out: one layer of N neurons with one input and biases uniform on a long interval has a density of
    :math:`N E|w| \, c_{bias}`, and :math:`E|w|` can be as small as one likes for weights of variance 2.

    References
    ----------
    Hanin & Rolnick (2019), eq. (10).

    Examples
    --------
    >>> from linregions.theory import RandomNetworks, UniformBias
    >>> law = RandomNetworks([2, 8, 8, 1], biases=UniformBias(0.5))
    >>> volume_lower_bound(law, 1, 0.4), volume_lower_bound(law, 1, 0.6)
    (16.0, 0.0)
    """
    count = _codimension(law, k, "volume_lower_bound")
    return float(math.comb(law.n_neurons, count) * law.bias_density_inf(eta) ** count)


def smallest_exponent(law: RandomNetworks, k: int, radius: float, density: float) -> float:
    """Return the smallest constant C' of eta, at least 0, with which the lower bound (10) is no larger than a density.

    Parameters
    ----------
    law : RandomNetworks
    k : int
        Codimension, from 1 to n_in.
    radius : float
        The largest norm of an input of K.
    density : float
        Mean volume of the boundary over the volume of K, as measured.

    Returns
    -------
    float
        To about 1e-6; 0 where (10) holds without the exponential.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    References
    ----------
    Hanin & Rolnick (2019), eq. (10): C' depends on the law of the weights only.

    Examples
    --------
    >>> from linregions.theory import NormalBias, RandomNetworks
    >>> law = RandomNetworks([1, 8, 8, 1], biases=NormalBias(1.0))
    >>> smallest_exponent(law, 1, 1.0, 4.0), round(smallest_exponent(law, 1, 1.0, 0.1), 3)
    (0.0, 2.038)
    """
    who = "smallest_exponent"
    target = as_positive(density, "density", who)
    low, high = 0.0, 1.0
    if volume_lower_bound(law, k, eta(law, radius, low)) <= target:
        return low
    while volume_lower_bound(law, k, eta(law, radius, high)) > target:
        high *= 2
    for _ in range(60):
        middle = 0.5 * (low + high)
        if volume_lower_bound(law, k, eta(law, radius, middle)) <= target:
            high = middle
        else:
            low = middle
    return high


def proved_lower_bound(law: RandomNetworks, radius: float) -> float:
    r"""Return the lower bound that the proof of eq. (10) gives for k = 1, with all its constants.

    Parameters
    ----------
    law : RandomNetworks
        ReLU, normal weights, symmetric biases.
    radius : float
        The largest norm of an input of K.

    Returns
    -------
    float
        A lower bound of :math:`E[\mathrm{vol}_{n_{in}-1}(B_N \cap K)] / \mathrm{vol}_{n_{in}}(K)`.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    It is the largest value, over eta, of

    .. math::
        \inf_{|b| \le \eta} \rho(b) \sum_z P(z \text{ good})
        \Bigl( E\|\nabla z\| - \eta^{-1} \bigl( E\|\nabla z\|^2 \, \sup_K E z(x)^2 \bigr)^{1/2} \Bigr)_+

    with the exact second moments, :math:`P(\text{good})` of eq. (31), and :math:`E\|\nabla z\|` replaced by
    :math:`P(\text{alive}) \exp(\frac{1}{2} E[\log n_{in} (\partial z / \partial x_1)^2 \mid \text{alive}])`, where
    alive means an open neuron in every layer below. The Cauchy-Schwarz and Markov step is printed with
    :math:`\eta^{1/2}` in the denominator, where :math:`\eta` is right, as :math:`P(|z| > \eta) \le E z^2 / \eta^2`.

    References
    ----------
    Hanin & Rolnick (2019), appendix D.

    Examples
    --------
    >>> from linregions.theory import NormalBias, RandomNetworks
    >>> law = RandomNetworks([2, 32, 32, 1], biases=NormalBias(3.0))
    >>> round(proved_lower_bound(law, 1.0), 3), round(volume_upper_bound(law, 1, 2**0.5), 3)
    (0.746, 12.036)
    """
    relu_moments.check_symmetric(law, "proved_lower_bound", only_relu=True, only_normal=True)
    distance = float(as_float_array(radius, "radius", "proved_lower_bound", ndim=0))
    gain, widths = law.weight_gain, np.array(law.hidden_widths)
    alive = np.cumprod([1.0, *(1.0 - 2.0**-width for width in law.hidden_widths[:-1])])
    gradients = alive * np.exp(0.5 * relu_moments.relu_mean_log_derivative(law))
    squares = [gain * distance**2 / law.n_in]
    for variance in law.bias_variances[:-1]:
        squares.append(gain / 2 * (squares[-1] + variance))
    lost = np.sqrt(relu_moments.relu_gradient_moments(law)[0] * squares)
    share = widths * relu_moments.relu_good_probabilities(law)
    best = 0.0
    for value in np.geomspace(0.1, 1000.0, 400) * max(lost.max(), math.sqrt(max(law.bias_variances))):
        inner = float(share @ np.maximum(gradients - lost / value, 0.0))
        best = max(best, law.bias_density_inf(float(value)) * inner) if inner > 0 else best
    return best


def distance_lower_bound(law: RandomNetworks, c_grad: float) -> float:
    r"""Bound the mean distance of a point to the nearest boundary from below (Corollaries 5 and 8), with a constant.

    Parameters
    ----------
    law : RandomNetworks
        With independent biases.
    c_grad : float
        At least :math:`E \|\nabla z(x)\|` for every neuron and every x; see `gradient_moments`.

    Returns
    -------
    float
        :math:`\frac{1}{4} / (T C_{bias} C_{grad} N)`, in the unit of the inputs: c = 1/4, and T in the denominator.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument does not fit; the message names it.

    Notes
    -----
    Corollary 8 prints T in the numerator. Its proof goes over the volume of a tube, which grows with T: of the last
    lines, which leave T out, the sum is :math:`\sum_k \frac{\omega_k}{k!} (T C_{grad} C_{bias} \epsilon N)^k`.

    With the formula of section 2.2 a constant follows at once. The distance is at most epsilon only if for some neuron
    and breakpoint :math:`|z(x) - \xi - b_z| \le \epsilon \|\nabla z(x)\|`. A neuron's bias is independent of its z, so
    this has at most the probability :math:`2 \epsilon C_{bias} E \|\nabla z(x)\|`. With
    :math:`D = T N C_{bias} C_{grad}` thus :math:`P(\mathrm{distance} > \epsilon) \ge 1 - 2 \epsilon D`, for every x,
    and the integral over epsilon up to :math:`1 / (2 D)` is :math:`1 / (4 D)`. It bounds the distance to the boundary
    of the activation region, and all the more that to the paper's B_N.

    References
    ----------
    Hanin & Rolnick (2019), Corollaries 5 and 8.

    Examples
    --------
    >>> from linregions.theory import RandomNetworks, UniformBias
    >>> distance_lower_bound(RandomNetworks([2, 8, 8, 1], biases=UniformBias(0.5)), 2**0.5)
    0.011048543456039804
    """
    who = "distance_lower_bound"
    check_law(law, who)
    gradient = as_positive(c_grad, "c_grad", who)
    return 0.25 / (law.n_breakpoints * law.bias_density_sup * gradient * law.n_neurons)


def _codimension(law: RandomNetworks, k: int, who: str) -> int:
    check_law(law, who)
    count = as_integer(k, "k", who, 1)
    if count > law.n_in:
        raise InvalidValueError(
            f"`k` is {count} for {law.n_in} inputs, but {who} needs a codimension of at most n_in. Give a smaller k."
        )
    return count
