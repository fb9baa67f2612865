"""Points come as images, batches of images and tensors, and mean the same wherever they are taken."""

import numpy as np
import pytest
import torch

import linregions as lr
from linregions._support.tables import read_points
from linregions._support.validation import as_threads, available_cores, shape_of_points
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError

NET = lr.random_network([12, 8, 6, 3], 0, bias_variance=0.2)
FLAT = np.random.default_rng(1).normal(size=(5, 12))
IMAGES = {
    "flat": FLAT,
    "images": FLAT.reshape(5, 3, 4),
    "one channel": FLAT.reshape(5, 1, 3, 4),
    "channels": FLAT.reshape(5, 3, 2, 2),
    "channel last": FLAT.reshape(5, 3, 4, 1),
    "tensor with gradients": torch.tensor(FLAT.reshape(5, 1, 3, 4), requires_grad=True),
    "list of tensors": [torch.tensor(row.reshape(3, 4), requires_grad=True) for row in FLAT],
    "half precision": torch.tensor(FLAT, dtype=torch.bfloat16),
}


@pytest.mark.parametrize(
    ("shape", "n_in", "points"),
    [
        ((784,), 784, ()),
        ((28, 28), 784, ()),
        ((1, 28, 28), 784, (1,)),
        ((7, 28, 28), 784, (7,)),
        ((7, 1, 28, 28), 784, (7,)),
        ((1, 1, 28, 28), 784, (1,)),
        ((2, 7, 28, 28), 784, (2, 7)),
        ((7, 28, 28, 1), 784, (7,)),
        ((0, 28, 28), 784, (0,)),
        ((3, 32, 32), 3072, ()),
        ((7, 3, 32, 32), 3072, (7,)),
        ((28, 28), 28, (28,)),  # as it was: rows
        ((1, 2), 2, (1,)),
        ((3, 1), 1, (3,)),
        ((28, 27), 784, None),
        ((3,), 1, None),
        ((), 1, None),
        ((3, 0), 784, None),
        ((2, 392, 4), 784, None),
    ],
)
def test_what_is_flattened(shape, n_in, points):
    assert shape_of_points(shape, n_in) == points


@pytest.mark.parametrize("form", IMAGES)
def test_points_of_every_form_give_the_same(form):
    x = IMAGES[form]
    tolerance = {"rtol": 0.05, "atol": 0.05} if form == "half precision" else {"rtol": 0, "atol": 0}
    flat = np.asarray(x.detach().double().numpy()).reshape(5, 12) if form == "half precision" else FLAT
    np.testing.assert_array_equal(NET(x), NET(flat))
    np.testing.assert_array_equal(NET.patterns(x), NET.patterns(flat))
    np.testing.assert_allclose(lr.boundary_distance(NET, x), lr.boundary_distance(NET, FLAT), **tolerance)
    np.testing.assert_array_equal(lr.boundary_distance(NET, x), lr.boundary_distance(NET, flat))
    np.testing.assert_array_equal(lr.DistanceProbe(x).points, flat)
    np.testing.assert_array_equal(lr.Path(x).points, flat)
    np.testing.assert_array_equal(lr.Segment(x[0], x[1]).b, flat[1])
    np.testing.assert_array_equal(lr.Line(x[0], x[1]).direction, flat[1])
    np.testing.assert_array_equal(lr.PlaneWindow.through(*x[:3]).origin, lr.PlaneWindow.through(*flat[:3]).origin)
    window = lr.PlaneWindow.square(x[0], x[1:3], 1.0)
    np.testing.assert_array_equal(window.basis, flat[1:3])
    np.testing.assert_array_equal(window.coordinates(x), lr.PlaneWindow.square(flat[0], flat[1:3], 1).coordinates(flat))
    np.testing.assert_array_equal(lr.Ball(x[0], 1.0).center, flat[0])
    first, second = (lr.local_complexity(NET, points, 0.5, rng=0, n_planes=0) for points in (x, flat))
    np.testing.assert_array_equal(first.line_regions, second.line_regions)


def test_one_image_is_one_point():
    assert NET(FLAT[0].reshape(3, 4)).shape == (3,)
    assert lr.boundary_distance(NET, FLAT[0].reshape(3, 4)).shape == ()


def test_points_that_do_not_fit():
    for call, who in ((NET, "Network"), (lambda x: lr.boundary_distance(NET, x), "boundary_distance")):
        with pytest.raises(
            InvalidValueError,
            match=rf"has shape \(5, 3, 5\), but {who} needs a last axis of 12 inputs, or images of 12 numbers",
        ):
            call(np.zeros((5, 3, 5)))


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "x,y\n1,2\n3,4\n",
        '"feature 1","feature 2"\n1, 2\n3, 4\n',
        "x y\n1 2\n3 4\n",
        "# made by hand\nx;y\n1;2\n3;4\n",
        "\ufeffx\ty\n1\t2\n\n3\t4\n",
        "1, 2\n3 4,\n",
    ],
)
def test_points_of_text(tmp_path, text):
    file = tmp_path / "points.csv"
    file.write_text(text, encoding="utf-8")
    assert read_points(file, "me").tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",x,y\n0,1,2\n1,3,4\n", "its first column has no name, as the index that pandas writes unless index=False"),
        ("1,a\n3,4\n", "could not convert string to float: 'a'"),
        ("x,y\n", "could not convert string to float: 'x'"),
        ("1,5;2,5\n", "could not convert string to float: '1,5'"),
        ("x,y\n1,2\nx,y\n", "could not convert string to float: 'x'"),
    ],
)
def test_text_that_is_no_points(tmp_path, text, message):
    file = tmp_path / "points.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=f"which cannot be read \\({message}"):
        read_points(file, "me")


def test_images_in_a_file_are_flattened(tmp_path):
    np.save(tmp_path / "images.npy", FLAT.reshape(5, 3, 4))
    assert read_points(tmp_path / "images.npy", "me", n_in=12).tolist() == FLAT.tolist()
    np.save(tmp_path / "one.npy", FLAT[0].reshape(1, 3, 4))
    assert read_points(tmp_path / "one.npy", "me", n_in=12).tolist() == FLAT[:1].tolist()
    np.save(tmp_path / "rows.npy", FLAT[0].reshape(3, 4))  # rather three points of too few inputs
    assert read_points(tmp_path / "rows.npy", "me", n_in=12).shape == (3, 4)
    with pytest.raises(InvalidValueError, match=r"with shape \(5, 3, 4\), but me needs shape \(N, 13\)\. Reshape"):
        read_points(tmp_path / "images.npy", "me", n_in=13)


def test_images_with_other_axes_are_refused(tmp_path):
    images = np.zeros((5, 4, 4, 3))
    for moved, fits in ((images, False), (np.moveaxis(images, -1, 1), True), (images.reshape(5, 12, 4), True)):
        np.save(tmp_path / "images.npy", moved)
        if fits:
            assert read_points(tmp_path / "images.npy", "me", n_in=48, input_shape=(3, 4, 4)).shape == (5, 48)
            continue
        with pytest.raises(
            InvalidValueError, match=r"has shape \(5, 4, 4, 3\), but me needs .* \(3, 4, 4\)\. Move .*np.moveaxis"
        ):
            read_points(tmp_path / "images.npy", "me", n_in=48, input_shape=(3, 4, 4))
    with pytest.raises(InvalidValueError, match=r"but me needs shape \(N, 47\) or \(N, 1, 47, 1\)\. Reshape it"):
        read_points(tmp_path / "images.npy", "me", n_in=47, input_shape=(1, 47, 1))


def test_an_archive_of_one_array(tmp_path):
    np.savez(tmp_path / "one.npz", images=FLAT.reshape(5, 3, 4))
    assert read_points(tmp_path / "one.npz", "me", n_in=12).tolist() == FLAT.tolist()
    np.savez(tmp_path / "two.npz", images=FLAT, labels=FLAT[0])
    with pytest.raises(FileFormatError, match=r"it is an archive of 2 arrays: images, labels\), but me needs numbers"):
        read_points(tmp_path / "two.npz", "me")


def test_files_of_other_programs_are_named(tmp_path):
    for ending, what in ((".pt", "a file of PyTorch"), (".h5", "an HDF5")):
        file = tmp_path / f"points{ending}"
        file.write_bytes(b"PK")
        with pytest.raises(FileFormatError, match=rf"{what}.*, but me needs points from .* `numpy.save\('points.npy'"):
            read_points(file, "me")
    with pytest.raises(
        FileFormatError, match=r"a file of PyTorch, but load_dataset needs .* `linregions\.training\.Dataset"
    ):
        lr.load_dataset(tmp_path / "points.pt")


def test_mnist_in_capitals(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert lr.load_dataset("MNIST").name == "mnist"
    (tmp_path / "MNIST").mkdir()  # as before, a folder of this name is meant
    with pytest.raises(InvalidValueError, match="`source` is the folder 'MNIST'"):
        lr.load_dataset("MNIST")


# ---- data sets of arrays ---------------------------------------------------------------------------------------------


def test_training_on_arrays():
    from linregions.training.datasets import Dataset

    x = torch.tensor(FLAT.reshape(5, 3, 4), dtype=torch.float32)
    data = Dataset.from_arrays(x, torch.tensor([0, 1, 0, 1, 1]), name="few")
    assert (data.n_in, data.n_classes, len(data.y_test)) == (12, 2, 5)
    start, end = lr.training.train([12, 4, 2], data, epochs=1, rng=0, activation="leaky_relu(0.2)", progress=False)
    assert (start.step, end.step) == (0, 1)
    assert end.network.activations == (lr.leaky_relu(0.2),)
    with pytest.raises(InvalidValueError, match=r"`y_test` is missing, but Dataset.from_arrays needs"):
        Dataset.from_arrays(FLAT, [0, 1, 0, 1, 1], FLAT)


def test_training_says_how_to_give_arrays():
    with pytest.raises(InvalidTypeError, match=r"`dataset` is ndarray, but train needs .* `Dataset.from_arrays"):
        lr.training.train([12, 2], FLAT, epochs=1, rng=0)
    with pytest.raises(InvalidTypeError, match="`dataset` is tuple, but train needs"):
        lr.training.train([12, 2], (FLAT, [0, 1, 0, 1, 1]), epochs=1, rng=0)


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_all_cores():
    assert as_threads(-1, "threads", "me") == available_cores() >= 1
    assert as_threads(3, "threads", "me") == 3
    for wrong in (0, -2):
        with pytest.raises(InvalidValueError, match=f"`threads` is {wrong}, but me needs at least 1, or -1 for all"):
            as_threads(wrong, "threads", "me")
    with pytest.raises(InvalidTypeError, match=r"`threads` is 1.5"):
        as_threads(1.5, "threads", "me")


def test_all_cores_wherever_threads_are_taken():
    segment = lr.Segment(FLAT[0], FLAT[1])
    assert lr.count_regions(NET, segment, threads=-1) == lr.count_regions(NET, segment)
    np.testing.assert_array_equal(lr.boundary_distance(NET, FLAT, threads=-1), lr.boundary_distance(NET, FLAT))
    first, second = (lr.boundary_density(NET, -1, 1, rng=0, n_chords=10, threads=n) for n in (-1, 1))
    assert first.value == second.value
