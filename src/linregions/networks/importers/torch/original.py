"""The module itself as a function of flat points, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.importers.torch.inputs import Inputs

_WHO = "from_torch"
# What a model that computes in float32 somewhere may differ by, relative to the numbers that its outputs add up.
SINGLE = 1e-4
#: The nodes that are dropped, and what others, by name, are replaced by: a function of another node.
Changes = tuple[Sequence[Any], Mapping[str, tuple[str, PiecewiseLinear]]]


class Original:
    """The module as a function of flat points, one at a time, without what is dropped, with what is replaced."""

    def __init__(
        self, torch: Any, module: Any, inputs: Inputs, program: Any, changes: Changes, dtype: Any, single: bool
    ) -> None:
        self._torch, self._module, self._inputs, self._program = torch, module, inputs, program
        self._dtype, self._single = dtype, single
        self._other = _changed(torch, program, changes) if any(changes) else None

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return outputs of shape (N, n_out)."""
        if self._other is not None:
            self._compare_whole(points[:2])
        return np.stack([self._one(point, self._other or self._module) for point in points])

    def check_batch(self) -> None:
        """Raise if an output depends on other points in the batch."""
        rng = np.random.default_rng(1)
        points = rng.normal(size=(3, sum(int(np.prod(shape)) for shape in self._inputs.shapes)))
        try:
            together = self._outputs(points, self._module)
        except Exception:  # made for a batch of one
            return
        alone = [self._outputs(point[None], self._module) for point in points]
        for k, output in enumerate(together):
            parts = [each[k] for each in alone]
            if output.ndim == 0 or len(output) != len(points) or output[0].size != parts[0].size:
                continue
            rows = np.stack([part.reshape(output.shape[1:]) for part in parts])
            size = 1.0 + np.abs(rows).max(initial=0.0)
            if np.abs(rows - output).max(initial=0.0) > (SINGLE if self._single else 1e-6) * size:
                raise InvalidValueError(
                    f"`module` gives other outputs for a point in a batch than for the point alone, but {_WHO} needs a "
                    "function of one point. Leave out what mixes the points of a batch, such as statistics over it."
                )

    def _compare_whole(self, points: FloatArray) -> None:
        """Check that the program whose operators are dropped or replaced is the module."""
        run = self._program.module()
        for point in points:
            theirs, ours = self._one(point, self._module), self._one(point, run)
            if not np.allclose(ours, theirs, rtol=1e-5 if self._single else 1e-9, atol=1e-9):
                raise InvalidValueError(
                    f"`module` gives other outputs than what torch.export makes of it, but {_WHO} needs them equal. "
                    "Remove hooks and whatever else changes the output from call to call."
                )

    def _one(self, point: FloatArray, run: Callable[..., Any]) -> FloatArray:
        return np.concatenate([output.ravel() for output in self._outputs(point[None], run)])

    def _outputs(self, points: FloatArray, run: Callable[..., Any]) -> list[FloatArray]:
        torch, tensors, first = self._torch, [], 0
        for shape in self._inputs.shapes:
            size = int(np.prod(shape))
            part = points[:, first : first + size].reshape(len(points), *shape[1:])
            tensors.append(torch.tensor(part, dtype=self._dtype))
            first += size
        arguments, keywords = self._inputs.call(tensors)
        with torch.no_grad():
            result = run(*arguments, **keywords)
        flat = torch.utils._pytree.tree_leaves(result)
        return [np.array(part.detach().double().numpy()) for part in flat if isinstance(part, torch.Tensor)]


def _changed(torch: Any, program: Any, changes: Changes) -> Callable[..., Any]:
    """Return the exported program as a function that leaves some operators out, and has others replaced."""
    dropped, replaced = {node.name for node in changes[0]}, changes[1]
    run = program.module()
    by_name = {node.name: node for node in run.graph.nodes}
    dtypes = {node.name: node.meta["val"].dtype for node in program.graph.nodes if node.name in replaced}

    class Cut(torch.fx.Interpreter):  # type: ignore[misc]
        def run_node(self, node: Any) -> Any:
            if node.op == "call_function" and node.name in dropped:
                return self.env[node.args[0]]
            if node.op == "call_function" and node.name in replaced:
                root, function = replaced[node.name]
                taken = self.env[by_name[root]]
                return torch.tensor(function(taken.double().numpy()), dtype=dtypes[node.name])
            return super().run_node(node)

    def cut(*arguments: Any, **keywords: Any) -> Any:
        flat = torch.utils._pytree.tree_leaves((arguments, keywords))
        return Cut(run, garbage_collect_values=not replaced).run(*flat, enable_io_processing=False)

    return cut
