"""Tasks taken from one queue by the caller's thread and a few others, with results in order."""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
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
        self.error: BaseException | None = None

    def _next(self) -> int | None:
        """Return the number of a task to begin, None if that has to wait; call with the lock held."""
        if self.begun == min(len(self.tasks), self.yielded + self.ahead):
            return None
        self.begun += 1
        return self.begun - 1

    def _next_in_helper(self) -> int | None:
        """Return the number of a task to begin, None if there is no more; call with the lock held."""
        while not self.stopped.is_set() and self.begun < len(self.tasks):
            number = self._next()
            if number is not None:
                return number
            self.changed.wait()
        return None

    def help(self) -> None:
        """Work on tasks until there are none left, or an error."""
        with self.changed:
            number = self._next_in_helper()
            if number is None:
                return
            self.helpers += 1
        try:
            while number is not None:
                result = self.work(self.tasks[number])
                with self.changed:
                    self.results[number] = result
                    self.changed.notify_all()
                    number = self._next_in_helper()
        except BaseException as error:  # raised again in the caller's thread
            with self.changed:
                if not self.stopped.is_set():
                    self.error = error
                    self.stopped.set()
        finally:
            with self.changed:
                self.helpers -= 1
                self.changed.notify_all()

    def result(self, number: int) -> Result:
        """Return the result of a task, working on this or others until it is there."""
        while True:
            with self.changed:
                while True:
                    if self.error is not None:
                        raise self.error
                    if number in self.results:
                        self.yielded = number + 1
                        self.changed.notify_all()
                        return self.results.pop(number)
                    mine = self._next()
                    if mine is not None:
                        break
                    self.changed.wait()
            try:
                self.results[mine] = self.work(self.tasks[mine])
            except BaseException:
                if self.error is not None:  # this was only told to stop
                    raise self.error from None
                raise

    def end(self) -> None:
        """Wait for all other threads that have begun a task."""
        with self.changed:
            self.stopped.set()
            self.changed.notify_all()
            while self.helpers:
                self.changed.wait()


def shared_work(
    work: Callable[[Task], Result], tasks: Sequence[Task], threads: int, stopped: threading.Event, ahead: int
) -> Iterator[Result]:
    """Yield ``work(task)`` for all tasks, in their order, worked by `threads` threads: the caller's and others.

    No task is begun more than `ahead` before the one whose result is yielded next. After an error, or when the
    caller takes no more, `stopped` is set, so that work in other threads can be left early, and it has ended when
    the caller goes on.
    """
    queue = _Queue(work, tasks, stopped, ahead)
    try:
        for _ in range(min(threads, len(tasks)) - 1):
            # `threading.Thread.start` would wait until the thread runs: milliseconds where all cores are busy. So
            # would `join`, and a thread that comes when all is done has nothing to do.
            start_new_thread(queue.help, ())
        for number in range(len(tasks)):
            yield queue.result(number)
    finally:
        queue.end()
