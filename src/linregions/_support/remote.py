"""Tasks on the workers of an executor, to each of which what all tasks share is sent about once.

A task names its job by a hash. A worker that does not know the job says so, whereupon the task is sent again with the
job: one for each such worker, while the others wait until the first is through. No disk is shared, no worker is chosen
and none is prepared, since an executor promises none of this.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

# Bytes of a job up to which it goes with every task.
SMALL = 1 << 16
# Jobs that a process remembers.
_REMEMBERED = 2


class Recipe(Protocol):
    """A job: what all tasks share, small enough to be sent. It can be pickled."""

    def prepare(self) -> Callable[[Any], Any]:
        """Return what does a task; called once in a process."""


# Jobs of this process, for workers that are its threads or its forks.
_own: dict[str, bytes] = {}
# Jobs that this process has worked on, the latest last.
_known: dict[str, Callable[[Any], Any]] = {}


class Answer(NamedTuple):
    """What a worker says: its name, whether it knows the job, and if so what came of the task."""

    worker: str
    knew: bool
    result: Any


@lru_cache(maxsize=1)
def _name(process: int) -> str:
    return f"{socket.gethostname()}:{process}"


def _prepared(key: str, packed: bytes | None) -> Callable[[Any], Any] | None:
    """Return what does the tasks of a job; None if the job has not been sent."""
    known = _known.get(key)
    if known is None:
        packed = packed or _own.get(key)
        if packed is None:
            return None
        recipe: Recipe = pickle.loads(packed)
        known = _known.setdefault(key, recipe.prepare())
        for old in list(_known)[:-_REMEMBERED]:
            _known.pop(old, None)
    return known


def work_remotely(key: str, packed: bytes | None, task: Any) -> Answer:
    """Do a task in another process."""
    known = _prepared(key, packed)
    return Answer(_name(os.getpid()), known is not None, None if known is None else known(task))


class Remote:
    """A job's tasks on an executor, or anything that has `submit`; the recipe is what all tasks need."""

    def __init__(self, executor: Executor, recipe: Recipe, tasks: Sequence[Any], small: int = SMALL) -> None:
        self.executor, self.tasks, self.small = executor, tasks, small
        self.packed = pickle.dumps(recipe)
        self.key = hashlib.sha256(self.packed).hexdigest()
        self.answers: SimpleQueue[int] = SimpleQueue()
        self.futures: dict[int, Future[Answer]] = {}
        self.ready: dict[int, Future[Answer] | _Result] = {}
        self.without: set[str] = set()  # workers that, as far as is known, do not have the job
        self.carrying: set[int] = set()  # tasks under way with the job
        self.held: list[int] = []

    def results(self, earlier: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield what comes of the tasks, in order; cancel the rest on any error."""
        _own[self.key] = self.packed
        try:
            for number, task in enumerate(self.tasks):
                found = earlier(task)
                if found is None:
                    self._submit(number, len(self.packed) <= self.small)
                else:
                    self.ready[number] = _Result(found)
            for number in range(len(self.tasks)):
                while number not in self.ready:
                    self._take(self.answers.get())
                entry = self.ready.pop(number)
                if isinstance(entry, _Result):
                    yield entry.value
                else:
                    entry.result()  # raises
        finally:
            _own.pop(self.key, None)
            _known.pop(self.key, None)  # here; other processes remember it
            for future in self.futures.values():
                future.cancel()

    def _submit(self, number: int, carry: bool) -> None:
        """Send a task."""
        if carry:
            self.carrying.add(number)
        packed = self.packed if carry else None
        future = self.executor.submit(work_remotely, self.key, packed, self.tasks[number])
        self.futures[number] = future
        future.add_done_callback(lambda _: self.answers.put(number))

    def _take(self, number: int) -> None:
        """Take an answer: a result, or the wish to be told the job."""
        future = self.futures.pop(number)
        answer = None if future.cancelled() or future.exception() is not None else future.result()
        if answer is not None and not answer.knew:
            self.without.add(answer.worker)
            if len(self.carrying) < len(self.without):
                self._submit(number, True)
            else:
                self.held.append(number)
            return
        if answer is None:
            self.ready[number] = future  # an error, which comes out when its turn comes
        else:
            self.ready[number] = _Result(answer.result)
            self.without.discard(answer.worker)
        if number in self.carrying:
            self.carrying.discard(number)
            held, self.held = self.held, []
            for other in held:
                self._submit(other, False)


class _Result(NamedTuple):
    """What came of a task."""

    value: Any
