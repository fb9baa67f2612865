"""A network in training: float32 tensors in torch, moved by Adam, to the same bit every time."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from linregions._support.progress import ProgressBar
from linregions.errors import NumericalError
from linregions.training.datasets import Dataset, Pixels
from linregions.training.models import Model
from linregions.training.runs import RunFolder, Snapshot

_LOG = logging.getLogger(__name__)


class Trainer:
    """The network as float32 tensors, Adam's state, and the place in the stream of batches."""

    def __init__(
        self, torch: Any, model: Model, data: Dataset, rng: np.random.Generator, batch: int, rate: float
    ) -> None:
        self.torch, self.model, self.rng, self.batch, self.step = torch, model, rng, batch, 0
        self.parameters = [torch.tensor(array, dtype=torch.float32, requires_grad=True) for array in model.initial(rng)]
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
        return self.model.forward(self.torch, self.parameters, x)

    def _measure(self) -> tuple[float, float]:
        """Return the accuracy on the test set and the loss on the training set."""
        right, loss, block = 0, 0.0, self.model.block
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
                f"`learning_rate` led to a loss of {loss} after {self.step} steps, but train needs it finite. "
                "Choose a smaller learning rate."
            )
        arrays = [parameter.detach().numpy().astype(np.float64) for parameter in self.parameters]
        network = self.model.network(arrays)
        return Snapshot(self.step / self.steps_per_epoch, self.step, network, accuracy, loss)

    def _order(self) -> Any:
        self.epoch_state = self.rng.bit_generator.state
        return self.torch.from_numpy(self.rng.permutation(len(self.train_set[1])))

    def run(self, wanted: set[int], progress: bool) -> Iterator[Snapshot]:
        """Train up to the last wanted step and yield a snapshot at each."""
        last, start = max(wanted), self.step
        if start in wanted:
            yield self._snapshot()
        with ProgressBar(last, f"training {self.model.label}", "step", progress, start) as bar:
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

    def resume(self, folder: RunFolder, before: int) -> None:
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


@contextlib.contextmanager
def one_thread(torch: Any) -> Iterator[None]:
    """Make sums come in one order only; restore the number of threads afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)
