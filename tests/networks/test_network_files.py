"""Networks in files: round trips to the last bit, damaged and foreign files, places that cannot be written."""

import itertools
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linregions as lr
from linregions import Network, PiecewiseLinear
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError, LinRegionsError
from tests.support.zoo import ACTIVATIONS

MIXED = lr.random_network([2, 3, 4, 2, 1], 0, activation=[lr.HARD_TANH, lr.IDENTITY, lr.ABS], bias_variance=0.5)


def assert_same_bits(one, other):
    assert one.activations == other.activations
    assert [a.name for a in one.activations] == [a.name for a in other.activations]
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert mine.weight.tobytes() == theirs.weight.tobytes()
        assert mine.weight.shape == theirs.weight.shape
        assert mine.bias.tobytes() == theirs.bias.tobytes()
        assert not theirs.weight.flags.writeable


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.sampled_from(sorted(ACTIVATIONS)), max_size=3), st.data())
def test_a_round_trip_keeps_every_bit(tmp_path_factory, names, data):
    widths = [data.draw(st.integers(1, 3)) for _ in range(len(names) + 2)]
    layers = [
        (
            np.reshape(data.draw(st.lists(numbers, min_size=a * b, max_size=a * b)), (b, a)),
            data.draw(st.lists(numbers, min_size=b, max_size=b)),
        )
        for a, b in itertools.pairwise(widths)
    ]
    net = Network.from_layers(layers, [ACTIVATIONS[name] for name in names])
    path = tmp_path_factory.mktemp("net") / "net.npz"
    net.save(path)
    assert_same_bits(net, Network.load(path))


def test_a_custom_activation_survives(tmp_path):
    tent = PiecewiseLinear([0.1, 0.5, 1.0], [0.0, 2.0, -2.0, 0.3], anchor=(0.3, 1 / 3), name="tent of ü")
    net = lr.random_network([2, 3, 1], 0, activation=tent)
    net.save(tmp_path / "a.npz")
    assert_same_bits(net, Network.load(tmp_path / "a.npz"))


def test_folders_are_made_and_the_name_is_kept(tmp_path):
    MIXED.save(tmp_path / "new" / "folders" / "network")
    assert os.listdir(tmp_path / "new" / "folders") == ["network"]
    assert_same_bits(MIXED, Network.load(str(tmp_path / "new" / "folders" / "network")))


def test_saving_again_replaces_the_file(tmp_path):
    path = tmp_path / "net.npz"
    MIXED.save(path)
    other = lr.random_network([2, 3, 1], 0)
    other.save(path)
    assert_same_bits(other, Network.load(path))
    assert os.listdir(tmp_path) == ["net.npz"]


def test_a_plain_npz_is_a_relu_network(tmp_path):
    np.savez(tmp_path / "a.npz", W0=np.eye(2, dtype=np.float32), b0=[0, 1], W1=[[1, 1]], b1=[0.5], origin=[1, 2])
    net = Network.load(tmp_path / "a.npz")
    assert net.activations == (lr.RELU,)
    assert net([-1.0, 2.0]).tolist() == [3.5]


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


ONE = {"W0": np.eye(2), "b0": np.zeros(2)}
TWO = {**ONE, "W1": np.eye(2), "b1": np.zeros(2)}
PARTS = {"activation0_breakpoints": [0.0], "activation0_slopes": [0.0, 1.0], "activation0_anchor": [0.0, 0.0]}
NAMED = {**PARTS, "activation0_name": "mine"}


@pytest.mark.parametrize(
    ("error", "arrays", "message"),
    [
        (FileFormatError, {"x": [1]}, "which holds x, but Network.load needs the arrays W0, b0, W1, b1"),
        (FileFormatError, {}, "which holds nothing, but Network.load needs the arrays W0, b0"),
        (FileFormatError, {**ONE, "W1": np.eye(2)}, "which holds W0, W1, b0, but Network.load needs the arrays"),
        (FileFormatError, {**ONE, "W2": np.eye(2), "b2": [0, 0]}, "which holds W0, W2, b0, b2, but Network.load needs"),
        (FileFormatError, {"b0": [0.0]}, "which holds b0, but Network.load needs the arrays"),
        (FileFormatError, {**ONE, "depth": 2}, "which holds W0, b0, depth, but Network.load needs the arrays"),
        (FileFormatError, {**ONE, "depth": ["no", "number"]}, "which holds W0, b0, depth, but Network.load needs"),
        (FileFormatError, {**ONE, "format": "mine-1"}, "holds the format 'mine-1', but Network.load needs"),
        (FileFormatError, {**TWO, **PARTS}, "which holds no activation0_name, but Network.load needs every part"),
        (InvalidValueError, {**ONE, "b0": [0.0, np.nan]}, r"`layers\[0\] bias` holds 1 NaN or infinite"),
        (InvalidValueError, {**TWO, "W1": np.eye(3)}, r"`layers\[1\]` has a weight of shape \(3, 3\) and a bias"),
        (InvalidTypeError, {**ONE, "b0": ["a", "b"]}, r"`layers\[0\] bias` has dtype <U1"),
        (InvalidValueError, {**TWO, **NAMED, "activation0_slopes": [1, 1]}, "`slopes` 0 and 1 are both 1"),
        (InvalidValueError, {**TWO, **NAMED, "activation0_anchor": [1]}, r"`anchor` has shape \(1,\)"),
    ],
)  # fmt: skip
def test_files_that_hold_no_network(tmp_path, error, arrays, message):
    with pytest.raises(error, match=message):
        Network.load(write(tmp_path / "a.npz", **arrays))


def test_a_file_cut_anywhere_or_with_a_byte_changed_is_one_clear_error(tmp_path):
    """Nothing but a linregions error comes out, and never another network."""
    MIXED.save(tmp_path / "net.npz")
    whole = (tmp_path / "net.npz").read_bytes()
    damaged = tmp_path / "damaged.npz"
    rng = np.random.default_rng(0)
    for size in [*range(60), *rng.integers(60, len(whole), 60)]:
        damaged.write_bytes(whole[:size])
        with pytest.raises(FileFormatError, match=r"truncated or no plain NPZ .* NPZ archive without pickled objects"):
            Network.load(damaged)
    survived = 0
    for place in rng.integers(0, len(whole), 400):
        changed = bytearray(whole)
        changed[place] ^= int(rng.integers(1, 256))
        damaged.write_bytes(changed)
        try:
            net = Network.load(damaged)
        except LinRegionsError:
            continue
        survived += 1
        assert_same_bits(net, MIXED)  # the byte was in a date, or the like
    assert survived < 200


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 and then nothing"])
def test_foreign_files(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"`path` is '.*a.npz', which is truncated or no plain NPZ"):
        Network.load(tmp_path / "a.npz")


def test_a_single_array_and_pickles_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(FileFormatError, match=r"a.npy', a single array, but Network.load needs an NPZ archive"):
        Network.load(tmp_path / "a.npy")
    pickled = write(tmp_path / "b.npz", W0=np.array([[{}]], dtype=object), b0=np.zeros(1))
    with pytest.raises(FileFormatError, match=r"where 'W0' holds pickled objects, but Network.load needs"):
        Network.load(pickled)


def test_places_without_a_file(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path, "", "a\0b", "x" * 5000):
        with pytest.raises(
            InvalidValueError, match=r"(where there is no file|a folder), but Network.load needs an NPZ f"
        ):
            Network.load(path)
    with pytest.raises(InvalidTypeError, match=r"`path` is int, but Network.load needs a file name"):
        Network.load(3)
    with pytest.raises(InvalidTypeError, match=r"`path` is NoneType, but Network.save needs a file name"):
        MIXED.save(None)


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    places = [tmp_path / "file" / "net.npz", tmp_path / "folder", "", "/", tmp_path / "a\0b", tmp_path / ("x" * 5000)]
    for place in places:
        message = (
            rf"`path` is {re.escape(repr(os.fspath(place)))[:60]}.* which cannot be written \(.+\), but Network.save"
        )
        if place == "":
            message = r"`path` is '\.', which cannot be written \(Is a directory\), but Network.save needs a writable"
        with pytest.raises(InvalidValueError, match=message):
            MIXED.save(place)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert os.listdir(tmp_path / "folder") == []
    assert (tmp_path / "file").read_text() == "kept"


def test_nothing_half_written_when_writing_fails(tmp_path, monkeypatch):
    MIXED.save(tmp_path / "net.npz")
    before = (tmp_path / "net.npz").read_bytes()

    def fail(handle, array, **options):
        handle.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(KeyboardInterrupt):
        MIXED.save(tmp_path / "net.npz")
    assert os.listdir(tmp_path) == ["net.npz"]
    assert (tmp_path / "net.npz").read_bytes() == before
