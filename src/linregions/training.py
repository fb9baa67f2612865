"""Train networks as the paper does and keep them at chosen moments."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.files import as_path, read_npz, write_npz
from linregions._support.tables import versions, write_json
from linregions._support.validation import as_float_array, as_generator, as_integer, as_positive, as_widths, require
from linregions.datasets import Dataset, Pixels
from linregions.errors import InvalidTypeError, InvalidValueError, LinRegionsError, NumericalError
from linregions.networks.activations import RELU, PiecewiseLinear, as_activation
from linregions.networks.network import Network
from linregions.networks.random import random_network

_LOG = logging.getLogger(__name__)
_WHO = "train"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one moment of its training.

    Parameters
    ----------
    epoch : float
        The moment that was asked for, in passes through the training set.
    step : int
        Number of updates done; the whole number nearest to `epoch`.
    network : Network
        Its float64 weights are exactly the float32 weights of the training.
    test_accuracy : float
        Share of the test set that is classified rightly, from 0 to 1.
    train_loss : float
        Mean cross-entropy over the whole training set, in nats.
    """

    epoch: float
    step: int
    network: Network
    test_accuracy: float
    train_loss: float


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
    >>> from linregions.datasets import Dataset
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> y = (x[:, 0] > 0).astype(np.int64)
    >>> half_planes = Dataset("half-planes", x, y, x, y, (2,))
    >>> start, end = train([2, 8, 2], half_planes, epochs=100, snapshot_epochs=[0, 100], rng=0, learning_rate=0.01)
    >>> end.step, end.test_accuracy > 0.95
    (100, True)
    """
    sizes = _checked_widths(widths, _checked_dataset(dataset))
    activation = as_activation(activation, "activation", _WHO)
    batch = as_integer(batch_size, "batch_size", _WHO, 1)
    rate = as_positive(learning_rate, "learning_rate", _WHO)
    moments = _checked_moments(epochs, snapshot_epochs)
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
            "widths": list(sizes),
            "activation": activation.to_dict(),
            "dataset": {"name": dataset.name, "sha256": dataset.fingerprint},
            "seed": int(rng),
            "batch_size": batch,
            "learning_rate": rate,
        }
        folder = _RunFolder(as_path(run_dir, "run_dir", _WHO), settings)
    steps_per_epoch = -(-len(dataset.y_train) // batch)
    wanted = {round(moment * steps_per_epoch) for moment in moments}
    found = folder.snapshots(wanted) if folder else {}
    missing = wanted - found.keys()
    if missing:
        initial = random_network(sizes, generator, activation=activation)
        with _one_thread(torch):
            trainer = _Trainer(torch, initial, dataset, generator, batch, rate)
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


class _Trainer:
    """The network as float32 tensors, Adam's state, and the place in the stream of batches."""

    def __init__(
        self, torch: Any, network: Network, data: Dataset, rng: np.random.Generator, batch: int, rate: float
    ) -> None:
        self.torch, self.rng, self.batch, self.step = torch, rng, batch, 0
        self.activations = network.activations
        self.parameters = [
            torch.tensor(array, dtype=torch.float32, requires_grad=True)
            for layer in network.layers
            for array in (layer.weight, layer.bias)
        ]
        self.optimizer = torch.optim.Adam(self.parameters, lr=rate, fused=True)
        self.train_set = (self._tensor(data.pixels_train), torch.from_numpy(data.y_train.copy()))
        self.test_set = (self._tensor(data.pixels_test), torch.from_numpy(data.y_test.copy()))
        self.steps_per_epoch = -(-len(data.y_train) // batch)
        self.epoch_state = rng.bit_generator.state  # from which the order of the current epoch is drawn

    def _tensor(self, pixels: Pixels) -> Any:
        array = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32)
        return self.torch.from_numpy(np.array(array))

    def _forward(self, rows: Any) -> Any:
        x = rows.to(self.torch.float32).div_(255.0) if rows.dtype == self.torch.uint8 else rows
        for k in range(0, len(self.parameters), 2):
            x = self.torch.nn.functional.linear(x, self.parameters[k], self.parameters[k + 1])
            if k // 2 < len(self.activations):
                x = _activate(self.torch, self.activations[k // 2], x)
        return x

    def _measure(self) -> tuple[float, float]:
        """Return the accuracy on the test set and the loss on the training set."""
        right, loss, block = 0, 0.0, 8192
        with self.torch.no_grad():
            for x, y in zip(*(part.split(block) for part in self.test_set), strict=True):
                right += int((self._forward(x).argmax(dim=1) == y).sum())
            for x, y in zip(*(part.split(block) for part in self.train_set), strict=True):
                loss += float(self.torch.nn.functional.cross_entropy(self._forward(x), y, reduction="sum"))
        return right / len(self.test_set[1]), loss / len(self.train_set[1])

    def _snapshot(self) -> Snapshot:
        accuracy, loss = self._measure()
        if not np.isfinite(loss):
            raise NumericalError(
                f"`learning_rate` led to a loss of {loss} after {self.step} steps, but {_WHO} needs it finite. "
                "Choose a smaller learning rate."
            )
        arrays = [parameter.detach().numpy().astype(np.float64) for parameter in self.parameters]
        network = Network.from_layers(zip(arrays[::2], arrays[1::2], strict=True), self.activations)
        return Snapshot(self.step / self.steps_per_epoch, self.step, network, accuracy, loss)

    def _order(self) -> Any:
        self.epoch_state = self.rng.bit_generator.state
        return self.torch.from_numpy(self.rng.permutation(len(self.train_set[1])))

    def run(self, wanted: set[int], progress: bool) -> Iterator[Snapshot]:
        """Train up to the last wanted step and yield a snapshot at each."""
        from tqdm import tqdm

        last, start = max(wanted), self.step
        if start in wanted:
            yield self._snapshot()
        sizes = "-".join(str(parameter.shape[0]) for parameter in self.parameters[1::2])
        title = f"training {self.parameters[0].shape[1]}-{sizes}"
        with tqdm(total=last, initial=start, desc=title, unit="step", disable=None if progress else True) as bar:
            within = start % self.steps_per_epoch
            order: Any = self._order() if start < last else None
            while self.step < last:
                if within == self.steps_per_epoch:
                    within, order = 0, self._order()
                self._update(order[within * self.batch : (within + 1) * self.batch])
                within += 1
                self.step += 1
                bar.update()
                if self.step in wanted:
                    yield self._snapshot()

    def _update(self, rows: Any) -> None:
        x, y = self.train_set
        loss = self.torch.nn.functional.cross_entropy(self._forward(x[rows]), y[rows])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, as arrays."""
        ended = self.step % self.steps_per_epoch == 0
        stream = self.rng.bit_generator.state if ended else self.epoch_state
        arrays: dict[str, Any] = {"step": np.array(self.step), "stream": np.array(json.dumps(stream))}
        for k, parameter in enumerate(self.parameters):
            arrays[f"parameter{k}"] = parameter.detach().numpy().copy()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                arrays[f"{key}{k}"] = value.numpy().copy()
        return arrays

    def resume(self, folder: _RunFolder, before: int) -> None:
        """Go on from the kept state, if it is not later than the step `before`."""
        arrays = folder.state()
        if not arrays or int(arrays["step"]) > before:
            return
        self.step = int(arrays["step"])
        self.rng.bit_generator.state = json.loads(str(arrays["stream"]))
        self.epoch_state = self.rng.bit_generator.state
        with self.torch.no_grad():
            for k, parameter in enumerate(self.parameters):
                parameter.copy_(self.torch.from_numpy(arrays[f"parameter{k}"]))
                if self.step:
                    self.optimizer.state[parameter] = {
                        key: self.torch.from_numpy(arrays[f"{key}{k}"]) for key in ("step", "exp_avg", "exp_avg_sq")
                    }
        _LOG.info("training goes on from step %d, kept in %s", self.step, folder.path)


class _RunFolder:
    """Snapshots of one training on disk, found again by a hash of its settings."""

    def __init__(self, parent: Path, settings: dict[str, Any]) -> None:
        text = json.dumps(settings, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.settings = settings
        self.path = parent / f"{settings['dataset']['name']}-{'-'.join(map(str, settings['widths']))}-{digest}"
        self.index: dict[int, dict[str, float]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            content = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            if content["settings"] == settings:
                self.index = {int(step): entry for step, entry in content["snapshots"].items()}

    def _file(self, step: int) -> Path:
        return self.path / f"step-{step:09d}.npz"

    def snapshots(self, wanted: set[int]) -> dict[int, Snapshot]:
        """Return those of the wanted snapshots that are here, undamaged."""
        found = {}
        for step in wanted & self.index.keys():
            entry = self.index[step]
            with contextlib.suppress(LinRegionsError, KeyError, TypeError):
                network = Network.load(self._file(step))
                found[step] = Snapshot(entry["epoch"], step, network, entry["test_accuracy"], entry["train_loss"])
        if found:
            _LOG.info("%d of %d snapshots found in %s", len(found), len(wanted), self.path)
        return found

    def state(self) -> dict[str, Any] | None:
        """Return the state that training can go on from, if there is one."""
        with contextlib.suppress(LinRegionsError):
            return read_npz(self.path / "state.npz", _WHO)
        return None

    def add(self, snapshot: Snapshot, state: dict[str, Any]) -> None:
        """Keep a snapshot and the state after it; the index is written last and so names whole files only."""
        snapshot.network.save(self._file(snapshot.step))
        write_npz(self.path / "state.npz", state, _WHO)
        self.index[snapshot.step] = {
            "epoch": snapshot.epoch,
            "test_accuracy": snapshot.test_accuracy,
            "train_loss": snapshot.train_loss,
        }
        listed = {str(step): self.index[step] for step in sorted(self.index)}
        write_json(self.path / "run.json", {"settings": self.settings, "snapshots": listed, "versions": versions()})


def _activate(torch: Any, activation: PiecewiseLinear, x: Any) -> Any:
    """Apply a piecewise-linear activation to a tensor: its first piece plus one hinge for each breakpoint."""
    if activation == RELU:
        return torch.relu(x)
    knots, heights = activation.knots
    slopes = activation.slopes
    value = slopes[0] * (x - float(knots[0])) + float(heights[0])
    for point, jump in zip(activation.breakpoints, np.diff(slopes), strict=True):
        value = value + float(jump) * torch.relu(x - point)
    return value


@contextlib.contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Make sums come in one order only; restore the number of threads afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


def _checked_dataset(dataset: Any) -> Dataset:
    if not isinstance(dataset, Dataset):
        raise InvalidTypeError(
            f"`dataset` is {type(dataset).__name__}, but {_WHO} needs a linregions.datasets.Dataset. Make one of "
            "arrays with `Dataset.from_arrays(x, y)`, or of files with `load_dataset`."
        )
    return dataset


def _checked_widths(widths: Sequence[int], dataset: Dataset) -> list[int]:
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
