"""Enclosures of the pre-activations on a cell: a neuron taken for stable that is not would lose regions unseen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels import sites
from linregions.regions.planes.kernels.basis import enclose_basis, enclose_units
from linregions.regions.planes.kernels.records import MIDDLE, STRAY


class Layer(NamedTuple):
    """What a plan says of the only layer."""

    shape: np.ndarray


class Buffers(NamedTuple):
    """What a scratch holds of a cell."""

    tensors: sites.Tensors
    fit: np.ndarray
    box: np.ndarray
    bound: np.ndarray


@compiled()
def probe(plan, buffers, phi, n_vertices, fitted, n_basis):  # the kernels cannot be called from Python
    enclose_basis(phi, n_vertices, fitted, n_basis, buffers.fit, buffers.box)
    enclose_units(plan, buffers, 0)


def layer_of(rows: np.ndarray, n_sites: int) -> tuple[Layer, sites.Tensors]:
    """Return a layer whose units lie on some sites, each of which all functions reach."""
    n_basis, n = rows.shape
    shape = np.zeros((10, 1), dtype=np.int64)
    shape[sites.WIDTH], shape[sites.SITES], shape[sites.CHANNELS] = n, n_sites, n // n_sites
    shape[sites.PADDED], shape[sites.SLOT] = -(-n // n_sites // 16) * 16, -1
    plan = Layer(shape)
    tensors = sites.make_tensors(plan, n_basis)
    table = tensors.rows[0, : tensors.rows.shape[1] // shape[sites.PADDED, 0] * shape[sites.PADDED, 0]]
    table = table.reshape(-1, shape[sites.PADDED, 0])
    for s in range(n_sites):
        own = slice(s * n_basis, (s + 1) * n_basis)
        tensors.site[0, sites.FIRST_ROW, s], tensors.site[0, sites.N_COLUMNS, s] = own.start, n_basis
        tensors.columns[0, own] = np.arange(n_basis)
        table[own, : n // n_sites] = rows[:, s * (n // n_sites) : (s + 1) * (n // n_sites)]
    return plan, tensors


def enclose(phi: np.ndarray, rows: np.ndarray, first: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return middle and reach of every neuron, from buffers that hold rubbish before and beyond.

    With `first`, as many functions are enclosed at as many of the vertices before the others are.
    """
    n_vertices, n_basis = phi.shape
    steps = [(0, n_vertices, n_basis)] if first is None else [(0, first[1], first[0]), (first[0], n_vertices, n_basis)]
    n = rows.shape[1]
    roomy = np.full((n_vertices + 4, n_basis + 9), 1e300)
    roomy[:n_vertices, :n_basis] = phi
    found = []
    for n_sites in (1, 4 if n % 4 == 0 else 1):
        plan, tensors = layer_of(rows, n_sites)
        bound = np.full((5, n), np.nan)
        buffers = Buffers(tensors, np.full((11, n_basis + 9), np.nan), np.full(4, np.nan), bound)
        for fitted, known, made in steps[:-1]:
            probe(plan, buffers._replace(bound=np.empty((5, n))), roomy, known, fitted, made)
        probe(plan, buffers, roomy, *[steps[-1][k] for k in (1, 0, 2)])
        found.append((bound[MIDDLE], bound[STRAY]))
    assert np.array_equal(found[0], found[1])  # wherever units lie
    return found[0]


def basis_of(xy: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    """Return 1, u, v and n hinges at some points."""
    hinges = np.maximum(0.0, xy @ rng.normal(size=(2, n)) + rng.normal(size=n))
    return np.column_stack([np.ones(len(xy)), xy, hinges])


CELLS = {
    "a square": lambda rng: rng.uniform(-1, 1, (60, 2)),
    "far from the origin": lambda rng: rng.uniform(-1, 1, (60, 2)) * 1e-3 + [1e4, -3e5],
    "nearly on a line": lambda rng: rng.uniform(-1, 1, (60, 1)) * [1.0, 2.0] + rng.normal(size=(60, 2)) * 1e-9,
    "on a line along an axis": lambda rng: rng.uniform(-1, 1, (60, 1)) * [1.0, 0.0],
    "three corners": lambda rng: rng.uniform(-1, 1, (3, 2)),
    "a sliver": lambda rng: rng.uniform(-1, 1, (60, 2)) * [1.0, 1e-7],
    "tiny": lambda rng: rng.uniform(-1, 1, (60, 2)) * 1e-120,
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("seed", range(20))
def test_no_value_at_a_vertex_leaves_its_bounds(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    phi = basis_of(CELLS[name](rng), rng, int(rng.integers(0, 30)))
    rows = rng.normal(size=(phi.shape[1], 40)) * 10.0 ** rng.uniform(-4, 4, (phi.shape[1], 1))
    middle, reach = enclose(phi, rows)
    values = phi.astype(np.longdouble) @ rows.astype(np.longdouble)
    assert np.all(values <= middle + reach)
    assert np.all(values >= middle - reach)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("seed", range(10))
def test_functions_enclosed_when_there_were_fewer_vertices(name: str, seed: int) -> None:
    """Vertices that later layers make lie on segments on which the functions of earlier layers are linear."""
    rng = np.random.default_rng(seed)
    early = basis_of(CELLS[name](rng), rng, 7)
    a, b = rng.integers(0, len(early), (2, 50))
    t = rng.uniform(0, 1, (50, 1))
    every = np.vstack([early, early[a] + t * (early[b] - early[a])])
    phi = np.column_stack([every, np.maximum(0.0, every @ rng.normal(size=(10, 12)))])
    rows = rng.normal(size=(phi.shape[1], 40)) * 10.0 ** rng.uniform(-4, 4, (phi.shape[1], 1))
    middle, reach = enclose(phi, rows, (10, len(early)))
    values = phi.astype(np.longdouble) @ rows.astype(np.longdouble)
    assert np.all(values <= middle + reach)
    assert np.all(values >= middle - reach)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_are_attained_by_affine_functions_on_a_square(seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = np.array([[-1.0, 2.0], [3.0, 2.0], [3.0, 5.0], [-1.0, 5.0]])
    rows = rng.normal(size=(3, 40))
    middle, reach = enclose(basis_of(xy, rng, 0), rows)
    values = basis_of(xy, rng, 0) @ rows
    assert np.allclose(middle + reach, values.max(axis=0), rtol=0, atol=1e-9)
    assert np.allclose(middle - reach, values.min(axis=0), rtol=0, atol=1e-9)


def test_a_hinge_is_enclosed_more_tightly_than_by_its_range() -> None:
    u = np.linspace(-1.0, 1.0, 41)
    xy = np.column_stack([np.tile(u, 2), np.repeat([0.0, 1.0], 41)])
    phi = np.column_stack([np.ones(82), xy, np.maximum(0.0, xy[:, 0])])
    rows = np.array([[0.0], [-0.5], [0.0], [1.0]])  # |u| / 2, whose range by intervals would be 2 wide
    middle, reach = enclose(phi, rows)
    assert middle[0] == pytest.approx(0.25, abs=0.1)
    assert 0.25 <= reach[0] < 0.6
