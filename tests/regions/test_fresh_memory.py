"""What lies in memory that engines take for their buffers never shows in a result."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from linregions import partition
from linregions.networks.kernels import sites
from linregions.regions.lines.kernels import graph_records
from linregions.regions.planes.engine import buffers, outputs, workbench
from linregions.regions.planes.kernels import records, workspace
from tests.support.graph_cases import degenerate_case, random_case, some_lines

_ALLOCATORS: list[ModuleType] = [sites, graph_records, outputs, workbench, records, workspace]


def _numpy_with(number: float) -> SimpleNamespace:
    def empty(shape: Any, dtype: Any = float) -> npt.NDArray[Any]:
        kind = np.dtype(dtype)
        return np.full(shape, number if kind.kind == "f" else np.iinfo(kind).max // 3, kind)

    names = {name: getattr(np, name) for name in dir(np) if not name.startswith("__")}
    return SimpleNamespace(**{**names, "empty": empty})


def _results(case: Any) -> Iterator[npt.NDArray[Any]]:
    network, window = case
    buffers.let_go()
    found = partition(network, window)
    yield from (found.vertices, found.edges, found.areas, found.patterns)
    for part in partition(network, some_lines(window)):
        yield from (part.breakpoints, part.patterns)
    buffers.let_go()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("make", [random_case, degenerate_case])
def test_nothing_depends_on_fresh_memory(make: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(_results(make(seed)))
    for number in (np.nan, 1e300):
        with monkeypatch.context() as patch:
            for module in _ALLOCATORS:
                patch.setattr(module, "np", _numpy_with(number))
            for got, array in zip(_results(make(seed)), expected, strict=True):
                assert np.array_equal(got, array)
