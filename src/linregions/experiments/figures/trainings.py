"""The trainings that Figures 5, 6 and 7 look at; figures that ask for the same one share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from linregions._support.validation import as_float_array, as_integer, as_positive
from linregions.errors import InvalidValueError
from linregions.experiments.context import Context
from linregions.experiments.sweeps.cells import Chain, Result, Training, architecture

#: Of different depth, with equal or different numbers of neurons; the paper leaves its own open.
ARCHITECTURES = ((32, 32, 32), (64, 64, 64), (128, 128, 128), (64,), (192,), (64, 64), (32,) * 6)
FEW_ARCHITECTURES = ((32, 32, 32), (64, 64, 64), (64,), (192,), (32,) * 6)
#: Finely up to half an epoch, then up to 20.
MOMENTS = (*(k / 40 for k in range(21)), 0.75, 1.0, 1.5, *(float(k) for k in range(2, 21)))
#: Some of `MOMENTS`, so that one training serves both.
SOME_MOMENTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, *(float(k) for k in range(2, 21)))
FEW_MOMENTS = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0)


class _Settings(Protocol):
    """What settings of these figures share: architectures, runs, moments, and how to train."""

    @property
    def hidden(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def runs(self) -> int: ...
    @property
    def epochs(self) -> tuple[float, ...]: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...


def chosen(settings: _Settings, context: Context, who: str) -> list[Training[Chain]]:
    """Return one training for each architecture and run, or raise if a setting is out of range."""
    for k, widths in enumerate(settings.hidden):
        for width in widths:
            as_integer(width, f"hidden[{k}]", who, 1)
    if len(set(settings.hidden)) < len(settings.hidden) or not settings.hidden:
        raise InvalidValueError(
            f"`hidden` holds {', '.join(map(architecture, settings.hidden)) or 'nothing'}, but {who} needs at least "
            "one architecture, each once. Remove repetitions."
        )
    epochs = moments(settings.epochs, who)
    runs = as_integer(settings.runs, "runs", who, 1)
    batch = as_integer(settings.batch_size, "batch_size", who, 1)
    rate = as_positive(settings.learning_rate, "learning_rate", who)
    return [
        Training(Chain(hidden, run, context.seed, context.dataset.fingerprint, batch, rate), epochs)
        for hidden in settings.hidden
        for run in range(runs)
    ]


def moments(epochs: Sequence[float], who: str) -> tuple[float, ...]:
    """Return moments of training, or raise InvalidValueError if they are not ascending from 0 on."""
    found = as_float_array(epochs, "epochs", who, ndim=1).tolist()
    if not found or found != sorted(set(found)) or found[0] < 0:
        raise InvalidValueError(
            f"`epochs` are {list(epochs)}, but {who} needs moments from 0 on, in ascending order, each once. Sort them."
        )
    return tuple(found)


def check_count(value: Any, name: str, available: int, what: str, who: str) -> None:
    """Make sure that there are as many examples as a setting asks for."""
    if as_integer(value, name, who, 1) > available:
        raise InvalidValueError(
            f"`{name}` is {value}, but {who} needs at most {available}, the number of {what} examples. "
            "Give a smaller number."
        )


def check_points(value: Any, sample: str, context: Context, who: str) -> None:
    """Make sure that there are as many examples as points, unless these are drawn normally."""
    data = context.dataset
    available = {"train": len(data.y_train), "test": len(data.y_test)}.get(sample, value)
    check_count(value, "points", available, sample, who)


def legend_below(ax: Any, columns: int, title: str) -> None:
    """Name the curves of some axes below their figure."""
    handles, labels = ax.get_legend_handles_labels()
    ncols = min(columns, len(labels))
    ax.figure.legend(handles, labels, loc="outside lower center", ncols=ncols, frameon=False, title=title)


def row(training: Training[Chain], done: Result, k: int) -> dict[str, Any]:
    """Return the first entries of a row of a tidy table: which network at which moment, and how good it is."""
    chain = training.chain
    return {
        "architecture": architecture(chain.hidden),
        "neurons": sum(chain.hidden),
        "run": chain.run + 1,
        "epoch": training.epochs[k],
        "step": done["step"][k],
        "test_accuracy": done["test_accuracy"][k],
        "train_loss": done["train_loss"][k],
    }
