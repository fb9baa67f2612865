"""Train networks as the paper does and keep them at chosen moments."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions._support.files import as_path
from linregions._support.validation import as_float_array, as_generator, as_integer, as_positive, as_widths, require
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.activations import RELU, PiecewiseLinear, as_activation
from linregions.training.datasets import Dataset
from linregions.training.models import Dense, Model
from linregions.training.runs import RunFolder, Snapshot
from linregions.training.trainer import Trainer, one_thread

_WHO = "train"


def train(
    widths: Sequence[int],
    dataset: Dataset,
    *,
    epochs: float,
    snapshot_epochs: Sequence[float] | None = None,
    rng: np.random.Generator | int,
    activation: PiecewiseLinear | str = RELU,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    run_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> list[Snapshot]:
    """Train a network with Adam from the paper's initialisation and return its snapshots.

    Parameters
    ----------
    widths : sequence of int
        Units in the input, each hidden layer and the output, e.g. ``[784, 64, 64, 64, 10]``.
    dataset : Dataset
        What to learn, by cross-entropy.
    epochs : float
        How long, in passes through the training set; fractions are allowed.
    snapshot_epochs : sequence of float, optional
        When to keep the network, each from 0 to `epochs`; by default before training and after every epoch.
        Training stops at the last of them.
    rng : numpy.random.Generator or int
        Source of the initialisation (`random_network`) and of the order of the examples, or a seed.
    activation : PiecewiseLinear or str
        Applied after every hidden layer; by name as in `Network.from_layers`.
    batch_size : int
        Examples in one update; the last batch of an epoch may be smaller.
    learning_rate : float
        Step size of Adam.
    run_dir : str or path-like, optional
        Folder to keep snapshots in. What is there already for the same settings is not trained again, and
        a training that was stopped goes on from its last snapshot. Needs an integer seed.
    progress : bool
        Whether to show a progress bar on a terminal.

    Returns
    -------
    list of Snapshot
        One for each entry of `snapshot_epochs`, in order of time.

    Raises
    ------
    InvalidValueError, InvalidTypeError
        If widths do not fit the data, a moment lies outside the training, or `run_dir` is given without an
        integer seed.
    MissingDependencyError
        If torch is not installed.
    NumericalError
        If the loss stops being finite.

    Notes
    -----
    Training runs on one thread, so that the result is the same to the last bit whatever number of threads
    torch is set to; neither that number nor torch's global random state is changed. An epoch on MNIST
    with three layers of 64 takes about 0.7 s. The paper leaves batch size and pixel scale open; here they
    are 128 and [0, 1].

    References
    ----------
    Hanin & Rolnick (2019), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from linregions.training.datasets import Dataset
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> y = (x[:, 0] > 0).astype(np.int64)
    >>> half_planes = Dataset("half-planes", x, y, x, y, (2,))
    >>> start, end = train([2, 8, 2], half_planes, epochs=100, snapshot_epochs=[0, 100], rng=0, learning_rate=0.01)
    >>> end.step, end.test_accuracy > 0.95
    (100, True)
    """
    sizes = _checked_widths(widths, dataset)
    model = Dense(tuple(sizes), as_activation(activation, "activation", _WHO))
    moments = _checked_moments(epochs, snapshot_epochs)
    return train_model(
        model,
        dataset,
        moments,
        rng=rng,
        batch_size=batch_size,
        learning_rate=learning_rate,
        run_dir=run_dir,
        progress=progress,
    )


def train_model(
    model: Model,
    dataset: Dataset,
    moments: Sequence[float],
    *,
    rng: np.random.Generator | int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    run_dir: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> list[Snapshot]:
    """Train a model that fits the data as `train` does, and return its snapshots at some epochs, ascending."""
    batch = as_integer(batch_size, "batch_size", _WHO, 1)
    rate = as_positive(learning_rate, "learning_rate", _WHO)
    generator = as_generator(rng, "rng", _WHO)
    torch = require("torch", "torch", _WHO, lambda: importlib.import_module("torch"))
    folder = None
    if run_dir is not None:
        if isinstance(rng, np.random.Generator):
            raise InvalidTypeError(
                f"`rng` is a Generator together with `run_dir`, but {_WHO} needs an integer seed to recognise a run. "
                "Give a seed, or leave `run_dir` out."
            )
        settings = {
            **model.settings,
            "dataset": {"name": dataset.name, "sha256": dataset.fingerprint},
            "seed": int(rng),
            "batch_size": batch,
            "learning_rate": rate,
        }
        folder = RunFolder(as_path(run_dir, "run_dir", _WHO), settings, model.label)
    steps_per_epoch = -(-len(dataset.y_train) // batch)
    wanted = {round(moment * steps_per_epoch) for moment in moments}
    found = folder.snapshots(wanted) if folder else {}
    missing = wanted - found.keys()
    if missing:
        with one_thread(torch):
            trainer = Trainer(torch, model, dataset, generator, batch, rate)
            if folder:
                trainer.resume(folder, min(missing))
            for snapshot in trainer.run(missing, progress):
                found[snapshot.step] = snapshot
                if folder:
                    folder.add(snapshot, trainer.state())
    result = []
    for moment in moments:
        at = found[round(moment * steps_per_epoch)]
        result.append(Snapshot(moment, at.step, at.network, at.test_accuracy, at.train_loss))
    return result


def _checked_widths(widths: Sequence[int], dataset: Any) -> list[int]:
    if not isinstance(dataset, Dataset):
        raise InvalidTypeError(
            f"`dataset` is {type(dataset).__name__}, but {_WHO} needs a linregions.training.Dataset. Make one of "
            "arrays with `Dataset.from_arrays(x, y)`, or of files with `load_dataset`."
        )
    sizes = list(as_widths(widths, "widths", _WHO))
    if sizes[0] != dataset.n_in or sizes[-1] < dataset.n_classes:
        raise InvalidValueError(
            f"`widths` is {list(widths)}, but {_WHO} needs {dataset.n_in} inputs first and at least "
            f"{dataset.n_classes} outputs last for {dataset.name}. Give e.g. "
            f"`[{dataset.n_in}, 64, 64, 64, {dataset.n_classes}]`."
        )
    return sizes


def _checked_moments(epochs: float, snapshot_epochs: Sequence[float] | None) -> list[float]:
    end = as_positive(epochs, "epochs", _WHO)
    if snapshot_epochs is None:
        return [float(k) for k in range(int(end) + 1)] + ([end] if end % 1 else [])
    moments = as_float_array(snapshot_epochs, "snapshot_epochs", _WHO, ndim=1)
    if moments.size == 0 or moments.min() < 0 or moments.max() > end:
        raise InvalidValueError(
            f"`snapshot_epochs` are {moments.tolist()}, but {_WHO} needs at least one moment, each from 0 to the end "
            f"of the training at {end:g}. Change them, or train longer."
        )
    return [float(moment) for moment in np.unique(moments)]
