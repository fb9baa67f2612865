"""What all tests share."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from linregions._support.kernels.compiled import OfOneType

# How long an example takes says something about the machine and what else it does, nothing about the library.
settings.register_profile("linregions", deadline=None)
settings.load_profile("linregions")

OfOneType.checks_records = True


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Undo for children what a shell does to programs in the background: they, and all they start, ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Terminal(io.StringIO):
    """What progress bars are shown on."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Return what has stderr be a terminal and returns it; to be called in the test, for pytest sets stderr before."""

    def made() -> Terminal:
        shown = Terminal()
        monkeypatch.setattr("sys.stderr", shown)
        return shown

    return made
