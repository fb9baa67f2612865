"""Tasks taken from one queue by the caller's thread and a few others, with results in order."""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class _Queue(Generic[Task, Result]):
    """Tasks that are not begun, and results that are not yielded."""

    def __init__(
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stopped: threading.Event, ahead: int
    ) -> None:
        self.work, self.tasks, self.stopped, self.ahead = work, tasks, stopped, ahead
        self.changed = threading.Condition()
        self.begun, self.yielded, self.helpers = 0, 0, 0
        self.results: dict[int, Result] = {}
        self.failed = len(tasks)  # the first task with an error, if any
        self.error: BaseException | None = None

    def _next(self) -> int | None:
        """Return the number of a task to begin, None if that has to wait; call with the lock held."""
        if self.begun >= min(self.failed, self.yielded + self.ahead):
            return None
        self.begun += 1
        return self.begun - 1

    def _next_in_helper(self) -> int | None:
        """Return the number of a task to begin, None if there is no more; call with the lock held."""
        while self.begun < self.failed and not self.stopped.is_set():
            number = self._next()
            if number is not None:
                return number
            self.changed.wait()
        return None

    def _do(self, number: int, caught: type[BaseException]) -> None:
        """Work on a task that was begun."""
        try:
            result = self.work(self.tasks[number])
        except caught as error:  # raised in the caller's thread, when it is the turn of this task
            with self.changed:
                if number < self.failed:
                    self.failed, self.error = number, error
        else:
            with self.changed:
                self.results[number] = result
        with self.changed:
            if self.failed < len(self.tasks) and all(k in self.results for k in range(self.yielded, self.failed)):
                self.stopped.set()  # whatever else is at work comes after the error
            self.changed.notify_all()

    def help(self) -> None:
        """Work on tasks until there are none left, or an error."""
        with self.changed:
            number = self._next_in_helper()
            self.helpers += number is not None
        while number is not None:
            self._do(number, BaseException)
            with self.changed:
                number = self._next_in_helper()
                if number is None:
                    self.helpers -= 1
                    self.changed.notify_all()

    def result(self, number: int) -> Result:
        """Return the result of a task, working on this or others until it is there."""
        while True:
            with self.changed:
                while True:
                    if number in self.results:
                        self.yielded = number + 1
                        self.changed.notify_all()
                        return self.results.pop(number)
                    if number == self.failed and self.error is not None:
                        raise self.error
                    mine = self._next()
                    if mine is not None:
                        break
                    self.changed.wait()
            self._do(mine, Exception)  # Ctrl-C is raised at once

    def end(self) -> None:
        """Wait for all other threads that have begun a task."""
        with self.changed:
            self.stopped.set()
            self.changed.notify_all()
            while self.helpers:
                self.changed.wait()


def shared_work(
    work: Callable[[Task], Result], tasks: Sequence[Task], threads: int, stopped: threading.Event, ahead: int
) -> Generator[Result, None, None]:
    """Yield ``work(task)`` for all tasks, in their order, worked by `threads` threads: the caller's and others.

    No task is begun more than `ahead` before the one whose result is yielded next. An error is raised when it is the
    turn of its task. From then on, or when the caller takes no more, `stopped` is set, so that work in other threads
    can be left early, and it has ended when the caller goes on.
    """
    queue = _Queue(work, tasks, stopped, ahead)
    try:
        for _ in range(min(threads, len(tasks)) - 1):
            # `threading.Thread.start` would wait until the thread runs: milliseconds where all cores are busy. So
            # would `join`, and a thread that comes when all is done has nothing to do.
            try:
                start_new_thread(queue.help, ())
            except RuntimeError:  # the system allows no more: those that there are do the work
                break
        for number in range(len(tasks)):
            yield queue.result(number)
    finally:
        queue.end()
