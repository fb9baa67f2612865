"""Where the gradient of a network jumps, in exact arithmetic modulo primes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.fingerprints import digest_of_arrays
from linregions._support.validation import FloatArray
from linregions.exact.graph_gradients import GraphField
from linregions.exact.residues import product, reduced, residues
from linregions.networks.network import Network

__all__ = ["gradient_boundaries", "residues"]

PatternArray = npt.NDArray[np.uint8]
# How many residues tell gradients apart, and how long the primes are.
_N_PRIMES, _BITS = 3, 21
# How many numbers a temporary array may hold, so that it stays in cache.
_BLOCK_NUMBERS = 1 << 15


class _Layer(NamedTuple):
    """A hidden layer modulo a prime: its slopes, and the affine step after it."""

    neurons: slice
    slopes: FloatArray
    is_small: bool  # whether all slopes are 0, 1 or -1, so that products with them need not be reduced
    after: FloatArray  # (n, units of the next layer), or (n, 1) where the outputs are mixed


class _Field(NamedTuple):
    """A network modulo a prime."""

    prime: int
    first: FloatArray  # (n_1,) derivatives of the first pre-activations in the direction
    layers: tuple[_Layer, ...]


def _draw_primes(rng: np.random.Generator) -> list[int]:
    """Draw different primes of as many bits as residues may have."""
    primes: list[int] = []
    while len(primes) < _N_PRIMES:
        number = int(rng.integers(1 << (_BITS - 1), 1 << _BITS)) | 1
        if number not in primes and all(number % factor for factor in range(3, math.isqrt(number) + 1, 2)):
            primes.append(number)
    return primes


@lru_cache(maxsize=1)
def _seed_of(network: Network) -> int:
    """Return a number from the weights: the same network has the same primes, and none is built to meet them."""
    if not network.is_chain:
        return int(digest_of_arrays(("", term.blocks) for step in network.graph.steps for term in step.terms), 16)
    return int(digest_of_arrays(("", layer.weight) for layer in network.layers), 16)


@lru_cache(maxsize=_N_PRIMES)
def _field(network: Network, which: int) -> _Field | GraphField:
    """Return the network modulo one of its primes; the last ones asked for are kept."""
    seed = _seed_of(network)
    prime = _draw_primes(np.random.default_rng(seed))[which]
    rng = np.random.default_rng([which, seed])
    direction, mixture = rng.integers(1, prime, network.n_in), rng.integers(1, prime, network.n_out)
    if not network.is_chain:
        return GraphField(network, prime, direction, mixture)
    first = product(residues(direction, prime)[None, :], residues(network.layers[0].weight, prime).T, prime)[0]
    layers = []
    for k, activation in enumerate(network.activations):
        slopes, after = residues(activation.slopes, prime), residues(network.layers[k + 1].weight, prime).T
        if k + 1 == len(network.activations):
            after = product(after, residues(mixture, prime)[:, None], prime)
        neurons = slice(*network.neuron_offsets[k : k + 2])
        layers.append(_Layer(neurons, slopes, bool(np.all(np.abs(slopes) <= 1)), np.ascontiguousarray(after)))
    return _Field(prime, first, tuple(layers))


def _residue_of_gradient(field: _Field, patterns: PatternArray) -> FloatArray:
    """Return the derivative of a mixture of the outputs in a direction, modulo a prime, for each pattern."""
    values = np.broadcast_to(field.first, (patterns.shape[0], field.first.size))
    for layer in field.layers:
        pieces = patterns[:, layer.neurons]
        if layer.slopes.size == 1:
            values = values * layer.slopes[0]
        elif np.array_equal(layer.slopes, (0.0, 1.0)):
            values = values * pieces
        else:
            values = values * layer.slopes[pieces]
        if not layer.is_small:
            reduced(values, field.prime)
        values = product(values, layer.after, field.prime)
    return np.asarray(values[:, 0])


def gradient_boundaries(
    network: Network, patterns: PatternArray, left: npt.NDArray[np.integer], right: npt.NDArray[np.integer]
) -> npt.NDArray[np.bool_]:
    """Tell for each pair of rows of `patterns`, (R, n_neurons), whether the gradients of the network differ, (E,).

    The gradient is that of all outputs with respect to all inputs. All floats are dyadic rationals, and so are its
    entries; since 2 has an inverse modulo an odd prime p, the number ``r . (gradient @ d)`` has a residue, with p, r
    and d drawn once for each network. Residues that differ prove that the gradients do. Equal gradients have equal
    residues: nothing is rounded, so that nothing is near zero either. Different ones have equal residues with a chance
    of about 3 / p for each of three primes, together 2^-55; the second and third are asked where the first does not
    tell.
    """
    differs = np.zeros(left.shape[0], dtype=np.bool_)
    if network.is_chain and not network.activations:
        return differs
    waiting = np.arange(left.shape[0])
    for which in range(_N_PRIMES):
        field = _field(network, which)
        needed = np.zeros(patterns.shape[0], dtype=np.bool_)
        needed[left[waiting]] = needed[right[waiting]] = True
        values = np.empty(patterns.shape[0])
        values[needed] = _residues_of_gradients(network, field, patterns if needed.all() else patterns[needed])
        found = values[left[waiting]] != values[right[waiting]]
        differs[waiting[found]] = True
        waiting = waiting[~found]
        if not waiting.size:
            break
    return differs


def _residues_of_gradients(network: Network, field: _Field | GraphField, patterns: PatternArray) -> FloatArray:
    """Return a residue for each pattern, in blocks that stay in cache."""
    if isinstance(field, GraphField):
        return field.of(patterns)
    size = max(16, _BLOCK_NUMBERS // max(network.widths[1:]))
    found = np.empty(patterns.shape[0])
    for begin in range(0, patterns.shape[0], size):
        values = _residue_of_gradient(field, patterns[begin : begin + size])
        found[begin : begin + size] = values % field.prime  # one residue has one name now
    return found
