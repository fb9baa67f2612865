"""Cells for stratified sampling: many small ones where neurons are likely to switch, few elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.theory._flats import simplex_volumes

# In how many rounds the cells are refined: a spike is found by then if it is wider than 2**-16 of the domain or so.
_ROUNDS = 18
_FIRST = 16
# Part of the cells that follows volume alone, so that what the corners do not see is met often enough.
_EVEN = 0.2


def refined_cells(
    simplices: FloatArray, features: Callable[[FloatArray], npt.NDArray[np.float32]], n_cells: int
) -> FloatArray:
    """Bisect intervals, triangles or simplices until there are `n_cells`, those of the largest mass first.

    Simplices have the shape (B, C, k + 1, k), as many for each of B networks; the cells, (B, n_cells, k + 1, k), fill
    the same space. If there are more simplices than `n_cells`, they are those themselves. `features` takes points (B,
    P, k) and returns (B, P, F): how much of the law of each switch lies below its pre-activation.

    By how much a feature varies over the corners of a cell is the probability that its neuron switches inside, if it is
    linear there; the mass of a cell is their sum for k = 1, and the sum of products of k for more.
    """
    nets, _, corners, k = simplices.shape
    cells, network = simplices, np.arange(nets)[:, None]
    found = features(cells.reshape(nets, -1, k)).reshape(nets, cells.shape[1], corners, -1)
    mass = _mass(found, k)
    steps = 0
    growth = (max(n_cells, 1) / max(_FIRST, cells.shape[1])) ** (1 / _ROUNDS)
    while cells.shape[1] < n_cells:
        count = cells.shape[1]
        if count < _FIRST:
            split = count  # evenly first
        else:
            steps += 1
            split = max(1, min(round(count * (growth - 1)), count)) if steps < _ROUNDS else count
        split = min(split, n_cells - count, count)
        volume = simplex_volumes(cells)
        total = mass.sum(axis=1, keepdims=True)
        share = (1 - _EVEN) * mass / np.where(total > 0, total, 1) + _EVEN * volume / volume.sum(axis=1, keepdims=True)
        chosen = np.argpartition(-share, split - 1, axis=1)[:, :split]
        parents, seen = cells[network, chosen], found[network, chosen]
        if corners == 2:
            first, second = np.zeros_like(chosen), np.ones_like(chosen)
        elif corners == 3:
            lengths = ((parents - np.roll(parents, -1, axis=2)) ** 2).sum(axis=3)
            first = np.argmax(lengths, axis=2)
            second = (first + 1) % corners
        else:
            ends = np.triu_indices(corners, 1)
            longest = np.argmax(((parents[:, :, ends[0]] - parents[:, :, ends[1]]) ** 2).sum(axis=3), axis=2)
            first, second = ends[0][longest], ends[1][longest]
        row = np.arange(split)[None, :]
        middle = 0.5 * (parents[network, row, first] + parents[network, row, second])
        new = features(middle)
        halves, halves_seen = parents.copy(), seen.copy()
        parents[network, row, first], seen[network, row, first] = middle, new
        halves[network, row, second], halves_seen[network, row, second] = middle, new
        cells = cells.copy()
        cells[network, chosen], found[network, chosen], mass[network, chosen] = parents, seen, _mass(seen, k)
        cells = np.concatenate([cells, halves], axis=1)
        found = np.concatenate([found, halves_seen], axis=1)
        mass = np.concatenate([mass, _mass(halves_seen, k)], axis=1)
    return cells


def _mass(found: npt.NDArray[np.float32], k: int) -> FloatArray:
    """Return the elementary symmetric polynomial of degree k of the features' variations, shape (B, C)."""
    spread = found.max(axis=2) - found.min(axis=2)
    total = spread.sum(axis=2, dtype=np.float64)
    if k == 1:
        return np.asarray(total)
    if k == 2:
        return np.asarray(0.5 * np.maximum(total**2 - (spread * spread).sum(axis=2, dtype=np.float64), 0.0))
    products = [np.ones_like(total)]
    for size in range(1, k + 1):
        powers = ((spread.astype(np.float64) ** p).sum(axis=2) for p in range(1, size + 1))
        # Newton's identities.
        terms = [(-1) ** p * products[size - 1 - p] * power for p, power in enumerate(powers)]
        products.append(np.maximum(np.sum(terms, axis=0) / size, 0.0))
    return np.asarray(products[k])


def points_in(cells: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return one uniform point in each interval, triangle or simplex, shape (B, C, k + 1, k) -> (B, C, k)."""
    corners = cells.shape[2]
    if corners == 2:
        t = rng.random(cells.shape[:2])[..., None]
        return np.asarray(cells[:, :, 0] + t * (cells[:, :, 1] - cells[:, :, 0]))
    if corners > 3:
        shares = rng.standard_exponential(cells.shape[:3])
        return np.asarray(np.einsum("bcs,bcsk->bck", shares / shares.sum(axis=2, keepdims=True), cells))
    s, t = rng.random((2, *cells.shape[:2], 1))
    fold = s + t > 1
    s, t = np.where(fold, 1 - s, s), np.where(fold, 1 - t, t)
    a, b, c = np.moveaxis(cells, 2, 0)
    return np.asarray(a + s * (b - a) + t * (c - a))
