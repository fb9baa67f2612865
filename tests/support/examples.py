"""Examples, a part of them in the quick tests and all in the slow ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

# So many are always looked at.
_FEWEST = 25


def drawn(n_examples: int, *strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes a test of a function of what is drawn; which examples these are never changes."""

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        quick = max(n_examples // 4, min(n_examples, _FEWEST))
        numbers = [quick] + [pytest.param(n_examples, marks=pytest.mark.slow)] * (quick < n_examples)

        @pytest.mark.parametrize("n_examples", numbers)
        def test(n_examples: int) -> None:
            chosen = settings(
                max_examples=n_examples,
                derandomize=True,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            chosen(given(*strategies)(check))()

        test.__name__, test.__qualname__ = check.__name__, check.__qualname__
        test.__doc__, test.__module__ = check.__doc__, check.__module__
        return test

    return decorate


def pairs(first: Iterable[Any], second: Iterable[Any], one_in: int) -> list[Any]:
    """Return all pairs, for parametrize; one in some of them is quick, and these are spread over both."""
    others = [b if isinstance(b, tuple) else (b,) for b in second]
    step = max(1, one_in // len(others))
    return [
        pytest.param(a, *b, marks=[pytest.mark.slow] if (i + step * j) % one_in else [])
        for i, a in enumerate(first)
        for j, b in enumerate(others)
    ]
