"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says something about the machine and what else it does, nothing about the library.
settings.register_profile("linregions", deadline=None)
settings.load_profile("linregions")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Undo for children what a shell does to programs in the background: they, and all they start, ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
