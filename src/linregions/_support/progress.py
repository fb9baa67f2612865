"""The one progress bar: on a terminal or in a notebook, and nowhere else."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """How much of some work is done: all of it is `total`, in `unit`, and `done` was done before.

    With a unit ``"of ..."`` the share of it that is done is shown, whatever `total` counts.
    """

    def __init__(self, total: float, title: str, unit: str, shown: bool, done: float = 0) -> None:
        self.total, self.done, self._bar = total, done, None
        if not shown:
            return
        notebook = _in_notebook()
        if not notebook and not sys.stderr.isatty():
            return
        if notebook:
            from tqdm.auto import tqdm
        else:
            from tqdm import tqdm
        look: dict[str, Any] = {"unit": unit, "smoothing": 0.0}
        if unit.startswith("of "):
            look = {
                "bar_format": f"{{desc}}: {{percentage:3.0f}}% {unit} |{{bar}}| [{{elapsed}}<{{remaining}}{{postfix}}]"
            }
        self._bar = tqdm(total=total, desc=title, initial=done, leave=False, **look)

    def update(self, done: float = 1, note: str = "") -> None:
        """Add what was done, and say something about it."""
        self.done += done
        if self._bar is None:
            return
        if note:
            self._bar.set_postfix_str(note, refresh=not done)
        self._bar.update(done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.refresh()  # or the last of quick work is never seen
            self._bar.close()
