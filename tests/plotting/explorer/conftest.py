"""Pages of explorers, opened in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Visit, browser


@pytest.fixture(scope="session")
def started() -> Iterator[Any]:
    """A browser, or the test is skipped."""
    with browser() as found:
        yield found


@pytest.fixture
def visit(started: Any, tmp_path: Path) -> Iterator[Any]:
    """Open the page of an explorer; when the test is over, nothing may have been complained of."""
    opened: list[Visit] = []

    def opening(explorer: Any, **options: Any) -> Any:
        opened.append(Visit(started, explorer.save(tmp_path / f"page-{len(opened)}.html"), **options))
        return opened[-1].page

    yield opening
    for one in opened:
        one.close()
