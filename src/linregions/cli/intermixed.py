"""A parser for words in any order."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any

# As in -1e-3, -2,0.5 or -inf; no option begins with a digit.
_NEGATIVE = re.compile(r"-(\.?\d|inf\b)")


class IntermixedParser(argparse.ArgumentParser):
    """A parser that takes positional arguments between options, too: ``plot results --quiet fig4``.

    And negative numbers of every spelling as values of options: ``--low -1e-3``.
    """

    _splitting = False

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """Parse options first and positional arguments from what is left."""
        if self._splitting:  # called back for one of the two
            return super().parse_known_args(args, namespace)
        self._splitting = True
        words = sys.argv[1:] if args is None else args
        try:
            return self.parse_known_intermixed_args([_as_value(word) for word in words], namespace)
        finally:
            self._splitting = False


def _as_value(word: str) -> str:
    """Return a word of the command line with a blank before it if it is a negative number, or several with commas.

    Of those argparse itself only knows ``-1`` and ``-0.5`` from options. A word that begins with a blank is a value.
    """
    return f" {word}" if _NEGATIVE.match(word) else word
