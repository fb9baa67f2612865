"""A Lightning callback that follows the linear regions of the network in training."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError
from linregions.tracking import Tracker

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")
_WHO = "TrackerCallback"


class TrackerHooks:
    """The hooks of `TrackerCallback`, which is this class made a Lightning callback.

    Parameters
    ----------
    tracker : Tracker
        Its table and figure can be asked for during the training and afterwards.
    module : str or callable, optional
        Which part of the LightningModule to measure: the name of an attribute, such as ``"model"``, with dots for
        attributes of attributes, or a function of the LightningModule. By default the whole, which must then be a
        model that `from_torch` takes.

    Raises
    ------
    InvalidTypeError
        If `tracker` is no Tracker, or `module` neither a string nor a function.

    Notes
    -----
    Measures before the first update, after updates as `Tracker.every` says, and after the last. A step is an update
    of the optimizer (``trainer.global_step``). The numbers go to all loggers of the trainer, and to `Tracker.log`.
    With several devices, only the first one measures. Lightning keeps the tracker's state in its checkpoints.
    """

    def __init__(self, tracker: Tracker, module: str | Callable[[Any], Any] | None = None) -> None:
        if not isinstance(tracker, Tracker):
            raise InvalidTypeError(
                f"`tracker` is {type(tracker).__name__}, but {_WHO} needs a linregions.Tracker. "
                "Build one from probes, e.g. `lr.Tracker(lr.default_probes(x, rng=0))`."
            )
        if not (module is None or isinstance(module, str) or callable(module)):
            raise InvalidTypeError(
                f"`module` is {type(module).__name__}, but {_WHO} needs the name of an attribute or a function. "
                "Give e.g. 'model'."
            )
        self.tracker = tracker
        self._module = module
        self._epoch = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Measure before the first update."""
        self._epoch = float(trainer.current_epoch)
        self._call(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Measure after an update, if it is time to."""
        total = float(trainer.num_training_batches)  # infinite where the loader does not tell
        done = (batch_idx + 1) / total if np.isfinite(total) and total > 0 else 0.0
        self._epoch = float(trainer.current_epoch) + done
        self._call(trainer, pl_module)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Measure after the last update."""
        self._call(trainer, pl_module, force=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the tracker's state, for Lightning's checkpoints."""
        return self.tracker.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the tracker's state from a checkpoint."""
        self.tracker.load_state_dict(state_dict)

    def _call(self, trainer: Any, pl_module: Any, force: bool = False) -> None:
        if not trainer.is_global_zero:
            return
        step = int(trainer.global_step)
        row = self.tracker(self._part(pl_module), step=step, epoch=self._epoch, force=force)
        if row is None:
            return
        scalars = {key: value for key, value in row.items() if "/" in key}
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=step)

    def _part(self, pl_module: Any) -> Any:
        if self._module is None:
            return pl_module
        if not isinstance(self._module, str):
            return self._module(pl_module)
        try:
            return functools.reduce(getattr, self._module.split("."), pl_module)
        except AttributeError as error:
            raise InvalidValueError(
                f"`module` is {self._module!r}, which {type(pl_module).__name__} does not have ({error}), but {_WHO} "
                "needs an attribute of the LightningModule. Check the spelling."
            ) from None


@functools.cache
def _callback_class(package: str) -> type[Any]:
    base = importlib.import_module(f"{package}.callbacks").Callback
    names = {"__doc__": TrackerHooks.__doc__, "__module__": __name__}
    return type("TrackerCallback", (TrackerHooks, base), names)


def __getattr__(name: str) -> Any:
    """Make the class ``TrackerCallback`` when it is asked for, since it derives from a class of Lightning."""
    if name != "TrackerCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The two packages have a Callback each; whoever has imported one means this one.
    failures = []
    for package in sorted(_PACKAGES, key=lambda package: package not in sys.modules):
        try:
            return _callback_class(package)
        except ImportError as error:
            failures.append(str(error))
    raise MissingDependencyError(
        f"`lightning` cannot be imported ({'; '.join(failures)}), but {_WHO} needs it or pytorch_lightning. "
        "Install it with `pip install 'linregions[lightning]'`."
    )
