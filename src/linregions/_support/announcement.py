"""Say once that kernels are being compiled, since the first use on a machine then takes longer."""

from __future__ import annotations

import gc
import logging
from functools import cache
from typing import Any

logger = logging.getLogger("linregions")

# A compiler makes millions of objects that stay: looking through them again and again took a tenth of its time.
_THRESHOLDS = (100_000, 50, 100)


@cache
def announce_compilation() -> None:
    """Log a warning when numba compiles the first of our kernels in this process; loading from its cache is silent.

    While any of them is compiled, garbage is collected less often.
    """
    from numba.core import event

    class Announcer(event.Listener):
        said = False
        depth = 0
        thresholds = gc.get_threshold()

        def on_start(self, event: Any) -> None:
            module = getattr(event.data["dispatcher"].py_func, "__module__", "")
            if module.startswith("linregions.") and not self.said:
                self.said = True
                logger.warning("compiling kernels, once for this installation (about half a minute) ...")
            if not self.depth and gc.get_threshold()[0]:  # 0 is for never
                self.thresholds = gc.get_threshold()
                gc.set_threshold(*_THRESHOLDS)
            self.depth += 1

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if not self.depth and gc.get_threshold() == _THRESHOLDS:
                gc.set_threshold(*self.thresholds)

    event.register("numba:compile", Announcer())
