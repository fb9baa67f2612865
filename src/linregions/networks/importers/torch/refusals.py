"""What is refused, why, and what to do about it: by operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from linregions.errors import UnsupportedModuleError

_WHO = "from_torch"


class Kind(NamedTuple):
    """Why an operator is refused: what it is, and the remedy."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """What stands for the value of an operator that is refused, so that only outputs that need it raise."""

    kind: Kind
    where: str  # such as "has GELU at position '1'"
    node: str

    def error(self) -> UnsupportedModuleError:
        """Return what to raise."""
        return UnsupportedModuleError(
            f"`module` {self.where} (node {self.node!r}), which is {self.kind.what}, but {_WHO} needs a continuous "
            f"piecewise-linear function. {self.kind.remedy}"
        )


SMOOTH = Kind(
    "not piecewise linear",
    "Replace it with a piecewise-linear activation, e.g. ReLU, LeakyReLU, Hardtanh or Hardsigmoid, and train the model "
    "with it.",
)


def _approximable(name: str, what: str, remedy: str) -> Kind:
    return Kind(
        what,
        f'{remedy} Or `linregions.approximate(module, example_input, activation="{name}")`, with a list for '
        "several, puts piecewise-linear functions in their places and says how far off these are.",
    )


def written(name: str) -> Kind:
    """Return the kind of an operator that is a part of a smooth activation written out."""
    return _approximable(name, f"a part of {name}, not piecewise linear", SMOOTH.remedy)


PRODUCT = Kind(
    "a product or quotient of two values that both depend on the input",
    "Multiply and divide by constants only: leave out gates, attention and squeeze-and-excitation, or replace them "
    "with sums.",
)
SOFTMAX = Kind(
    "not piecewise linear",
    'If it is the last operator, pass `drop_last="softmax"`: the regions are those of the logits. Elsewhere leave it '
    "out.",
)
SIGMOID = Kind(
    "not piecewise linear",
    'If it is the last operator, pass `drop_last="sigmoid"`: the regions are those of what it is applied to. Elsewhere '
    "replace it with Hardsigmoid, and train the model with it.",
)
ARGMAX = Kind(
    "discontinuous",
    'If it is the last operator, pass `drop_last="argmax"`: the regions are those of the scores. Elsewhere '
    "leave it out.",
)
ATTENTION = Kind(
    "a softmax of products of two values that both depend on the input",
    "Leave attention out; mix tokens with Linear layers instead, as an MLP-Mixer does.",
)
STATISTICS = Kind(
    "a division by statistics of the input, not piecewise linear",
    "Replace it with BatchNorm, which is affine in evaluation mode, and train the model with it.",
)
INSTANCE = Kind(
    "a division by statistics of the input, not piecewise linear",
    "Make it with `track_running_stats=True` and call `module.eval()`, or replace it with BatchNorm.",
)
BATCH = Kind(
    "a division by statistics of the batch, not a function of one point",
    "Make it with `track_running_stats=True`, and call `module.eval()`.",
)
JUMPS = Kind(
    "discontinuous",
    "Replace it with a continuous piecewise-linear activation, e.g. ReLU, Hardtanh or Softshrink.",
)
CONDITION = Kind(
    "a condition on values, which makes a jump",
    "Choose by comparing a value with its own threshold only, such that both sides agree there, e.g. "
    "`torch.where(x > 0, x, 0.1 * x)`, or use ReLU, clamp or maximum.",
)
THRESHOLD = Kind(
    "discontinuous, since the value below the threshold is not the threshold itself",
    "Use the threshold as its value, e.g. `Threshold(0.1, 0.1)`, or ReLU.",
)
HARDSHRINK = Kind("discontinuous", "Replace it with Softshrink.")
RANDOM = Kind(
    "a function of chance",
    "Call `module.eval()`; in a functional call pass `training=self.training`, e.g. "
    "`F.dropout(x, training=self.training)`.",
)
DRAWN = Kind(
    "drawn at random in each call",
    "Draw it once, in `__init__`, and keep it as a buffer; leave chance out in evaluation mode.",
)
ORDER = Kind("a way to sort that has no rule here", "Use `amax`, `max` or max pooling instead.")
INDICES = Kind("the place of a maximum, which jumps", "Use only the values of the maximum.")
ROUNDING = Kind("discontinuous", "Keep values that depend on the input in a floating-point format.")
RECURRENT = Kind("a recurrent layer with gates, not piecewise linear", 'Use `torch.nn.RNN` with `nonlinearity="relu"`.')
CONTROL = Kind(
    "control flow that depends on the input", "Write it with `torch.where`, ReLU or maximum, or leave it out."
)
UNKNOWN = Kind(
    "an operator without a rule here",
    "Write it with sums, Linear layers, convolutions, pools, indexing, ReLU, clamp or maximum; compute constants "
    "in `__init__` and keep them in a buffer.",
)

#: Operators that are refused, without "aten." and overload: every overload is what its operator is.
REFUSED: dict[str, Kind] = {
    **dict.fromkeys(
        [
            "exp",
            "exp2",
            "expm1",
            "log",
            "log2",
            "log10",
            "log1p",
            "logit",
            "erfc",
            "erfinv",
            "sqrt",
            "rsqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "asin",
            "acos",
            "atan",
            "asinh",
            "acosh",
            "atanh",
            "atan2",
            "hypot",
            "logaddexp",
            "logaddexp2",
            "logsumexp",
            "sinc",
            "logcumsumexp",
            "lgamma",
            "digamma",
        ],
        SMOOTH,
    ),
    **{
        name: _approximable(name, *SMOOTH)
        for name in ("gelu", "silu", "mish", "elu", "selu", "celu", "softplus", "tanh", "erf")
    },
    "hardswish": _approximable("hardswish", "piecewise quadratic, not piecewise linear", SMOOTH.remedy),
    "sigmoid": _approximable("sigmoid", *SIGMOID),
    **dict.fromkeys(["log_sigmoid", "log_sigmoid_forward"], _approximable("log_sigmoid", *SIGMOID)),
    **dict.fromkeys(["softmax", "_softmax", "log_softmax", "_log_softmax", "_safe_softmax"], SOFTMAX),
    **dict.fromkeys(["argmax", "argmin"], ARGMAX),
    **dict.fromkeys(
        ["pow", "square", "prod", "cumprod", "reciprocal", "glu", "outer", "cross", "bilinear", "cdist"], PRODUCT
    ),
    **dict.fromkeys(["scaled_dot_product_attention", "_scaled_dot_product_flash_attention_for_cpu"], ATTENTION),
    **dict.fromkeys(
        [
            "layer_norm",
            "native_layer_norm",
            "group_norm",
            "native_group_norm",
            "rms_norm",
            "_fused_rms_norm",
            "var",
            "std",
            "var_mean",
            "std_mean",
            "linalg_vector_norm",
            "norm",
            "cosine_similarity",
            "renorm",
            "local_response_norm",
        ],
        STATISTICS,
    ),
    **dict.fromkeys(
        [
            "sign",
            "sgn",
            "heaviside",
            "round",
            "floor",
            "ceil",
            "trunc",
            "frac",
            "fix",
            "floor_divide",
            "fmod",
            "remainder",
            "signbit",
            "bucketize",
            "searchsorted",
            "nan_to_num",
            "isnan",
            "isfinite",
            "isinf",
            "nonzero",
            "any",
            "all",
            "count_nonzero",
        ],
        JUMPS,
    ),
    **dict.fromkeys(
        ["eq", "ne", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"], CONDITION
    ),
    "hardshrink": HARDSHRINK,
    **dict.fromkeys(["sort", "topk", "kthvalue", "median", "nanmedian", "mode", "msort", "argsort", "quantile"], ORDER),
    **dict.fromkeys(["lstm", "gru", "rnn_tanh", "lstm_cell", "gru_cell", "rnn_tanh_cell"], RECURRENT),
    **dict.fromkeys(
        [
            "bernoulli",
            "rand_like",
            "randn_like",
            "native_dropout",
            "multinomial",
            "normal",
            "fractional_max_pool2d",
            "fractional_max_pool3d",
            "rrelu_with_noise",
        ],
        RANDOM,
    ),
    **dict.fromkeys(["_native_batch_norm_legit", "native_batch_norm", "batch_norm"], BATCH),
    "max_unpool2d": INDICES,
    "max_unpool3d": INDICES,
}


def kind_of(operator: str) -> Kind:
    """Return why an operator without a rule is refused, by its whole name, e.g. "aten.gelu.default"."""
    namespace, _, rest = operator.partition(".")
    if namespace == "higher_order":
        return CONTROL
    return REFUSED.get(rest.partition(".")[0], UNKNOWN) if namespace == "aten" else UNKNOWN
