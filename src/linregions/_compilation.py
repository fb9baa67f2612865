"""Say once that kernels are being compiled, since the first use on a machine then takes longer."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

logger = logging.getLogger("linregions")


@cache
def announce_compilation() -> None:
    """Log a warning when numba compiles the first of our kernels in this process; loading from its cache is silent."""
    from numba.core import event

    class Announcer(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            module = getattr(event.data["dispatcher"].py_func, "__module__", "")
            if module.startswith("linregions.") and not self.said:
                self.said = True
                logger.warning("compiling kernels, once for this installation (about half a minute) ...")

        def on_end(self, event: Any) -> None:
            pass

        said = False

    event.register("numba:compile", Announcer())
