"""Random lines and planes, and the constants by which sections measure (Crofton's formula)."""

from __future__ import annotations

import math

import numpy as np

from linregions._support.validation import FloatArray


def random_directions(n: int, n_in: int, rng: np.random.Generator) -> FloatArray:
    """Draw n unit vectors, uniformly on the sphere, shape (n, n_in)."""
    vectors = rng.standard_normal((n, n_in))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1)[:, None])


def random_frames(n: int, size: int, n_in: int, rng: np.random.Generator) -> FloatArray:
    """Draw n orthonormal frames of `size` vectors, uniformly (by Haar measure), shape (n, size, n_in)."""
    vectors = rng.standard_normal((n, size, n_in))
    if 4 * size > n_in:
        q, r = np.linalg.qr(vectors.swapaxes(1, 2))
        # Without the signs the first vector would depend on the convention of the factorisation.
        return np.ascontiguousarray((q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]).swapaxes(1, 2))
    # Few long vectors are almost orthogonal already, and Cholesky's factor of their products orthogonalises them as
    # Gram and Schmidt do, much faster; the second time takes away what rounding left.
    for _ in range(2):
        factor = np.linalg.cholesky(vectors @ vectors.swapaxes(1, 2))
        vectors = np.linalg.inv(factor) @ vectors
    return np.asarray(vectors)


def mean_crossing_factor(n_in: int, codimension: int) -> float:
    r"""Return what random flats see, on average, of a piece of boundary of some codimension, 1 or 2.

    That is the mean number of crossings for a unit of volume of the piece, when the flats, whose dimension is this
    codimension, have uniform directions, and those of each direction density one in the orthogonal complement: the mean
    volume of the unit cube of the piece's normal space, projected to the directions of the flat.

    Codimension 1: :math:`E|u_1| = \Gamma(n/2) / (\sqrt\pi\,\Gamma((n+1)/2))` for u uniform on the sphere; 1, 2 / pi, 1
    / 2, ... for n = 1, 2, 3. Codimension 2: the mean of \|det\| of the upper 2 x 2 block of a random orthonormal pair
    in n dimensions, which is 1 / (n - 1). Klain & Rota (1997), Introduction to Geometric Probability, chapter 9: the
    factor is the inverse flag coefficient :math:`\omega_k \omega_{n-k} / (\omega_n \binom{n}{k})` with the volumes
    :math:`\omega` of unit balls.
    """
    if codimension == 2:
        return 1.0 / (n_in - 1)
    return math.exp(math.lgamma(n_in / 2) - math.lgamma((n_in + 1) / 2)) / math.sqrt(math.pi)
