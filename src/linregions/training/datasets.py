"""Data sets: the whole of MNIST inside the package, any other from IDX or NPZ files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from linregions._support.files import as_path, read_npz
from linregions._support.fingerprints import digest_of_arrays
from linregions._support.validation import FloatArray, as_choice
from linregions.errors import FileFormatError, InvalidValueError
from linregions.training.idx import read_idx
from linregions.training.mnist import MNIST_LICENSE, cache_folder, load_mnist

_WHO = "load_dataset"

_IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

_LARGEST_LABEL = 2**31 - 1

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled examples for training and testing, as flat vectors.

    Parameters
    ----------
    name : str
        What to call it.
    pixels_train, pixels_test : ndarray of uint8 or float, shape (N, d)
        The stored examples: bytes stand for value / 255, floats for themselves.
    y_train, y_test : ndarray of int64, shape (N,)
        Labels from 0 on.
    image_shape : tuple of int
        Shape of one example before flattening.
    license : str
        Licence and authors of the data.

    Notes
    -----
    `x_train` and `x_test` are made when first asked for (MNIST: 376 MB and 63 MB of float64); `examples`
    converts only the rows that are needed.
    """

    name: str
    pixels_train: Pixels
    y_train: npt.NDArray[np.int64]
    pixels_test: Pixels
    y_test: npt.NDArray[np.int64]
    image_shape: tuple[int, ...] = field(default=())
    license: str = "unknown"

    @classmethod
    def from_arrays(
        cls,
        x_train: npt.ArrayLike,
        y_train: npt.ArrayLike,
        x_test: npt.ArrayLike | None = None,
        y_test: npt.ArrayLike | None = None,
        *,
        name: str = "arrays",
    ) -> Dataset:
        """Make a data set of arrays, e.g. for `linregions.training.train`.

        Parameters
        ----------
        x_train, x_test : array_like, shape (N, ...)
            Examples, flattened: bytes (uint8) stand for value / 255, floats for themselves. Also torch tensors. Without
            examples for testing those for training are taken.
        y_train, y_test : array_like of int, shape (N,)
            Labels from 0 on.
        name : str
            What to call it.

        Raises
        ------
        InvalidValueError
            If counts do not match, a label is out of range, or a number is NaN or infinite.

        Examples
        --------
        >>> import numpy as np
        >>> from linregions.training.datasets import Dataset
        >>> Dataset.from_arrays(np.eye(4).reshape(4, 2, 2), [0, 1, 0, 1], name="corners")
        Dataset(corners: 4 training and 4 test examples of 2 x 2, 2 classes)
        """
        if (x_test is None) != (y_test is None):
            missing = "x_test" if x_test is None else "y_test"
            raise InvalidValueError(
                f"`{missing}` is missing, but Dataset.from_arrays needs examples and labels for testing, or neither. "
                "Give it."
            )
        given = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        if x_test is None:
            given.update(x_test=x_train, y_test=y_train)
        return _dataset(name, {key: _as_array(value) for key, value in given.items()})

    @property
    def n_in(self) -> int:
        """Number d of coordinates of an example."""
        return int(self.pixels_train.shape[1])

    @property
    def n_classes(self) -> int:
        """One more than the largest training label."""
        return int(self.y_train.max()) + 1

    @cached_property
    def x_train(self) -> FloatArray:
        """Training examples, float64, shape (N, d); bytes scaled to [0, 1]."""
        return _scaled(self.pixels_train)

    @cached_property
    def x_test(self) -> FloatArray:
        """Test examples, float64, shape (N, d); bytes scaled to [0, 1]."""
        return _scaled(self.pixels_test)

    def examples(self, indices: npt.ArrayLike, split: Literal["train", "test"] = "train") -> FloatArray:
        """Return chosen examples.

        Parameters
        ----------
        indices : array_like of int, any shape
            Row numbers from 0.
        split : {"train", "test"}
            Which part they are taken from.

        Returns
        -------
        ndarray of float64, shape (..., d)

        Raises
        ------
        InvalidValueError
            If an index is out of range.
        """
        pixels, _ = self._split(split)
        rows = np.asarray(indices)
        if rows.dtype.kind not in "iu" or (rows.size and (rows.min() < 0 or rows.max() >= len(pixels))):
            raise InvalidValueError(
                f"`indices` are {rows.tolist()}, but Dataset.examples needs whole numbers from 0 to {len(pixels) - 1} "
                f"for the {split} examples of {self.name}. Choose others."
            )
        return _scaled(pixels[rows])

    def first_of_each(self, labels: npt.ArrayLike, split: Literal["train", "test"] = "train") -> npt.NDArray[np.int64]:
        """Return the index of the first example with each of the given labels, in order.

        Raises
        ------
        InvalidValueError
            If a label does not occur.
        """
        _, y = self._split(split)
        found = []
        for label in np.atleast_1d(labels).tolist():
            rows = np.flatnonzero(y == label)
            if not rows.size:
                raise InvalidValueError(
                    f"`labels` holds {label}, which no {split} example of {self.name} has, but Dataset.first_of_each "
                    f"needs labels that occur. Choose from 0 to {self.n_classes - 1}."
                )
            found.append(int(rows[0]))
        return np.array(found, dtype=np.int64)

    @cached_property
    def _moments(self) -> tuple[FloatArray, FloatArray]:
        pixels = self.pixels_train
        if pixels.dtype != np.uint8:
            values = pixels.astype(np.float64)
            return values.mean(axis=0), values.var(axis=0)
        count, total, squares = len(pixels), np.zeros(self.n_in, np.int64), np.zeros(self.n_in, np.int64)
        for start in range(0, count, 4096):  # integer sums in small blocks: exact, and light on memory
            block = pixels[start : start + 4096].astype(np.int64)
            total += block.sum(axis=0)
            squares += (block * block).sum(axis=0)
        return total / (255.0 * count), (count * squares - total * total) / (255.0 * count) ** 2

    @property
    def mean(self) -> FloatArray:
        """Componentwise mean of the training examples, shape (d,)."""
        return self._moments[0]

    @property
    def variance(self) -> FloatArray:
        """Componentwise variance of the training examples (divided by N), shape (d,)."""
        return self._moments[1]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over types, shapes and contents of the four arrays, in hexadecimal."""
        arrays = (self.pixels_train, self.y_train, self.pixels_test, self.y_test)
        return digest_of_arrays((f"{array.dtype.str}{array.shape}", array) for array in arrays)

    def _split(self, split: str) -> tuple[Pixels, npt.NDArray[np.int64]]:
        if as_choice(split, "split", "Dataset", ("train", "test")) == "train":
            return self.pixels_train, self.y_train
        return self.pixels_test, self.y_test

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.image_shape))
        return (
            f"Dataset({self.name}: {len(self.y_train)} training and {len(self.y_test)} test examples of {shape}, "
            f"{self.n_classes} classes)"
        )


def load_dataset(
    source: str | os.PathLike[str] = "mnist", *, cache_dir: str | os.PathLike[str] | None = None
) -> Dataset:
    """Load MNIST, which is part of the package, or any data set in IDX or NPZ files.

    Parameters
    ----------
    source : str or path-like
        ``"mnist"``, in any case; or a folder with the four IDX files under their usual names
        (``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``,
        ``t10k-labels-idx1-ubyte``, also with a dot before ``idx``, also gzipped), such as Fashion-MNIST; or an NPZ file
        with the arrays ``x_train``, ``y_train``, ``x_test``, ``y_test``.
    cache_dir : str or path-like, optional
        Where MNIST is kept unpacked (55 MB). By default ``LINREGIONS_CACHE_DIR`` from the environment, or else
        the user's cache directory.

    Returns
    -------
    Dataset
        Bytes are scaled by 1 / 255, floats kept as they are.

    Raises
    ------
    InvalidValueError
        If there is no such file or folder, counts do not match, or a label is out of range.
    FileFormatError
        If a file is truncated, foreign or damaged.

    Notes
    -----
    MNIST is checked against the MD5 sums of its original files at every load; a damaged cache is made again.
    Unpacking takes about a second, once; after that loading takes about 0.2 s.

    Examples
    --------
    >>> import linregions as lr
    >>> mnist = lr.load_dataset()
    >>> mnist
    Dataset(mnist: 60000 training and 10000 test examples of 28 x 28, 10 classes)
    >>> mnist.examples([0, 1, 2]).shape
    (3, 784)
    """
    named = str(source).lower() == "mnist"
    if source == "mnist" or (named and not os.path.exists(source)):
        return _dataset("mnist", load_mnist(cache_folder(cache_dir)), MNIST_LICENSE)
    path = as_path(source, "source", _WHO)
    if path.is_dir():
        return _dataset(path.name, {key: read_idx(_find_idx(path, name)) for key, name in _IDX_FILES.items()})
    if path.suffix in {".pt", ".pth"}:
        raise FileFormatError(
            f"`source` is {os.fspath(path)!r}, a file of PyTorch, but {_WHO} needs 'mnist', IDX files or an NPZ file. "
            "Load it with `torch.load` and give its tensors to `linregions.training.Dataset.from_arrays`."
        )
    if path.is_file():
        return _dataset(path.stem, _read_arrays(path))
    raise InvalidValueError(
        f"`source` is {os.fspath(source)!r}, which is neither a folder nor a file, but {_WHO} needs 'mnist', a folder "
        "with four IDX files, or an NPZ file. Check the spelling and the current folder."
    )


def _as_array(value: Any) -> npt.NDArray[Any]:
    """Return an array of the format it is given in; tensors of torch, too."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _scaled(pixels: Pixels) -> FloatArray:
    values = pixels.astype(np.float64)
    if pixels.dtype == np.uint8:
        values /= 255.0
    return values


def _find_idx(folder: Path, name: str) -> Path:
    for spelling in (name, name.replace("-idx", ".idx")):
        for ending in ("", ".gz"):
            if (folder / (spelling + ending)).is_file():
                return folder / (spelling + ending)
    seen = ", ".join(sorted(entry.name for entry in folder.iterdir())[:6]) or "nothing"
    raise InvalidValueError(
        f"`source` is the folder {os.fspath(folder)!r}, which holds {seen}, but {_WHO} needs {name} or {name}.gz "
        "in it. Give the folder with the four IDX files."
    )


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    arrays = read_npz(path, _WHO)
    missing = [key for key in _IDX_FILES if key not in arrays]
    if missing:
        raise FileFormatError(
            f"`source` is {os.fspath(path)!r}, which holds {', '.join(sorted(arrays)[:6]) or 'nothing'}, but {_WHO} "
            f"needs x_train, y_train, x_test and y_test. Add {', '.join(missing)}."
        )
    return arrays


def _dataset(name: str, arrays: dict[str, npt.NDArray[Any]], license_: str = "unknown") -> Dataset:
    """Check four arrays against each other and flatten them."""
    pixels = {split: _checked_pixels(arrays[f"x_{split}"], f"x_{split}") for split in ("train", "test")}
    if pixels["train"].shape[1] != pixels["test"].shape[1]:
        raise InvalidValueError(
            f"`x_test` has {pixels['test'].shape[1]} values in an example and x_train {pixels['train'].shape[1]}, but "
            f"{_WHO} needs the same number. Check that both are of one data set."
        )
    labels = {
        split: _checked_labels(arrays[f"y_{split}"], f"y_{split}", len(pixels[split])) for split in ("train", "test")
    }
    top = int(labels["train"].max())
    if int(labels["test"].max()) > top:
        raise InvalidValueError(
            f"`y_test` holds the label {int(labels['test'].max())}, but {_WHO} needs labels from 0 to {top}, the "
            "largest of y_train. Check that both are of one data set."
        )
    return Dataset(
        name, pixels["train"], labels["train"], pixels["test"], labels["test"], arrays["x_train"].shape[1:], license_
    )


def _checked_pixels(array: npt.NDArray[Any], name: str) -> Pixels:
    if array.ndim < 2 or array.size == 0:
        raise InvalidValueError(
            f"`{name}` has shape {array.shape}, but {_WHO} needs examples along the first axis. "
            "Give an array of shape (N, ...) with N >= 1."
        )
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise InvalidValueError(
            f"`{name}` has dtype {array.dtype}, but {_WHO} needs bytes (uint8, scaled by 1/255) or floats (kept). "
            "Convert it to one of them."
        )
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise InvalidValueError(
            f"`{name}` holds NaN or infinite values, but {_WHO} needs finite numbers. Remove or replace them."
        )
    return np.ascontiguousarray(array.reshape(len(array), -1))


def _checked_labels(array: npt.NDArray[Any], name: str, count: int) -> npt.NDArray[np.int64]:
    if array.shape not in {(count,), (count, 1)}:
        raise InvalidValueError(
            f"`{name}` has shape {array.shape} for {count} examples, but {_WHO} needs one label for each. "
            "Check that images and labels belong together."
        )
    if array.dtype.kind not in "iu" or int(array.min()) < 0:
        lowest = array.min() if array.dtype.kind in "iuf" else "none"
        raise InvalidValueError(
            f"`{name}` has dtype {array.dtype} and smallest value {lowest}, but {_WHO} needs labels 0, 1, 2, .... "
            "Number the classes from 0 as integers."
        )
    if int(array.max()) > _LARGEST_LABEL:
        raise InvalidValueError(
            f"`{name}` holds the label {array.max()}, but {_WHO} needs labels 0, 1, 2, ..., {_LARGEST_LABEL} at most. "
            "Number the classes from 0."
        )
    return array.reshape(count).astype(np.int64)
