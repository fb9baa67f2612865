"""Graphs in files: round trips to the last bit, and files that were damaged."""

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import FileFormatError, InvalidValueError
from linregions.networks.network import network_to_arrays
from tests.support.file_damage import change_arrays, flip, saved
from tests.support.graphs import random_graph

NETWORK = Network.from_graph(random_graph(np.random.default_rng(4), kinds=("max", "residual"), stages=4))


def same_bits(one, other):
    mine, theirs = network_to_arrays(one), network_to_arrays(other)
    assert mine.keys() == theirs.keys()
    for key, array in mine.items():
        assert array.dtype == theirs[key].dtype
        assert array.shape == theirs[key].shape
        assert array.tobytes() == theirs[key].tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_round_trip_keeps_every_bit(tmp_path, seed):
    network = Network.from_graph(random_graph(np.random.default_rng(seed)))
    network.save(tmp_path / "net.npz")
    same_bits(Network.load(tmp_path / "net.npz"), network)
    with np.load(tmp_path / "net.npz", allow_pickle=False) as archive:
        assert str(archive["format"]).startswith("linregions-")


def write(path, **changes):
    arrays = {key: array for key, array in (network_to_arrays(NETWORK) | changes).items() if array is not None}
    np.savez(path, **arrays)
    return path


def of(name):
    return network_to_arrays(NETWORK)[name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": None}, "no array 'steps'"),
        ({"step0_bias": None}, "no array 'step0_bias'"),
        ({"step0_term0_blocks": None}, "no array 'step0_term0_blocks'"),
        ({"maxima_names": None}, "no array 'maxima_names'"),
        ({"steps": np.array(10**12)}, "no array 'step"),
        ({"steps": np.array(-1)}, r"not sound \('graph' has no steps"),
        ({"steps": np.array(2.0)}, "dtype float64 stands for a whole number"),
        ({"step0_sources": np.array(0)}, r"shape \(\) and dtype int64 stands for whole numbers"),
        ({"step0_sources": np.zeros(10**6, int)}, "no array 'step0_term1"),
        ({"step0_layout": np.array([2**62, 2**62])}, "an order of"),
        ({"step0_layout": np.array([3])}, "not sound"),
        ({"step0_slopes": np.array([1.0, 1.0, 1.0])}, "not sound"),
        ({"maxima_size": np.array([2**62])}, "a maximum of"),
        ({"maxima_window": np.array(["x"])}, "not sound"),
        ({"step0_bias": np.full(of("step0_bias").shape, np.inf)}, "NaN or infinite"),
        ({"input_order": of("input_order") * 0}, "units twice"),
    ],
)
def test_damaged_graphs_are_refused(tmp_path, changes, message):
    path = write(tmp_path / "net.npz", **changes)
    with pytest.raises(FileFormatError, match=rf"`path` is '.*net\.npz', which holds .*{message}.*Write it with"):
        Network.load(path)


def test_a_chain_in_a_file_of_graphs_is_a_chain(tmp_path):
    from linregions.networks.graph_files import graph_to_arrays

    chain = lr.random_network([2, 3, 1], 0)
    np.savez(tmp_path / "net.npz", **graph_to_arrays(chain.graph))
    assert Network.load(tmp_path / "net.npz").is_chain


def test_files_damaged_at_random(tmp_path):
    arrays, path = network_to_arrays(NETWORK), tmp_path / "net.npz"
    content, errors = saved(arrays), 0
    for k in range(300):
        rng = np.random.default_rng(k)
        path.write_bytes(flip(content, rng) if rng.integers(4) == 0 else saved(change_arrays(arrays, rng)))
        try:
            network = Network.load(path)
        except (FileFormatError, InvalidValueError):
            errors += 1
            continue
        with np.errstate(all="ignore"):
            network(np.zeros((2, network.n_in)))
            network.patterns(np.ones((2, network.n_in)))
    assert errors > 100
