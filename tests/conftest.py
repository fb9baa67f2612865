"""What all tests share."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from linregions._support.kernels.compiled import OfOneType

# How long an example takes says something about the machine and what else it does, nothing about the library.
settings.register_profile("linregions", deadline=None)
settings.load_profile("linregions")

OfOneType.checks_records = True

# Where fewer tests run, they compile what they need.
_MANY = 1000


@pytest.fixture(scope="session", autouse=True)
def _as_one_of_several(request: pytest.FixtureRequest) -> None:
    """Have each of the first two workers compile a half of the kernels, which are kept, where they run many tests."""
    worker = getattr(request.config, "workerinput", {"workerid": "gw0", "workercount": 1})
    number = int(worker["workerid"].removeprefix("gw"))
    if worker["workercount"] > 1 and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # or threads of one worker wait for those of another
    if worker["workercount"] > 1 and number < 2 and len(request.session.items) > _MANY:
        from tests.support.compiling import HALVES

        HALVES[number]()


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
