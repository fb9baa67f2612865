"""One walk over an exported graph: each operator by its rule, constants folded, refusals only where they count."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from linregions.networks.importers.torch import affine, movements, piecewise, refusals
from linregions.networks.importers.torch.registry import RULES, TAKES_MASKS, At, Mask, Refusal, depends
from linregions.networks.importers.torch.stand_ins import StandIns
from linregions.networks.importers.values import Builder, Value

# Each enters its rules.
_ENTERED = (affine, movements, piecewise)
# Operators that check what holds by then.
_CHECKS = (
    "aten._assert_tensor_metadata.default",
    "aten._assert_scalar.default",
    "aten._assert_async.msg",
    "aten.sym_constrain_range_for_size.default",
    "aten.sym_constrain_range.default",
)
#: What `drop_last` may name, and the operators that it drops.
DROPS = {
    "softmax": (
        "aten.softmax.int",
        "aten._softmax.default",
        "aten.log_softmax.int",
        "aten._log_softmax.default",
    ),
    "sigmoid": ("aten.sigmoid.default", "aten.log_sigmoid.default"),
    "argmax": ("aten.argmax.default",),
}


class Walk:
    """Makes values of the nodes of an exported program.

    Parameters
    ----------
    torch : module
    program : torch.export.ExportedProgram
    builder : Builder
    inputs : sequence of Value
        In the order of the program's own inputs.
    drop_last : str, optional
        A key of `DROPS`.
    stand_ins : StandIns, optional
        What smooth activations are replaced by, where that was asked for.
    """

    def __init__(
        self,
        torch: Any,
        program: Any,
        builder: Builder,
        inputs: Sequence[Value],
        drop_last: str = "",
        stand_ins: StandIns | None = None,
    ) -> None:
        self._torch, self._program, self._builder = torch, program, builder
        self._inputs = list(inputs)
        self._droppable = DROPS.get(drop_last, ())
        self._stand_ins = stand_ins
        self._made: dict[Any, Any] = {}
        paths = {module_of(node)[0] for node in program.graph.nodes}
        self._inner = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "."}
        #: The nodes that were dropped, each of which gives what it reads.
        self.dropped: list[Any] = []
        #: Whether anything that depends on the input has less than double precision.
        self.single = False

    def run(self) -> list[Value]:
        """Return the outputs."""
        graph = self._program.graph
        last_reader: dict[Any, Any] = {}
        for node in graph.nodes:
            last_reader.update(dict.fromkeys(node.all_input_nodes, node))
            shrunk = piecewise.written_softshrink(node)
            if shrunk is not None:
                last_reader[shrunk[0]] = node
        for node in graph.nodes:
            if node.op == "placeholder":
                self._made[node] = self._placeholder(node)
            elif node.op == "get_attr":
                self._made[node] = getattr(self._program.graph_module, node.target)
            elif node.op == "call_function":
                self._made[node] = self._shared(node, self._called(node))
                for argument in node.all_input_nodes:
                    if last_reader[argument] is node:
                        del self._made[argument]
            else:
                return self._outputs(node)
        raise AssertionError("a graph without output")

    def _shared(self, node: Any, made: Any) -> Any:
        if isinstance(made, Value) and len(node.users) > 1:
            return self._builder.shared(made, self._name(node))
        return made

    def _placeholder(self, node: Any) -> Any:
        kinds = self._torch.export.graph_signature.InputKind
        for spec in self._program.graph_signature.input_specs:
            if getattr(spec.arg, "name", None) != node.name:
                continue
            if spec.kind == kinds.USER_INPUT:
                return self._inputs.pop(0) if "val" in node.meta and hasattr(node.meta["val"], "shape") else None
            if spec.target in self._program.state_dict:
                return self._program.state_dict[spec.target].detach()
            return self._program.constants[spec.target]
        raise AssertionError(node.name)

    def _outputs(self, node: Any) -> list[Value]:
        kinds = self._torch.export.graph_signature.OutputKind
        found = []
        for spec, argument in zip(self._program.graph_signature.output_specs, node.args[0], strict=True):
            if spec.kind != kinds.USER_OUTPUT or argument is None:
                continue
            value = self._made[argument] if isinstance(argument, self._torch.fx.Node) else argument
            if isinstance(value, Mask):
                value = value.refusal
            if isinstance(value, Refusal):
                raise value.error()
            if not isinstance(value, Value):
                value = self._builder.constant(self._at(argument, {}).numbers(value))
            found.append(value)
        return found

    def _called(self, node: Any) -> Any:
        arguments = self._torch.fx.node.map_arg((node.args, node.kwargs), lambda each: self._made[each])
        target = str(node.target)
        if node.target is operator.getitem:
            whole = arguments[0][0]
            return whole if isinstance(whole, Refusal) else whole[arguments[0][1]]
        if target in _CHECKS:
            return None
        if not any(map(depends, (*arguments[0], *arguments[1].values()))):
            return self._constant(node, arguments)
        return self._ruled(node, target, arguments)

    def _constant(self, node: Any, arguments: Any) -> Any:
        """Run an operator of constants."""
        tags = getattr(node.target, "tags", ())
        if self._torch.Tag.nondeterministic_seeded in tags:
            kind = refusals.RANDOM if "bernoulli" in str(node.target) else refusals.DRAWN
            return self._refuse(node)(kind)
        plain = self._torch.fx.node.map_aggregate(arguments, self._as_tensor)
        with self._torch.no_grad():
            return node.target(*plain[0], **plain[1])

    def _as_tensor(self, argument: Any) -> Any:
        if isinstance(argument, Value):
            return self._torch.tensor(argument.bias.reshape(argument.shape))
        return argument

    def _ruled(self, node: Any, target: str, arguments: Any) -> Any:
        for kind in (getattr(value, "dtype", None) for value in _values(node)):
            self.single |= kind is not None and kind.is_floating_point and kind != self._torch.float64
        refused = _first(arguments, Refusal)
        if refused is not None and target != "aten.where.self":
            return refused
        mask = _first(arguments, Mask)
        if mask is not None and target not in TAKES_MASKS:
            return mask.refusal
        if target in self._droppable and _is_last(node, self._torch):
            self.dropped.append(node)
            return next(each for each in arguments[0] if isinstance(each, Value))
        if self._stand_ins is not None:
            at = self._at(node, arguments)
            function = self._stand_ins.of(target, _bound(node.target, *arguments), node.name)
            if function is not None:
                return at.builder.activation(_first(arguments[0], Value), function, at.name)
        rule = RULES.get(target)
        if rule is None:
            return self._refuse(node)(refusals.kind_of(target))
        return rule(self._at(node, arguments), _bound(node.target, *arguments))

    def _at(self, node: Any, arguments: Any) -> At:
        shapes = tuple(
            tuple(n if isinstance(n, int) else 1 for n in each.shape)
            for each in _values(node)
            if hasattr(each, "shape")
        )
        return At(
            self._torch,
            self._builder,
            node,
            self._name(node),
            shapes,
            self._refuse(node),
            lambda: _is_last(node, self._torch),
            self._made.__getitem__,
        )

    def _name(self, node: Any) -> str:
        path, _ = module_of(node)
        if not path:
            return str(node.name)
        return path if self._is_leaf(path) else f"{path}.{node.name}"

    def _refuse(self, node: Any) -> Any:
        def refuse(kind: refusals.Kind) -> Refusal:
            return Refusal(kind, self._where(node), node.name)

        return refuse

    def _where(self, node: Any) -> str:
        """Say which module computes what, and where it stands."""
        path, kind = module_of(node)
        name = str(node.target)
        if not path:
            return f"computes {name}"
        if self._is_leaf(path):
            return f"has {kind} at position {path!r}, that is {name}"
        return f"computes {name} in the {kind} at position {path!r}"

    def _is_leaf(self, path: str) -> bool:
        """Tell whether no other module lies within a path."""
        return path not in self._inner


def module_of(node: Any) -> tuple[str, str]:
    """Return the path and the kind of the innermost module that a node belongs to."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, kind = stack[-1][:2]
    name = kind if isinstance(kind, str) else kind.__name__
    return path.split("@")[0], name.rpartition(".")[2]


def _values(node: Any) -> list[Any]:
    """Return what stands for a node's outputs, with their shapes and formats."""
    value = node.meta.get("val")
    return list(value) if isinstance(value, list | tuple) else [value]


def _bound(target: Any, positional: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Return an operator's arguments by their names in its schema, defaults filled in."""
    names = target._schema.arguments
    bound = {argument.name: argument.default_value for argument in names}
    bound.update({argument.name: given for argument, given in zip(names, positional, strict=False)})
    bound.update(keywords)
    return bound


def _first(arguments: Any, kind: type) -> Any:
    """Return the first argument of a kind, or None."""
    if isinstance(arguments, kind):
        return arguments
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    if isinstance(arguments, list | tuple):
        return next((found for each in arguments if (found := _first(each, kind)) is not None), None)
    return None


def _is_last(node: Any, torch: Any) -> bool:
    """Tell whether nothing but the output reads a node, on the way perhaps reshaped."""
    for user in node.users:
        if user.op == "output":
            continue
        moves = RULES.get(str(user.target)) is movements._move
        if not moves or not _is_last(user, torch):
            return False
    return True
