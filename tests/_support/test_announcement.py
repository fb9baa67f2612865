"""What happens while kernels are compiled: one warning, and garbage collected less often."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, logging, os
logging.basicConfig(format="%(message)s")
import numba
from linregions._support.announcement import announce_compilation

gc.set_threshold(700, 11, 12)
announce_compilation()
announce_compilation()
seen = []


class Watch(numba.core.event.Listener):
    def on_start(self, event):
        seen.append(gc.get_threshold()[0])

    def on_end(self, event):
        pass


numba.core.event.register("numba:compile", Watch())
inner = numba.njit(lambda x: x + 1)
outer = numba.njit(lambda x: inner(x))
inner.py_func.__module__ = outer.py_func.__module__ = "linregions.kernels.made_up"
assert outer(1) == 2
assert len(seen) == 2 and min(seen) > 50_000, seen
assert gc.get_threshold() == (700, 11, 12)
gc.disable()
gc.set_threshold(0)
assert outer(1.0) == 2.0
assert gc.get_threshold()[0] == 0 and seen[2:] == [0, 0]
"""


def test_it_is_said_once_and_garbage_is_collected_as_before_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiling kernels, once for this installation") == 1
