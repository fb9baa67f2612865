"""Certificates in files: right ones hold, wrong and damaged ones are refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.errors import FileFormatError, InvalidValueError, LinRegionsError, NumericalError
from linregions.exact.checker import verify
from tests.support.file_damage import NETWORK, WINDOW
from tests.support.graph_cases import degenerate_case

# Files are written here as others may, without a checksum.
pytestmark = pytest.mark.filterwarnings("ignore:.*without a checksum")


@pytest.fixture(scope="module")
def part() -> lr.PlanePartition:
    return lr.partition(NETWORK, WINDOW, certify=True)


@pytest.fixture
def file(part: lr.PlanePartition, tmp_path: Path) -> Path:
    part.save_certificate(tmp_path / "window.npz")
    return tmp_path / "window.npz"


def rewritten(file: Path, **changes: Any) -> Path:
    """Write a file again with other arrays, and no checksum of the old ones."""
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files if "checksum" not in name} | changes
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file


def test_a_certificate_holds(part: lr.PlanePartition, file: Path) -> None:
    found = verify(file, NETWORK)
    assert (found.n_regions, found.n_vertices, found.n_edges) == (part.n_regions, len(part.vertices), len(part.edges))
    with np.load(file) as archive:
        assert not {"vertices", "areas"} & set(archive.files)


def test_a_saved_partition_holds(part: lr.PlanePartition, tmp_path: Path) -> None:
    part.save(tmp_path / "part.npz")
    assert verify(tmp_path / "part.npz").n_regions == part.n_regions


@pytest.mark.parametrize("seed", range(3))
def test_certificates_of_graphs(seed: int, tmp_path: Path) -> None:
    network, window = degenerate_case(seed)
    part = lr.partition(network, window, certify=True)
    part.save_certificate(tmp_path / "window.npz")
    part.save(tmp_path / "part.npz")
    assert verify(tmp_path / "window.npz", network).n_regions == part.n_regions
    assert verify(tmp_path / "part.npz", network).n_regions == part.n_regions


def test_another_network(file: Path) -> None:
    other = lr.random_network([2, 5, 4, 2], 4, activation=[lr.RELU, lr.HARD_TANH])
    with pytest.raises(InvalidValueError, match=r"`network` is not the one that .* is of"):
        verify(file, other)


def test_another_window(part: lr.PlanePartition, file: Path) -> None:
    with pytest.raises(FileFormatError, match=r"whose claim does not hold: [a-z]"):
        verify(rewritten(file, window_polygon=1.5 * WINDOW.polygon))


def test_another_weight(part: lr.PlanePartition, file: Path) -> None:
    with np.load(file) as archive:
        name = next(key for key in archive.files if key.startswith("network_") and archive[key].ndim == 2)
        weight = archive[name]
    weight[0, 0] += 0.5
    with pytest.raises(FileFormatError, match="whose claim does not hold"):
        verify(rewritten(file, **{name: weight}))


def test_another_label(part: lr.PlanePartition, tmp_path: Path) -> None:
    part.save(tmp_path / "part.npz")
    neurons = part.edge_neuron.copy()
    neurons[neurons == neurons.max()] -= 1
    with pytest.raises(FileFormatError, match="an edge has another edge_neuron than the patterns beside it say"):
        verify(rewritten(tmp_path / "part.npz", edge_neuron=neurons))


def test_something_else(tmp_path: Path) -> None:
    NETWORK.save(tmp_path / "network.npz")
    with pytest.raises(FileFormatError, match="which is no certificate and no partition of a window"):
        verify(tmp_path / "network.npz")


@pytest.mark.parametrize("name", ["edges", "edge_faces", "edge_side", "face_offsets", "face_vertices", "words"])
def test_arrays_that_are_not_there(file: Path, name: str) -> None:
    with pytest.raises(FileFormatError, match=f"lacks {name}"):
        verify(rewritten(file, **{name: None}))


def test_random_numbers_in_files(file: Path) -> None:
    rng = np.random.default_rng(0)
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    names = ["edges", "edge_faces", "edge_side", "face_offsets", "face_vertices", "face_edges", "words"]
    for _ in range(150):
        name = str(rng.choice(names))
        array = arrays[name].copy()
        array.reshape(-1)[rng.integers(array.size)] = rng.choice([-(2**31), -1, 0, 1, 5, 2**31 - 1]).astype(array.dtype)
        if not np.array_equal(array, arrays[name]):
            with pytest.raises(LinRegionsError, match="verify needs"):
                verify(rewritten(file, **arrays | {name: array}))


def test_no_certificate_of_what_is_wrong() -> None:
    """Regions of a network are not those of another one with the same shape."""
    part = lr.partition(NETWORK, WINDOW)
    other = lr.random_network([2, 5, 4, 2], 4, activation=[lr.RELU, lr.HARD_TANH])
    with pytest.raises(NumericalError, match="`self` cannot be proved"):
        replace(part, network=other).save_certificate("nowhere.npz")
