"""What is said of operators that are not read: why not, and the way out for each kind."""

from __future__ import annotations

from typing import NamedTuple

from linregions.networks.importers.onnx.records import Node
from linregions.networks.importers.onnx.rules import RuleError

#: What `drop_last` may name, and the operators that it leaves out.
LAST: dict[str, frozenset[str]] = {
    "softmax": frozenset({"Softmax", "LogSoftmax"}),
    "sigmoid": frozenset({"Sigmoid"}),
    "argmax": frozenset({"ArgMax", "Hardmax"}),
}
_PIECEWISE = "piecewise-linear operators"
_CONTINUOUS = "continuous operators"
_PLAIN = "operators one after the other"
_NOT_LINEAR = "is not piecewise linear"


class _Kind(NamedTuple):
    """Operators that are refused for one reason; `seen` follows the operator's name."""

    operators: str
    seen: str
    needed: str
    remedy: str


_KINDS = (
    _Kind("Softmax LogSoftmax", _NOT_LINEAR, _PIECEWISE, "Give the part of the model before it."),
    _Kind(
        "Sigmoid Tanh Elu Selu Celu Softplus Gelu Mish HardSwish Swish Erf",
        _NOT_LINEAR,
        _PIECEWISE,
        "Call `linregions.approximate` with the PyTorch module that was exported, or train with ReLU.",
    ),
    _Kind(
        "Softsign Exp Log Sqrt Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh ReduceLogSum "
        "ReduceLogSumExp ReduceL2 ReduceSumSquare ReduceProd LpPool GlobalLpPool Det CumProd",
        _NOT_LINEAR,
        _PIECEWISE,
        "Train with ReLU, sums and maxima in its place, or give the part of the model before it.",
    ),
    _Kind(
        "LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LRN LpNormalization "
        "MeanVarianceNormalization",
        "divides by a statistic of its own input",
        _PIECEWISE,
        "Train with batch normalisation, which is folded in, or give the part of the model before it.",
    ),
    _Kind(
        "Attention RotaryEmbedding LinearAttention FlexAttention",
        "multiplies activations",
        _PIECEWISE,
        "Give a model without attention, or the part before it.",
    ),
    _Kind(
        "Sign Floor Ceil Round Mod ArgMax ArgMin Hardmax TopK QuantizeLinear DynamicQuantizeLinear Greater "
        "GreaterOrEqual Less LessOrEqual Equal Not And Or Xor IsNaN IsInf NonZero Unique OneHot BitShift BitwiseAnd "
        "BitwiseOr BitwiseXor BitwiseNot NonMaxSuppression MaxUnpool",
        "jumps",
        _CONTINUOUS,
        "Give the part of the model before it, or write the function with Relu, Max, Min, Abs or Clip.",
    ),
    _Kind(
        "QLinearConv QLinearMatMul MatMulInteger ConvInteger DequantizeLinear",
        "belongs to a quantised model and jumps",
        _CONTINUOUS,
        "Give the model as it was before quantisation.",
    ),
    _Kind(
        "RNN LSTM GRU",
        "is a recurrent layer",
        _PLAIN,
        "Export the model unrolled over its steps, with ReLU; gates are not piecewise linear.",
    ),
    _Kind(
        "If Loop Scan SequenceMap",
        "has a graph of its own",
        _PLAIN,
        "Export the model with fixed shapes, so that branches are decided and loops unrolled.",
    ),
    _Kind(
        "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial",
        "is random",
        "a function",
        "Export the model in evaluation mode: `module.eval()`.",
    ),
)


def refusal(node: Node, last: bool) -> RuleError:
    """Return the error of an operator of activations that has no rule.

    Parameters
    ----------
    node : Node
    last : bool
        Whether an output of the model is what it makes.
    """
    for name, operators in LAST.items():
        if last and node.op in operators:
            return RuleError(
                _NOT_LINEAR,
                _PIECEWISE,
                f'Give `drop_last="{name}"` (`--drop-last {name}`): regions are then those of the logits.',
            )
    for kind in _KINDS:
        if node.op in kind.operators.split():
            return RuleError(kind.seen, kind.needed, kind.remedy)
    return RuleError(
        "has no rule here",
        "operators that it knows",
        "Replace it by simpler ones, e.g. by exporting for an older opset, or give the part of the model before it.",
    )
