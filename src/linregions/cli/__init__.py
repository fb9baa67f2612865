"""The command line ``linregions``."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from linregions.cli.parser import build_parser
from linregions.errors import LinRegionsError

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, by default that of the process, and return its exit status.

    It is 0 when all went well, 2 after an error (told in one sentence on stderr), 130 when interrupted, 143 when
    terminated.
    """
    words = sys.argv[1:] if argv is None else argv
    command = next((word for word in words if not word.startswith("-")), "")
    arguments = build_parser(command).parse_args(words)
    try:
        with _termination(), _messages(arguments.quiet):
            importlib.import_module(f"linregions.cli.{arguments.command}").run(arguments)
    except _Terminated:
        print("linregions: terminated", file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("linregions: interrupted", file=sys.stderr)
        return 130
    except MemoryError as error:
        detail = f" ({' '.join(str(error).split())})" if str(error) else ""
        print(
            f"linregions: error: the process got no more memory{detail}; raise its limit (`ulimit -v`) or free some",
            file=sys.stderr,
        )
        return 2
    except (LinRegionsError, OSError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"linregions: error: {text}", file=sys.stderr)
        return 2
    return 0


class _Terminated(KeyboardInterrupt):
    """What SIGTERM becomes, so that it ends the same way as Ctrl-C: workers stop, no half-written file stays."""


def _terminate(*_: object) -> None:
    raise _Terminated


@contextmanager
def _termination() -> Iterator[None]:
    """Let SIGTERM, as batch systems and `kill` send it, end a command as Ctrl-C does."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _messages(quiet: bool) -> Iterator[None]:
    """Show what the library reports on stderr, while a command runs."""
    logger = logging.getLogger("linregions")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
