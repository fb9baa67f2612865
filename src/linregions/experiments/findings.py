"""Means with error bars in words, and whether curves turn: what checks of statements are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from linregions._support.tables import Row
from linregions._support.validation import FloatArray
from linregions.experiments.summary import columns_of, names_of, over_runs


@dataclass(frozen=True)
class Finding:
    """What was measured."""

    measured: str  # in plain words, with error bars
    holds: bool | None  # whether the statement holds here; None where the measurement cannot tell
    items: tuple[str, ...] = ()  # the same one by one, for example for each architecture


def with_error(mean: float, error: float, scale: float = 1.0, unit: str = "") -> str:
    """Return "mean ± standard error" with the digits that the error leaves, or the mean alone without an error.

    Examples
    --------
    >>> with_error(1.0234, 0.0123), with_error(8568.7, 1412.2), with_error(0.9701, 0.0006, 100, " %")
    ('1.023 ± 0.012', '8,569 ± 1,412', '97.01 ± 0.06 %')
    """
    mean, error = mean * scale, error * scale
    if not np.isfinite(error):
        return f"{_plainly(mean)}{unit}"
    if error == 0:
        return f"{_plainly(mean)} ± 0{unit}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    digits = digits - 1 if f"{error:.{digits}f}".endswith("0") and digits > 0 else digits
    return f"{mean:,.{digits}f} ± {error:,.{digits}f}{unit}"


def _plainly(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def mean_of(values: FloatArray) -> tuple[float, float]:
    """Return the mean over runs and its standard error, NaN for a single run."""
    row = over_runs([{"value": float(value)} for value in values], (), ("value",))[0]
    return row["value"], row["value_stderr"]


def by_run(rows: Sequence[Row], column: str) -> tuple[list[float], FloatArray]:
    """Return the epochs, and a column as an array of shape (runs, epochs)."""
    epochs, runs = names_of(rows, "epoch"), names_of(rows, "run")
    return epochs, np.array([columns_of(rows, column, run=run)[0] for run in runs], dtype=np.float64)


def runs_in(rows: Sequence[Row]) -> str:
    """Tell how many runs means are over."""
    n = len(names_of(rows, "run"))
    return "one run, no error bar" if n == 1 else f"{n} runs"


def moments_of(rows: Sequence[Row]) -> str:
    """Tell architectures and epochs.

    Examples
    --------
    >>> moments_of([{"architecture": "[64]", "epoch": epoch} for epoch in (0.2, 0.3, 0.5)])
    '[64] at 3 moments from epoch 0.2 to 0.5'
    """
    listed = []
    for name in names_of(rows, "architecture"):
        (epochs,) = columns_of(rows, "epoch", architecture=name)
        span = f"{len(epochs)} moments from epoch {min(epochs):g} to {max(epochs):g}"
        listed.append(f"{name} at " + (span if len(epochs) > 1 else f"epoch {epochs[0]:g}"))
    return " and ".join(listed)


def is_above(values: FloatArray, bound: float = 0.0) -> bool:
    """Return whether the mean lies above a bound by two standard errors, or at all for a single value."""
    mean, error = mean_of(values)
    return mean - (2 * error if np.isfinite(error) else 0.0) > bound


def turn_of(rows: Sequence[Row], column: str, sign: int) -> tuple[str, bool | None]:
    """Tell whether a column first falls and then rises again (sign 1), or first rises and then falls (sign -1).

    It does if both changes exceed two standard errors, it does not if the extreme is at an end, and nothing is
    decided in between.
    """
    epochs, values = by_run(rows, column)
    if len(epochs) < 3:
        return "fewer than three moments of training were measured", None
    turn = int(np.argmin(sign * values.mean(axis=0)))
    first, extreme, last = (with_error(*mean_of(values[:, k])) for k in (0, turn, -1))
    start = "before training" if epochs[0] == 0 else f"at epoch {epochs[0]:g}"
    if turn in {0, len(epochs) - 1}:
        return f"{first} {start}, {last} at epoch {epochs[-1]:g}, with no turn between", False
    text = f"{first} {start}, {extreme} at epoch {epochs[turn]:g}, {last} at epoch {epochs[-1]:g}"
    left = is_above(sign * (values[:, 0] - values[:, turn]))
    came_back = is_above(sign * (values[:, -1] - values[:, turn]))
    return (text, True) if left and came_back else (f"{text}, undecided within errors", None)


def all_hold(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if any is, else None if any is, else True."""
    found = list(verdicts)
    return False if False in found else None if None in found or not found else True
