"""When a tracker measures, and what that costs."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

import numpy as np

from linregions._support.validation import as_integer, as_positive
from linregions.errors import InvalidValueError

KINDS_OF_TIME = ("training", "measuring", "drawing", "setup")
Every = int | float | Literal["auto"]
_WHO = "Tracker"
# In automatic mode, steps between records grow with this share of the steps done: about 230 records for each tenfold.
_GROWTH = 0.01
# A training may be too short for its budget to pay for more than the first record. So the first second of measuring is
# free, at steps that grow by this factor at least: 13 records of 157 steps, 19 of 2,000.
_FREE_SECONDS, _FREE_GROWTH = 1.0, 1.5
# Records differ a little in what they take, and the share is to stay below the budget.
_MARGIN = 1.25


class Schedule:
    """Decide when to measure, by `every` and `budget` of a `Tracker`, and keep account of time.

    `seconds` holds the time spent in ``"training"``, ``"measuring"``, ``"drawing"`` and ``"setup"``, up to the last
    lap; `cost` the seconds that the last record took. `cold` tells whether nothing was measured yet in this process, so
    that kernels have to be loaded.
    """

    def __init__(self, every: Any, budget: Any) -> None:
        self.every = _checked_every(every)
        self.budget = as_positive(budget, "budget", _WHO)
        if self.budget >= 1:
            raise InvalidValueError(
                f"`budget` is {self.budget:g}, but {_WHO} needs a share below 1 of the training's time. Give e.g. 0.05."
            )
        self.seconds = dict.fromkeys(KINDS_OF_TIME, 0.0)
        self.cost = 0.0
        self.cold = True
        self._mark: float | None = None

    def start(self) -> None:
        """Begin to count time; nothing happens where that was done."""
        if self._mark is None:
            self._mark = perf_counter()

    def stop(self) -> None:
        """Count no time until the next start."""
        self._mark = None

    def lap(self, what: str) -> float:
        """Count the time since the last lap as one kind of time, and return it."""
        now = perf_counter()
        elapsed = now - (now if self._mark is None else self._mark)
        self._mark = now
        self.seconds[what] += elapsed
        return elapsed

    def due(self, step: int, epoch: float, last_step: int, last_epoch: float, drawing: bool) -> bool:
        """Return whether it is time for a record, given where training is now, and was at the last record.

        Epochs are looked at only where `every` is a float; where there is a `drawing`, half of the budget is kept for
        it.
        """
        if isinstance(self.every, int):
            return step // self.every > last_step // self.every
        if isinstance(self.every, float):
            # A tiny push, since a third of an epoch three times is an epoch.
            passed, before = epoch / self.every + 1e-9, last_epoch / self.every + 1e-9
            return not bool(np.floor(passed) <= np.floor(before))
        if step < last_step * (1 + _GROWTH) or self._mark is None:
            return False
        spent = self.seconds["measuring"] + self.seconds["drawing"]
        if step >= last_step * _FREE_GROWTH and spent + self.cost <= _FREE_SECONDS:
            return True
        # A pause in a notebook must not be followed by many records, hence the time since the last one counts as well.
        since = perf_counter() - self._mark
        share = 0.5 * self.budget if drawing else self.budget
        cost = _MARGIN * self.cost
        return cost <= share * since and spent + cost <= self.budget * (self.seconds["training"] + since)


def _checked_every(every: Any) -> Every:
    if isinstance(every, str):
        if every == "auto":
            return "auto"
        raise InvalidValueError(
            f"`every` is {every!r}, but {_WHO} needs steps (an int), epochs (a float) or 'auto'. Give e.g. 100."
        )
    if isinstance(every, float | np.floating):
        return as_positive(every, "every", _WHO)
    return as_integer(every, "every", _WHO, 1)
