"""What a rule for an operator is, and the table of all: keyed by the operator and its overload, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.importers.torch.refusals import Kind, Refusal
from linregions.networks.importers.values import Builder, Operand, Value


@dataclass(frozen=True, eq=False)
class Mask:
    """A condition: ``sign > 0``, or with equality, which makes no difference where the choice is continuous."""

    sign: Value
    refusal: Refusal  # what to say where it is not used for such a choice


@dataclass(frozen=True, eq=False)
class At:
    """Where a rule is applied.

    Parameters
    ----------
    torch : module
    builder : Builder
    node : torch.fx.Node
    name : str
        What the step is called: the module's path, or the node.
    shapes : tuple of tuple of int
        Of the node's outputs.
    refuse : callable
        Makes a refusal of this node, of a kind and with a detail.
    is_last : callable
        Whether nothing but the output, perhaps reshaped, reads the node.
    lookup : callable
        Returns what was made of a node that this one reads.
    """

    torch: Any
    builder: Builder
    node: Any
    name: str
    shapes: tuple[tuple[int, ...], ...]
    refuse: Callable[..., Refusal]
    is_last: Callable[[], bool]
    lookup: Callable[[Any], Any]  # what was made of an earlier node

    def operand(self, argument: Any) -> Operand:
        """Return an argument as a value, or its numbers."""
        return argument if isinstance(argument, Value) else self.numbers(argument)

    def value(self, argument: Any) -> Value:
        """Return an argument as a value, a constant one if need be."""
        return argument if isinstance(argument, Value) else self.builder.constant(self.numbers(argument))

    def numbers(self, argument: Any) -> FloatArray:
        """Return a constant argument as a float64 array."""
        if isinstance(argument, self.torch.Tensor):
            argument = argument.detach().cpu()
            if argument.is_floating_point():
                argument = argument.double()
            return np.asarray(argument.resolve_conj().numpy(), dtype=np.float64)
        return np.asarray(argument, dtype=np.float64)

    def optional(self, argument: Any) -> FloatArray | None:
        """Return a constant argument, or None where it is none."""
        return None if argument is None else self.numbers(argument)


Rule = Callable[[At, dict[str, Any]], Any]
#: Rules by operator and overload, as "aten.relu.default".
RULES: dict[str, Rule] = {}
#: Operators whose rules take conditions.
TAKES_MASKS: set[str] = set()


def rule(*operators: str, masks: bool = False) -> Callable[[Rule], Rule]:
    """Enter a function as the rule of operators."""

    def enter(function: Rule) -> Rule:
        for operator in operators:
            assert operator not in RULES, operator
            RULES[operator] = function
            if masks:
                TAKES_MASKS.add(operator)
        return function

    return enter


def depends(argument: Any) -> bool:
    """Tell whether an argument, or a part of it, depends on the input."""
    if isinstance(argument, Value):
        return bool(argument.terms)
    if isinstance(argument, list | tuple):
        return any(map(depends, argument))
    return isinstance(argument, Mask | Refusal)


__all__ = ["RULES", "TAKES_MASKS", "At", "Kind", "Mask", "Refusal", "Rule", "depends", "rule"]
