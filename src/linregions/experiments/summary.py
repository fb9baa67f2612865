"""Tidy tables to means over runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from linregions._support.tables import Row


def over_runs(rows: Sequence[Row], by: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Average columns over the runs, where `by` are the columns that tell what belongs together.

    Rows are one for each run and each combination of `by`. Found are, in the order in which combinations come first,
    `by`, ``runs``, and for every column its mean, and under the name with ``_stderr`` the standard error of the mean,
    NaN for a single run.

    Examples
    --------
    >>> rows = [{"epoch": 0, "run": k, "regions": n} for k, n in enumerate([8, 10, 12])]
    >>> over_runs(rows, ["epoch"], ["regions"])
    [{'epoch': 0, 'runs': 3, 'regions': 10.0, 'regions_stderr': 1.1547005383792517}]
    >>> over_runs([{"regions": 49 / 48}] * 1000, [], ["regions"])[0]["regions_stderr"]
    0.0
    """
    found = []
    for key, members in _groups(rows, by).items():
        entry: dict[str, Any] = dict(zip(by, key, strict=True)) | {"runs": len(members)}
        for column in columns:
            entry[column], entry[f"{column}_stderr"] = _mean([float(member[column]) for member in members])
        found.append(entry)
    return found


def through_training(summary: Sequence[Row], by: Sequence[str], column: str) -> list[dict[str, Any]]:
    """Say in one row for each network, told apart by the columns `by`, how a mean goes through training.

    From `over_runs` with a column ``epoch``: `by`, ``runs``, ``first``, ``last``, ``smallest`` and ``largest``, the
    epochs of these two, and ``test_accuracy`` at the last moment.
    """
    found = []
    for key, members in _groups(summary, by).items():
        low, high = (choose(members, key=lambda row: row[column]) for choose in (min, max))
        entry: dict[str, Any] = dict(zip(by, key, strict=True)) | {"runs": members[0]["runs"]}
        entry |= {"first": members[0][column], "last": members[-1][column]}
        entry |= {"smallest": low[column], "smallest_epoch": low["epoch"]}
        entry |= {"largest": high[column], "largest_epoch": high["epoch"]}
        entry |= {"last_epoch": members[-1]["epoch"], "test_accuracy": members[-1]["test_accuracy"]}
        found.append(entry)
    return found


def _groups(rows: Sequence[Row], by: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in by), []).append(row)
    return groups


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error."""
    n, mean = len(values), float(np.mean(values))
    if n < 2 or not np.isfinite(mean):
        return mean, float("nan")
    if min(values) == max(values):  # rounding in the mean would make it tiny instead
        return mean, 0.0
    return mean, float(np.std(values, ddof=1) / np.sqrt(n))


def columns_of(rows: Sequence[Row], *names: str, **where: Any) -> list[np.ndarray[Any, Any]]:
    """Return columns as arrays, of those rows only whose entries equal the ones given, as column = entry."""
    chosen = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return [np.array([row[name] for row in chosen]) for name in names]


def names_of(rows: Sequence[Row], column: str) -> list[Any]:
    """Return the different entries of a column, in the order in which they come first."""
    return list(dict.fromkeys(row[column] for row in rows))
