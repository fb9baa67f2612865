"""The integrand Y of Theorems 3 and 6 at given points of given networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_float_array, as_integer, as_point_rows
from linregions.errors import InvalidValueError
from linregions.networks.importers import as_network
from linregions.networks.network import Network
from linregions.theory._pinning import Hidden, pinned_terms
from linregions.theory.bias_laws import BiasLaw, JointNormalBiases, tables_of


def boundary_integrand(
    network: Network,
    points: npt.ArrayLike,
    biases: BiasLaw | Sequence[BiasLaw] | JointNormalBiases,
    k: int = 1,
    *,
    neurons: Sequence[int] | None = None,
    directions: npt.ArrayLike | None = None,
) -> FloatArray:
    r"""Evaluate the integrand of Theorems 3 and 6, summed over sets of k neurons and over breakpoints.

    For distinct neurons ``z_1, ..., z_k`` and breakpoints ``xi_{i_1}, ..., xi_{i_k}`` it is (eq. 13)
    ``||J(x)|| rho(z_1(x) - xi_{i_1}, ..., z_k(x) - xi_{i_k})`` where all ``z_j`` are good at x, otherwise 0; ``||J||``
    is the square root of the Gram determinant of the gradients of the ``z_j``, rho the density of their biases.

    Parameters
    ----------
    network : Network
    points : array_like, shape (n_points, n_in)
    biases : BiasLaw, sequence of BiasLaw, or JointNormalBiases
        Law of the paper's ``b_z``, which is minus the bias of `network`: one for all neurons, one for each hidden
        layer, or a joint law, of which the density *given all other biases* counts (assumption A1).
    k : int
        How many neurons switch together.
    neurons : sequence of k distinct integers, optional
        Take only this set of neurons, by their flat numbers; all sets otherwise.
    directions : array_like, shape (m, n_in), optional
        Orthonormal vectors: the formula for the network restricted to what they span. All of the input space
        if left out.

    Returns
    -------
    ndarray, shape (n_points,)
        In units of one over length to the k.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If shapes do not fit, k is larger than the number of directions, or a law has no density.

    Notes
    -----
    Readings that the print leaves open, or slips of it, and why they are these:

    - The integrand does not depend on the biases of the ``z_j``: in it each of them is ``z_j(x) - xi_{i_j}``, also for
      the question which neurons behind are open, and for the value ``z_j(x)`` of a deeper one. That is what the
      co-area formula gives in the proof of Proposition 11; biases drawn independently of x there would give another
      number.
    - A ``z_j`` on its breakpoint counts as open for the others, since a slope beside a breakpoint is not 0. A neuron
      that reaches the output only through another of them ends there, at a point of B_{N,2}.
    - The density is that of the biases given all other biases and weights, as A1 says; that of their "joint
      distribution" is the same only if biases are independent.
    - Sets of neurons are unordered, since Proposition 10 counts each once and (9) has a binomial coefficient.
    - Where no slope is 0, every neuron is good everywhere: the set O of Appendix B is then all of the input space, not
      empty as printed.
    - ``||J||`` does not depend on the side from which gradients behind a ``z_j`` are taken: sides differ by a multiple
      of the gradient of ``z_j``.

    References
    ----------
    Hanin & Rolnick (2019), eqs. (8), (12), (13) and Proposition 11.

    Examples
    --------
    >>> import linregions as lr
    >>> from linregions.theory import NormalBias, boundary_integrand
    >>> net = lr.Network.from_layers([([[3.0, 4.0]], [0.0]), ([[1.0]], [0.0])])
    >>> boundary_integrand(net, [[0.0, 0.0]], NormalBias(1.0)).round(6)  # 5 / sqrt(2 pi)
    array([1.994711])
    """
    who = "boundary_integrand"
    network = as_network(network, "network", who)
    x = as_point_rows(points, "points", who, network.n_in)
    frame = np.eye(network.n_in) if directions is None else as_float_array(directions, "directions", who, ndim=2)
    if frame.shape[1] != network.n_in or not np.allclose(frame @ frame.T, np.eye(len(frame)), atol=1e-9):
        raise InvalidValueError(
            f"`directions` of shape {frame.shape} is not orthonormal in {network.n_in} dimensions, but {who} needs it. "
            "Take the transposed first factor of `numpy.linalg.qr`."
        )
    count = as_integer(k, "k", who, 1)
    if count > len(frame):
        raise InvalidValueError(
            f"`k` is {count}, but {who} needs at most as many as there are directions, {len(frame)}. Take a smaller k."
        )
    wanted = None if neurons is None else sorted(as_integer(z, "neurons", who, 0) for z in neurons)
    if wanted is not None and (len(set(wanted)) != count or wanted[-1] >= network.n_neurons):
        raise InvalidValueError(
            f"`neurons` is {list(wanted)}, but {who} needs k = {count} distinct ones below {network.n_neurons}. "
            "Give the flat number of each."
        )
    tables = tables_of(biases, len(network.activations), network.n_neurons, who)
    hidden = Hidden(
        [layer.weight[None] for layer in network.layers[1:]],
        [-layer.bias[None] for layer in network.layers[:-1]],
        network.activations,
        biases if isinstance(biases, JointNormalBiases) else [table.law.pdf for table in tables],
    )
    first = network.layers[0].linear(x)[:, None]
    along = np.broadcast_to(network.layers[0].linear(frame), (len(x), len(frame), first.shape[2]))
    terms = pinned_terms(np.concatenate([first, along], axis=1)[None], hidden, count)
    if wanted is not None:
        terms = terms.of(wanted)
    return np.asarray(terms.sums(1, len(x))[0])
