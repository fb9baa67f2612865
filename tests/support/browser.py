"""A headless browser that opens pages from disk, for tests of what pages do."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Drawing works without a graphics card, and as root in a container.
_OPTIONS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage")


@contextmanager
def browser() -> Iterator[Any]:
    """Start a browser, or skip the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=list(_OPTIONS))
        try:
            yield started
        finally:
            started.close()


class Visit:
    """A page opened from disk; `trouble` gathers what it complains of, `asked` what it wants from elsewhere."""

    def __init__(self, started: Any, file: Path, width: int = 1280, height: int = 800, **options: Any) -> None:
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page = started.new_page(viewport={"width": width, "height": height}, **options)
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda message: self.trouble.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())
        wait_until(self.page, "() => document.documentElement.dataset.ready === 'true'")

    def close(self) -> None:
        """Close it; it must have complained of nothing and loaded nothing but itself."""
        self.page.close()
        assert self.trouble == []
        assert [url for url in self.asked if not url.startswith(("file:", "blob:"))] == []
        assert len([url for url in self.asked if url.startswith("file:")]) == 1


def wait_until(page: Any, script: str, argument: Any = None, seconds: float = 60.0) -> None:
    """Wait until a function of the page says so; `page.wait_for_function` would have the page itself evaluate text."""
    end = time.monotonic() + seconds
    while not page.evaluate(script, argument):
        assert time.monotonic() < end, f"{script} did not come true"
        page.wait_for_timeout(20)
