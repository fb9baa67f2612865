"""MNIST comes out of the package as published; foreign files are read, or refused with one clear error."""

import gzip
import hashlib
import logging
import struct
from pathlib import Path

import numpy as np
import pytest

from linregions.errors import FileFormatError, InvalidValueError
from linregions.training.datasets import load_dataset
from linregions.training.idx import read_idx
from linregions.training.mnist import load_mnist

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@pytest.fixture(scope="module")
def mnist_cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    load_dataset(cache_dir=folder)
    return folder


@pytest.fixture(scope="module")
def mnist(mnist_cache):
    return load_dataset(cache_dir=mnist_cache)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (12, 3, 2), dtype=np.uint8),
        "y_train": np.arange(12, dtype=np.uint8) % 4,
        "x_test": rng.integers(0, 256, (5, 3, 2), dtype=np.uint8),
        "y_test": np.arange(5, dtype=np.uint8) % 4,
    }


def idx_bytes(array, code=0x08):
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_idx_folder(folder: Path, arrays, ending="", dotted=False):
    folder.mkdir(exist_ok=True)
    for key, name in NAMES.items():
        data = idx_bytes(arrays[key])
        file = folder / ((name.replace("-idx", ".idx") if dotted else name) + ending)
        file.write_bytes(gzip.compress(data) if ending else data)


def save_npz(path, arrays, **changes):
    np.savez(path, **{**arrays, **changes})
    return path


# MNIST ---------------------------------------------------------------------------------------------------------------


def test_mnist_is_the_original_data(mnist):
    header = struct.pack(">4I", 0x0803, 60000, 28, 28)
    assert hashlib.md5(header + mnist.pixels_train.tobytes()).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    header = struct.pack(">2I", 0x0801, 10000)
    labels = mnist.y_test.astype(np.uint8).tobytes()
    assert hashlib.md5(header + labels).hexdigest() == "27ae3e4e09519cfbb04c329615203637"
    assert mnist.image_shape == (28, 28)
    assert mnist.n_in == 784
    assert mnist.n_classes == 10
    assert "CC BY-SA 3.0" in mnist.license


def test_mnist_floats_and_moments(mnist):
    x = mnist.x_test
    assert x.dtype == np.float64
    assert x.shape == (10000, 784)
    assert x.min() == 0.0
    assert x.max() == 1.0
    np.testing.assert_array_equal(mnist.examples([3, 7], "test"), x[[3, 7]])
    train = mnist.pixels_train.astype(np.float64) / 255.0
    np.testing.assert_allclose(mnist.mean, train.mean(axis=0), rtol=1e-11, atol=0)
    np.testing.assert_allclose(mnist.variance, train.var(axis=0), rtol=1e-9, atol=1e-18)


def test_first_of_each_label(mnist):
    rows = mnist.first_of_each([0, 1, 2])
    assert mnist.y_train[rows].tolist() == [0, 1, 2]
    assert all(label not in mnist.y_train[:row] for label, row in enumerate(rows))
    with pytest.raises(InvalidValueError, match=r"`labels` holds 11, which no train example of mnist has"):
        mnist.first_of_each([0, 11])


@pytest.mark.parametrize("indices", [[-1], [60000], [0.5]])
def test_examples_refuses_foreign_indices(mnist, indices):
    with pytest.raises(InvalidValueError, match=r"needs whole numbers from 0 to 59999"):
        mnist.examples(indices)


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_cache_is_made_again(mnist, mnist_cache, tmp_path, caplog, damage):
    good = (mnist_cache / "mnist.npy").read_bytes()
    bad = {"truncate": good[:1000], "flip": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]}[damage]
    (tmp_path / "mnist.npy").write_bytes(bad)
    with caplog.at_level(logging.WARNING, "linregions"):
        again = load_dataset(cache_dir=tmp_path)
    assert "is damaged" in caplog.text
    assert again.fingerprint == mnist.fingerprint
    assert (tmp_path / "mnist.npy").read_bytes() == good
    assert [entry.name for entry in tmp_path.iterdir()] == ["mnist.npy"]


def test_an_unwritable_cache_is_only_a_warning(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("a file stands where the folder should be")
    with caplog.at_level(logging.WARNING, "linregions"):
        mnist = load_dataset(cache_dir=blocked)
    assert "unpacked in memory only" in caplog.text
    assert mnist.y_train[:3].tolist() == [5, 0, 4]
    assert blocked.read_text() == "a file stands where the folder should be"


def test_the_cache_folder_comes_from_the_environment(mnist_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("LINREGIONS_CACHE_DIR", str(tmp_path))
    (tmp_path / "mnist.npy").write_bytes((mnist_cache / "mnist.npy").read_bytes())
    assert load_dataset().y_test[0] == 7


def test_a_damaged_package_file_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"has the SHA-256 sum e9b40985d011\.\.\., but load_dataset needs 0000"):
        load_mnist(tmp_path, sha256="0" * 64)
    assert not list(tmp_path.iterdir())


# Other sets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "dotted"), [("", False), (".gz", False), ("", True), (".gz", True)])
def test_idx_folder(tmp_path, arrays, ending, dotted):
    write_idx_folder(tmp_path / "fashion", arrays, ending, dotted)
    data = load_dataset(tmp_path / "fashion")
    assert data.name == "fashion"
    np.testing.assert_array_equal(data.x_train, arrays["x_train"].reshape(12, 6) / 255.0)
    np.testing.assert_array_equal(data.y_test, arrays["y_test"])
    assert data.image_shape == (3, 2)
    assert repr(data) == "Dataset(fashion: 12 training and 5 test examples of 3 x 2, 4 classes)"


def test_npz_keeps_floats(tmp_path, arrays):
    x = arrays["x_train"].astype(np.float32) - 100.0
    data = load_dataset(save_npz(tmp_path / "own.npz", arrays, x_train=x, y_train=arrays["y_train"][:, None]))
    np.testing.assert_array_equal(data.x_train, x.reshape(12, 6))
    assert data.x_train.dtype == np.float64
    np.testing.assert_allclose(data.variance, x.reshape(12, 6).var(axis=0), rtol=1e-4)
    assert data.y_train.shape == (12,)


def test_fingerprint_tells_data_apart(tmp_path, arrays):
    one = load_dataset(save_npz(tmp_path / "one.npz", arrays))
    changed = arrays["x_test"].copy()
    changed[-1, -1, -1] ^= 1
    two = load_dataset(save_npz(tmp_path / "two.npz", arrays, x_test=changed))
    assert one.fingerprint == load_dataset(tmp_path / "one.npz").fingerprint
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(("code", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_idx_types(tmp_path, code, dtype):
    values = np.arange(-3, 3).astype(dtype).reshape(2, 3)
    (tmp_path / "file").write_bytes(idx_bytes(values, code))
    read = read_idx(tmp_path / "file")
    np.testing.assert_array_equal(read, values)
    assert read.dtype.isnative


def test_idx_truncated(tmp_path):
    (tmp_path / "file").write_bytes(idx_bytes(np.zeros((4, 3, 2), np.uint8))[:-5])
    with pytest.raises(FileFormatError, match=r"holds 19 bytes after its header, but read_idx needs 24 for shape"):
        read_idx(tmp_path / "file")


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", b"\0\0\x07\x01\0\0\0\1", b"PK\3\4 foreign", b"\0\0\x08\x03\0\0"])
def test_idx_wrong_magic(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(
        FileFormatError, match=r"which starts with .*, but read_idx needs an IDX file, such as 00 00 08"
    ):
        read_idx(tmp_path / "file")


def test_idx_that_unfolds_to_much_more_than_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("linregions._support.archives._MOST_BYTES", 1 << 16)
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx_bytes(np.zeros((1000, 1000), np.uint8))))
    with pytest.raises(
        FileFormatError, match=r"cannot be read \(.* bytes unfold to more than .*\), but read_idx needs"
    ):
        read_idx(tmp_path / "file.gz")


def test_idx_damaged_gzip(tmp_path):
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx_bytes(np.zeros((40, 3), np.uint8)))[:-12])
    with pytest.raises(FileFormatError, match=r"cannot be read \(.*\), but read_idx needs an IDX file"):
        read_idx(tmp_path / "file.gz")


def test_folder_without_labels(tmp_path, arrays):
    write_idx_folder(tmp_path / "set", arrays)
    (tmp_path / "set" / NAMES["y_test"]).unlink()
    with pytest.raises(InvalidValueError, match=r"but load_dataset needs t10k-labels-idx1-ubyte or t10k.*\.gz in it"):
        load_dataset(tmp_path / "set")


def test_no_such_source(tmp_path):
    with pytest.raises(InvalidValueError, match=r"which is neither a folder nor a file"):
        load_dataset(tmp_path / "nothing")


def test_npz_without_arrays(tmp_path):
    np.savez(tmp_path / "foreign.npz", W0=np.zeros(3))
    with pytest.raises(FileFormatError, match=r"which holds W0, but load_dataset needs x_train"):
        load_dataset(tmp_path / "foreign.npz")


def test_npz_truncated(tmp_path, arrays):
    path = save_npz(tmp_path / "own.npz", arrays)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileFormatError, match=r"truncated or no plain NPZ"):
        load_dataset(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.zeros(11, np.int64)}, r"`y_train` has shape \(11,\) for 12 examples"),
        ({"y_train": np.full(12, -1)}, r"`y_train` has dtype int64 and smallest value -1, but"),
        ({"y_train": np.zeros(12)}, r"`y_train` has dtype float64 and smallest value 0.0, but"),
        ({"y_test": np.full(5, 4)}, r"`y_test` holds the label 4, but load_dataset needs labels from 0 to 3"),
        ({"x_test": np.zeros((5, 3, 3), np.uint8)}, r"`x_test` has 9 values in an example and x_train 6"),
        ({"x_test": np.zeros((0, 3, 2), np.uint8)}, r"`x_test` has shape \(0, 3, 2\), but"),
        ({"x_train": np.zeros(12, np.uint8)}, r"`x_train` has shape \(12,\), but"),
        ({"x_train": np.zeros((12, 6), np.int64)}, r"`x_train` has dtype int64, but load_dataset needs bytes"),
        ({"x_train": np.full((12, 6), np.nan)}, r"`x_train` holds NaN or infinite values"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, changes, message):
    with pytest.raises(InvalidValueError, match=message):
        load_dataset(save_npz(tmp_path / "own.npz", arrays, **changes))
