"""What `from_torch` refuses, each with a remedy; following it works."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, UnsupportedModuleError
from linregions.networks.importers.torch import refusals
from linregions.networks.importers.torch.registry import RULES

torch = pytest.importorskip("torch")

from tests.networks.importers.torch_checks import Function, imported  # noqa: E402

nn, F = torch.nn, torch.nn.functional
IMAGE = (4, 6, 6)


class Inside(nn.Module):
    """A layer inside a model, at a position of its own."""

    def __init__(self, layer):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), layer)

    def forward(self, x):
        return self.body(x) * 2


# What is refused, by which operator, with which remedy, and what the remedy makes of it.
LAYERS = {
    "GELU": (nn.GELU(), "aten.gelu.default", "Replace it with a piecewise-linear activation, e.g. ReLU", nn.ReLU()),
    "SiLU": (nn.SiLU(), "aten.silu.default", "LeakyReLU, Hardtanh or Hardsigmoid", nn.LeakyReLU()),
    "Tanh": (nn.Tanh(), "aten.tanh.default", "e.g. ReLU, LeakyReLU, Hardtanh", nn.Hardtanh()),
    "Sigmoid": (nn.Sigmoid(), "aten.sigmoid.default", "Elsewhere replace it with Hardsigmoid", nn.Hardsigmoid()),
    "Hardswish": (nn.Hardswish(), "piecewise quadratic", "Replace it with a piecewise-linear activation", nn.ReLU()),
    "Softmax": (nn.Softmax(1), "aten.softmax.int", "Elsewhere leave it out", nn.Identity()),
    "LayerNorm": (nn.LayerNorm(6), "statistics of the input", "Replace it with BatchNorm", nn.BatchNorm2d(4)),
    "GroupNorm": (nn.GroupNorm(2, 4), "statistics of the input", "Replace it with BatchNorm", nn.BatchNorm2d(4)),
    "InstanceNorm2d": (
        nn.InstanceNorm2d(4),
        "statistics of the input",
        "Make it with `track_running_stats=True`",
        nn.InstanceNorm2d(4, track_running_stats=True),
    ),
    "Hardshrink": (nn.Hardshrink(), "a condition on values", "use ReLU, clamp or maximum", nn.Softshrink()),
    "Threshold": (nn.Threshold(0.1, 20.0), "discontinuous", "Use the threshold as its value", nn.Threshold(0.1, 0.1)),
    "GLU": (nn.GLU(1), "aten.glu.default", "leave out gates", nn.ReLU()),
}


@pytest.mark.parametrize("kind", list(LAYERS))
def test_layers_are_refused_by_operator_and_position_and_the_remedy_works(kind):
    layer, what, remedy, instead = LAYERS[kind]
    with pytest.raises(UnsupportedModuleError) as caught:
        lr.from_torch(Inside(layer).eval(), torch.zeros(1, *IMAGE))
    message = str(caught.value)
    assert f"has {kind} at position 'body.1', that is aten." in message
    assert what in message
    assert remedy in message
    assert "(node '" in message
    imported(Inside(instead), IMAGE)


FUNCTIONS = {
    "product": (lambda x: x * x.relu(), r"aten.mul.Tensor \(node 'mul'\), which is a product .* of two values"),
    "quotient": (lambda x: x / (x.abs() + 1), r"aten.div.Tensor .* Multiply and divide by constants only"),
    "square": (lambda x: x**2, r"aten.pow.Tensor_Scalar .* product"),
    "matrix product": (lambda x: x @ x.transpose(2, 3), r"aten.matmul.default .* product"),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), "Leave attention out; mix tokens with Linear"),
    "sign": (torch.sign, r"aten.sign.default .* is discontinuous"),
    "round": (torch.round, r"aten.round.default .* is discontinuous"),
    "jump": (
        lambda x: torch.where(x > 0, x, torch.ones_like(x)),
        r"aten.gt.Scalar .* such that both sides agree there",
    ),
    "condition": (lambda x: (x > 0).double(), r"aten.gt.Scalar .* a condition on values"),
    "other condition": (lambda x: x * (x > 1), r"aten.gt.Scalar .* a condition on values"),
    "sort": (lambda x: x.sort(1).values, r"aten.sort.default .* Use `amax`, `max` or max pooling"),
    "place": (lambda x: x.max(1).indices * 1.0, "place of a maximum, which jumps.* Use only the values"),
    "argmax": (lambda x: x.argmax(1) + 1.0, r'pass `drop_last="argmax"`.* Elsewhere leave it out'),
    "integer": (lambda x: x.long() * 1.0, r"aten._to_copy.default .* Keep values .* floating-point format"),
    "dropout": (lambda x: F.dropout(x), r"a function of chance.* pass `training=self.training`"),
    "random": (lambda x: x + torch.randn(6), r"drawn at random in each call.* keep it as a buffer"),
    "norm": (lambda x: F.normalize(x), r"aten.linalg_vector_norm.default .* statistics of the input"),
    "unknown": (lambda x: torch.fft.rfft(x).real, r"an operator without a rule here.* Write it with sums"),
    "zero": (lambda x: x / 0.0, "a division by zero.* Divide by numbers other than zero"),
}


@pytest.mark.parametrize("kind", list(FUNCTIONS))
def test_functions_are_refused(kind):
    function, message = FUNCTIONS[kind]
    with pytest.raises(
        UnsupportedModuleError, match=r"`module` (computes|has) .* but from_torch needs a continuous"
    ) as e:
        lr.from_torch(Function(function), torch.zeros(1, *IMAGE))
    assert e.match(message)


class Gates(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(6, 3, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


def test_recurrent_layers_with_gates():
    with pytest.raises(UnsupportedModuleError, match=r"has LSTM at position 'rnn', .* `nonlinearity=\"relu\"`"):
        lr.from_torch(Gates().eval(), torch.zeros(1, 4, 6))


def test_only_what_the_output_needs_is_refused():
    net = imported(Function(lambda x: (x.sigmoid(), x.relu())[1]), IMAGE)
    assert net.n_neurons == 144
    with pytest.raises(UnsupportedModuleError, match=r"aten.sigmoid.default"):
        lr.from_torch(Function(lambda x: (x.sigmoid(), x.relu())), torch.zeros(1, *IMAGE))


@pytest.mark.parametrize(
    ("drop", "last"),
    [
        ("softmax", lambda x: F.softmax(x, 1)),
        ("softmax", lambda x: F.log_softmax(x, 1).squeeze(0)),
        ("sigmoid", torch.sigmoid),
        ("argmax", lambda x: x.argmax(1)),
    ],
)
def test_the_last_operator_can_be_dropped(drop, last):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body

        def forward(self, x):
            return last(self.body(x))

    with pytest.raises(UnsupportedModuleError, match=f'pass `drop_last="{drop}"`'):
        lr.from_torch(Classifier().eval(), torch.zeros(1, 5))
    net = lr.from_torch(Classifier().eval(), torch.zeros(1, 5), drop_last=drop)
    points = np.random.default_rng(0).normal(size=(10, 5))
    np.testing.assert_array_equal(net(points), lr.from_torch(body)(points))


def test_dropping_what_is_not_there():
    body = nn.Sequential(nn.Linear(5, 6), nn.Softmax(1), nn.Linear(6, 3))
    with pytest.raises(UnsupportedModuleError, match="has Softmax at position '1'"):
        lr.from_torch(body.eval(), drop_last="softmax")
    with pytest.raises(InvalidValueError, match=r"finds no softmax as the last operator of `module`. Leave it out"):
        lr.from_torch(body[:1], drop_last="softmax")
    with pytest.raises(InvalidValueError, match="`drop_last` is 'tanh', but from_torch needs one of 'softmax', 'sigm"):
        lr.from_torch(body, drop_last="tanh")


def test_training_mode():
    layers = nn.Sequential(nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    with pytest.raises(
        InvalidValueError, match=r"has BatchNorm2d at position '1' in training .* Call `module.eval\(\)`"
    ):
        lr.from_torch(layers, torch.zeros(1, *IMAGE))
    lr.from_torch(layers.eval(), torch.zeros(1, *IMAGE))
    drop = nn.Sequential(nn.Conv2d(4, 2, 3), nn.Dropout2d(0.2))
    with pytest.raises(InvalidValueError, match=r"has Dropout2d at position '1' \(p = 0.2\) in training mode"):
        lr.from_torch(drop, torch.zeros(1, *IMAGE))
    lr.from_torch(drop.eval(), torch.zeros(1, *IMAGE))
    without = nn.Sequential(nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)).eval()
    with pytest.raises(UnsupportedModuleError, match=r"statistics of the batch.*`track_running_stats=True`"):
        lr.from_torch(without, torch.zeros(1, *IMAGE))


def test_examples():
    conv = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    with pytest.raises(InvalidValueError, match=r"`example_input` is missing, .* e.g. `example_input=torch.zeros\("):
        lr.from_torch(conv)
    lr.from_torch(conv, torch.zeros(1, 3, 32, 32)[:, :, :5, :5])
    with pytest.raises(InvalidValueError, match=r"`module` fails on an input of shape \(1, 4, 5, 5\) \(.*channels"):
        lr.from_torch(conv, torch.zeros(1, 4, 5, 5))
    with pytest.raises(InvalidValueError, match=r"`example_input` holds .* NaN"):
        lr.from_torch(conv, torch.full((1, 3, 5, 5), float("nan")))
    with pytest.raises(InvalidValueError, match=r"`example_input` has shape \(0, 3, 5, 5\), but .* at least one input"):
        lr.from_torch(conv, torch.zeros(0, 3, 5, 5))
    with pytest.raises(InvalidValueError, match=r"`example_input` has \[1, 2\] points, but .* as many of each input"):
        lr.from_torch(Function(torch.add), (torch.zeros(1, 3), torch.zeros(2, 3)))
    with pytest.raises(InvalidTypeError, match="`module` is a TorchScript module, but"):
        lr.from_torch(torch.jit.trace(conv.eval(), torch.zeros(1, 3, 5, 5)), torch.zeros(1, 3, 5, 5))


def test_parameters_that_are_not_finite():
    conv = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    with torch.no_grad():
        conv[0].bias[1] = float("nan")
    with pytest.raises(InvalidValueError, match=r"`module.0.bias` holds 1 NaN or infinite"):
        lr.from_torch(conv, torch.zeros(1, 3, 5, 5))


def test_what_mixes_the_points_of_a_batch():
    with pytest.raises(InvalidValueError, match="other outputs for a point in a batch than for the point alone"):
        lr.from_torch(Function(lambda x: F.relu(x - x.mean(0))), torch.zeros(1, 3))
    lr.from_torch(Function(lambda x: F.relu(x[:1].view(-1) + 1)), torch.zeros(1, 3))  # a batch of one only


def test_control_flow():
    def function(x):
        return x.relu() if x.sum() > 0 else x

    with pytest.raises(
        UnsupportedModuleError, match=r"cannot be exported by torch.export .* Write its `forward` without"
    ):
        lr.from_torch(Function(function), torch.zeros(1, 3))


def test_an_output_that_changes_from_call_to_call():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return F.relu(x) * self.calls

    with pytest.raises(InvalidValueError, match=r"gives other outputs than the network made of it .* Remove hooks"):
        lr.from_torch(Counter(), torch.zeros(1, 3))


def test_without_an_output():
    with pytest.raises(InvalidValueError, match="`module` returns no tensor, but from_torch needs an output"):
        lr.from_torch(Function(lambda x: None), torch.zeros(1, 3))


def test_no_operator_has_a_rule_and_a_refusal():
    assert set(refusals.REFUSED) & {name.split(".")[1] for name in RULES} <= {"pow", "batch_norm", "native_dropout"}
    known = {str(getattr(getattr(torch.ops.aten, n.split(".")[1], None), n.split(".")[2], None)) for n in RULES}
    assert len(known & set(RULES)) > 0.9 * len(RULES)  # names of operators that PyTorch has


@pytest.mark.parametrize(
    ("operator", "wrong"),
    [
        ("aten.relu.default", lambda at, a: at.value(a["self"])),
        ("aten.relu.default", lambda at, a: at.builder.activation(at.value(a["self"]), lr.leaky_relu(1e-6))),
        ("aten.flip.default", lambda at, a: at.value(a["self"])),
    ],
)
def test_a_wrong_rule_is_caught_at_the_door(monkeypatch, operator, wrong):
    monkeypatch.setitem(RULES, operator, wrong)
    with pytest.raises(InvalidValueError, match="gives other outputs than the network made of it"):
        lr.from_torch(Function(lambda x: F.relu(x).flip(1)), torch.zeros(1, 5))
