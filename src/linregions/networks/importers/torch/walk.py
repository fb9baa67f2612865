"""One walk over an exported graph: each operator by its rule, constants folded, refusals only where they count."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from linregions.networks.importers.stand_ins import StandIns
from linregions.networks.importers.torch import affine, movements, piecewise, refusals
from linregions.networks.importers.torch.registry import RULES, TAKES_MASKS, At, Mask, Refusal, depends
from linregions.networks.importers.torch.smooth_operators import direct, traces
from linregions.networks.importers.values import Builder, Value
from linregions.networks.importers.written import Written
from linregions.networks.smooth import NAMES

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
        self._nodes = {node.name: node for node in program.graph.nodes}
        # What is written out and to be replaced, by the name of the node that makes it.
        self._written = {} if stand_ins is None else self._find_written(stand_ins.wanted)
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
            if node.name in self._written:
                last_reader[self._nodes[self._written[node.name].root]] = node
        ending: dict[Any, list[Any]] = {node: [] for node in graph.nodes}
        for argument, reader in last_reader.items():
            ending[reader].append(argument)
        for node in graph.nodes:
            if node.op == "placeholder":
                self._made[node] = self._placeholder(node)
            elif node.op == "get_attr":
                self._made[node] = getattr(self._program.graph_module, node.target)
            elif node.op == "call_function":
                self._made[node] = self._shared(node, self._called(node))
                for argument in ending[node]:
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
                raise self._with_remedy(value).error()
            if not isinstance(value, Value):
                value = self._builder.constant(self._at(argument, {}).numbers(value))
            found.append(value)
        return found

    def _find_written(self, wanted: Iterable[str]) -> dict[str, Written]:
        """Return what is written out of the activations of these names."""
        numbers = {}
        for node in self._program.graph.nodes:
            if node.op != "placeholder":
                continue
            made = self._placeholder(node) if node.name not in self._user_inputs() else None
            if isinstance(made, self._torch.Tensor) and made.numel() == 1 and made.ndim < 2:
                numbers[node.name] = float(made)
        return traces(self._torch, self._program, numbers).all_written(wanted)

    def _with_remedy(self, refusal: Refusal) -> Refusal:
        """Return a refusal with the name of the smooth activation that is written out there, if it is one."""
        found = list(self._find_written(set(NAMES.values())).values())
        whole = [written for written in found if refusal.node in written.through and len(written.through) > 1]
        return dataclasses.replace(refusal, kind=refusals.written(whole[-1].name)) if whole else refusal

    def _user_inputs(self) -> set[str]:
        kinds = self._torch.export.graph_signature.InputKind
        specs = self._program.graph_signature.input_specs
        return {spec.arg.name for spec in specs if spec.kind == kinds.USER_INPUT and hasattr(spec.arg, "name")}

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
        if self._stand_ins is not None:
            replaced = self._replaced(node, target, arguments, self._stand_ins)
            if replaced is not None:
                return replaced
        refused = _first(arguments, Refusal)
        if refused is not None and target != "aten.where.self":
            return refused
        mask = _first(arguments, Mask)
        if mask is not None and target not in TAKES_MASKS:
            return mask.refusal
        if target in self._droppable and _is_last(node, self._torch):
            self.dropped.append(node)
            return next(each for each in arguments[0] if isinstance(each, Value))
        rule = RULES.get(target)
        if rule is None:
            return self._refuse(node)(refusals.kind_of(target))
        return rule(self._at(node, arguments), _bound(node.target, *arguments))

    def _replaced(self, node: Any, target: str, arguments: Any, stand_ins: StandIns) -> Value | None:
        """Return what stands in for a node, if it is one operator to be replaced, or the last of several that are."""
        if target in self._droppable and _is_last(node, self._torch):
            return None
        known = direct(target, _bound(node.target, *arguments))
        written = self._written.get(node.name)
        if known is not None and known[0] in stand_ins.wanted:
            root, (name, function) = node.all_input_nodes[0], known
        elif written is not None:
            root, name, function = self._nodes[written.root], written.name, written.function
        else:
            return None
        taken = self._made[root]
        if not isinstance(taken, Value):
            return None
        return self._builder.activation(
            taken, stand_ins.replace(node.name, root.name, name, function), self._name(node)
        )

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
