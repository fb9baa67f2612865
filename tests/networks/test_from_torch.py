"""`from_torch`: every kind of layer, every refusal, and that the caller's model stays as it was."""

import copy
import sys
import threading
from collections import OrderedDict

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, MissingDependencyError, UnsupportedModuleError
from linregions.networks.importers import from_torch

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def assert_same(net, module, n_in, shape=None):
    """The network gives what a float64 copy of the module gives."""
    points = np.random.default_rng(9).normal(size=(50, n_in)) * 4
    reference = copy.deepcopy(module).double().eval()
    with torch.no_grad():
        expected = reference(torch.tensor(points.reshape(50, *(shape or (n_in,))))).numpy()
    np.testing.assert_allclose(net(points), expected, rtol=1e-10, atol=1e-12)


ACTIVATIONS = {
    "ReLU": nn.ReLU(),
    "ReLU in place": nn.ReLU(inplace=True),
    "LeakyReLU": nn.LeakyReLU(0.2),
    "LeakyReLU in place": nn.LeakyReLU(-1.5, inplace=True),
    "LeakyReLU(0)": nn.LeakyReLU(0.0),
    "LeakyReLU(1)": nn.LeakyReLU(1.0),
    "PReLU": nn.PReLU(),
    "Hardtanh": nn.Hardtanh(),
    "Hardtanh(-0.5, 2)": nn.Hardtanh(-0.5, 2.0, inplace=True),
    "Hardtanh(0.25, 0.75)": nn.Hardtanh(0.25, 0.75),
    "Hardtanh(0, 6)": nn.Hardtanh(0.0, 6.0),
    "Hardtanh(-2, inf)": nn.Hardtanh(-2.0, float("inf")),
    "Hardtanh(-inf, 1)": nn.Hardtanh(float("-inf"), 1.0),
    "Hardtanh(-inf, inf)": nn.Hardtanh(float("-inf"), float("inf")),
    "ReLU6": nn.ReLU6(),
    "Hardsigmoid": nn.Hardsigmoid(),
    "Identity": nn.Identity(),
    "Dropout(0)": nn.Dropout(0.0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    model = nn.Sequential(nn.Linear(4, 7), ACTIVATIONS[name], nn.Linear(7, 6, bias=False), nn.ReLU(), nn.Linear(6, 3))
    assert_same(from_torch(model), model, 4)


def test_known_activations_come_out_by_name():
    model = nn.Sequential(
        nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.Hardtanh(), nn.Linear(3, 3), nn.ReLU6(), nn.Linear(3, 3),
        nn.Hardsigmoid(), nn.Linear(3, 3), nn.LeakyReLU(0.5), nn.Linear(3, 3), nn.Hardtanh(0.0, 6.0), nn.Linear(3, 3),
        nn.LeakyReLU(0.0), nn.Linear(3, 1),
    )  # fmt: skip
    expected = (lr.RELU, lr.HARD_TANH, lr.RELU6, lr.HARD_SIGMOID, lr.leaky_relu(0.5), lr.RELU6, lr.RELU)
    assert from_torch(model).activations == expected


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_parameters_are_taken_exactly(dtype):
    model = nn.Sequential(nn.Linear(5, 8), nn.PReLU(init=0.3), nn.Linear(8, 2)).to(dtype)
    net = from_torch(model)
    for layer, linear in zip(net.layers, (model[0], model[2]), strict=True):
        np.testing.assert_array_equal(layer.weight, linear.weight.detach().double().numpy())
        np.testing.assert_array_equal(layer.bias, linear.bias.detach().double().numpy())
    assert net.activations[0].slopes[0] == model[1].weight.item()


def test_bare_linear():
    model = nn.Linear(3, 2)
    net = from_torch(model)
    assert net.widths == (3, 2)
    assert_same(net, model, 3)


def test_nesting_keeps_the_order():
    def block(a, b):
        return nn.Sequential(nn.Linear(a, b), nn.Sequential(nn.ReLU(), nn.Sequential()), nn.Dropout(0.5))

    model = nn.Sequential(OrderedDict(stem=block(3, 5), rest=nn.Sequential(block(5, 4), nn.Linear(4, 2)))).eval()
    net = from_torch(model)
    assert net.widths == (3, 5, 4, 2)
    assert_same(net, model, 3)


def test_a_layer_used_twice():
    shared, relu = nn.Linear(4, 4), nn.ReLU()
    model = nn.Sequential(shared, relu, shared, relu, nn.Sequential(shared))
    net = from_torch(model)
    assert net.widths == (4, 4, 4, 4)
    assert_same(net, model, 4)


def test_consecutive_linears_have_the_identity_between():
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    net = from_torch(model)
    assert net.activations == (lr.IDENTITY, lr.RELU)
    assert net.n_neurons == 4
    assert_same(net, model, 3)


@pytest.mark.parametrize(
    ("layers", "widths"),
    [
        ([nn.ReLU(inplace=True), nn.Linear(3, 2)], (3, 3, 2)),
        ([nn.Linear(3, 2), nn.ReLU()], (3, 2, 2)),
        ([nn.Linear(3, 4), nn.ReLU6(), nn.Hardtanh(), nn.Linear(4, 2)], (3, 4, 4, 2)),
        ([nn.Hardtanh(), nn.PReLU(), nn.Linear(3, 2), nn.ReLU(), nn.Hardsigmoid()], (3, 3, 3, 2, 2, 2)),
    ],
    ids=["first", "last", "after another", "everywhere"],
)
def test_an_activation_without_a_linear_gets_an_identity_matrix(layers, widths):
    model = nn.Sequential(*layers)
    net = from_torch(model)
    assert net.widths == widths
    assert_same(net, model, 3)


def test_without_any_linear_the_example_tells_the_inputs():
    model = nn.Sequential(nn.ReLU(), nn.Identity())
    net = from_torch(model, torch.zeros(1, 3))
    assert net.widths == (3, 3, 3)
    assert_same(net, model, 3)
    assert from_torch(nn.Sequential(), np.zeros((2, 4))).widths == (4, 4)
    with pytest.raises(InvalidValueError, match="`module` has no Linear, so its number of inputs is unknown"):
        from_torch(model)


@pytest.mark.parametrize(
    "example",
    [torch.rand(3, 1, 4, 5), np.random.default_rng(0).random((1, 1, 4, 5)), torch.zeros(2, 1, 4, 5, dtype=torch.uint8)],
)
def test_flatten_takes_images(example):
    model = nn.Sequential(nn.Flatten(), nn.Linear(20, 6), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2))
    net = from_torch(model, example)
    assert net.widths == (20, 6, 2)
    assert_same(net, model, 20, (1, 4, 5))
    assert_same(from_torch(model), model, 20)


def test_a_single_example_without_batch_axis():
    assert from_torch(nn.Linear(3, 2), torch.zeros(3)).n_in == 3


def test_dropout_in_evaluation_mode_does_nothing():
    model = nn.Sequential(nn.Linear(3, 5), nn.AlphaDropout(0.5), nn.ReLU(), nn.Dropout(0.9), nn.Linear(5, 2))
    with pytest.raises(
        InvalidValueError, match=r"`module` has AlphaDropout at position '1' \(p = 0.5\) in training mode"
    ):
        from_torch(model)
    model[1].eval()
    with pytest.raises(
        InvalidValueError, match=r"`module` has Dropout at position '3' .* Call `module.eval\(\)` first"
    ):
        from_torch(model)
    assert_same(from_torch(model.eval()), model, 3)


# ---- refusals --------------------------------------------------------------------------------------------------------


class OwnForward(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + 1


class OwnLinear(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 2


class OnlyRenamed(nn.Sequential):
    """A subclass that computes what its parent does."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))), "has Softmax at position '1.1'"),
        (nn.Sequential(OrderedDict(a=nn.Sequential(OrderedDict(b=nn.GELU())))), "has GELU at position 'a.b'"),
        (nn.Sequential(nn.Linear(2, 2), nn.Threshold(0.1, 20.0)), "has Threshold at position '1'"),
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "has Tanh at position '1'"),
        (nn.Sigmoid(), r"`module` computes aten.sigmoid.default \(node 'sigmoid'\), which is not piecewise linear"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name_and_position(model, message):
    with pytest.raises(UnsupportedModuleError, match=message):
        from_torch(model.eval(), torch.zeros(1, 2))


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.BatchNorm1d(2)),
        nn.Sequential(nn.Linear(2, 2), nn.PReLU(2)),
        nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)),
        nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 2, 2), nn.ReLU()),
        OwnForward(nn.Linear(2, 2)),
        nn.Sequential(nn.ReLU(), OwnForward(nn.Linear(2, 2))),
        nn.Sequential(OwnLinear(2, 2)),
    ],
)
def test_what_is_no_row_of_layers_is_exported(model):
    net = from_torch(model.eval(), torch.zeros(1, 2))
    points = np.random.default_rng(9).normal(size=(20, 2)) * 4
    reference = copy.deepcopy(model).double()
    with torch.no_grad():
        expected = [reference(torch.tensor(point[None])).numpy().ravel() for point in points]
    np.testing.assert_allclose(net(points), expected, rtol=1e-10, atol=1e-12)


def test_a_list_of_modules_has_no_output():
    with pytest.raises(InvalidValueError, match=r"`module` fails on an input of shape \(1, 2\)"):
        from_torch(nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.ReLU()])), torch.zeros(1, 2))


def test_a_subclass_that_changes_nothing_is_taken():
    model = OnlyRenamed(nn.Linear(3, 2), nn.ReLU())
    assert_same(from_torch(model), model, 3)


def test_a_parametrised_weight_is_the_one_that_counts():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        model[0].parametrizations.weight.original0.mul_(3.0)
    assert_same(from_torch(model), model, 4)


def test_hooks_that_change_the_output_are_caught():
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    handle = model[1].register_forward_hook(lambda module, args, output: output + 1e-6)
    with pytest.raises(
        InvalidValueError, match=r"`module` is not reproduced by the imported layers \(outputs differ by"
    ):
        from_torch(model)
    handle.remove()
    handle = model.register_forward_hook(lambda module, args, output: output[:, :1])
    with pytest.raises(
        InvalidValueError, match=r"`module` returns shape \(16, 1\) for 16 points, but .* needs \(16, 2\)"
    ):
        from_torch(model)
    handle.remove()
    model.register_forward_hook(lambda module, args, output: None)  # looks on only
    assert_same(from_torch(model), model, 3)


def test_a_replaced_forward_is_caught():
    model = nn.Sequential(nn.Linear(3, 2))
    model.forward = lambda x: model[0](x.float()).double() * 2
    with pytest.raises(InvalidValueError, match="`module` is not reproduced"):
        from_torch(model)


def test_only_hidden_at_the_example_is_caught_too():
    model = nn.Sequential(nn.Linear(2, 2))
    model.register_forward_hook(
        lambda module, args, output: torch.where(args[0] == 1e4, torch.zeros(()).double(), output)
    )
    from_torch(model)
    with pytest.raises(InvalidValueError, match="`module` is not reproduced"):
        from_torch(model, torch.full((1, 2), 1e4))


def test_outputs_that_cancel_are_no_false_alarm():
    """The outputs are rounding only: 3 r + 4 r - 7 r."""
    row = torch.randn(1, 6).double()
    model = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2)).double()
    with torch.no_grad():
        model[0].weight.copy_(row.expand(3, 6))
        model[0].bias.zero_()
        model[1].weight.copy_(torch.tensor([[3.0, 4.0, -7.0], [-3.0, -4.0, 7.0]]))
        model[1].bias.zero_()
        model[3].bias.zero_()
    assert from_torch(model).n_neurons == 2
    assert from_torch(model[:2]).n_neurons == 0
    assert from_torch(model[:3]).n_neurons == 2


def test_bad_arguments():
    with pytest.raises(InvalidTypeError, match=r"`module` is dict, but from_torch needs a torch.nn.Module"):
        from_torch({"0.weight": torch.zeros(2, 2)})
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    with pytest.raises(
        InvalidValueError, match=r"`example_input` has shape \(28, 28\), that is 28 inputs for each of 28"
    ):
        from_torch(model, torch.zeros(28, 28))
    with pytest.raises(InvalidValueError, match=r"`example_input` has shape \(2, 3, 4\), but from_torch needs vectors"):
        from_torch(nn.Linear(4, 2), torch.zeros(2, 3, 4))
    with pytest.raises(
        InvalidValueError, match=r"`example_input` has shape \(0, 4\), but from_torch needs at least one"
    ):
        from_torch(nn.Linear(4, 2), torch.zeros(0, 4))
    with pytest.raises(InvalidValueError, match="`example_input` holds 1 NaN or infinite"):
        from_torch(nn.Linear(2, 2), torch.tensor([[0.0, float("nan")]]))
    with pytest.raises(InvalidValueError, match="`module` has a Linear that takes 4 inputs after 3 units"):
        from_torch(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)))


@pytest.mark.parametrize("where", ["0.weight", "0.bias", "1.weight"])
def test_nan_parameters(where):
    model = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
    model.get_parameter(where).data.view(-1)[0] = float("nan")
    with pytest.raises(InvalidValueError, match=f"`module.{where}` holds 1 NaN or infinite"):
        from_torch(model)


def test_parameters_without_values():
    with pytest.raises(InvalidValueError, match="`module` has no values for 'weight' yet"):
        from_torch(nn.LazyLinear(3))
    with pytest.raises(InvalidValueError, match="`module` has 'weight' on the meta device, without values"):
        from_torch(nn.Linear(3, 3, device="meta"))
    with pytest.raises(InvalidValueError, match=r"`module` has 'weight' of dtype torch.complex64, but"):
        from_torch(nn.Linear(3, 3, dtype=torch.complex64))


def test_a_module_that_cannot_be_copied():
    model = nn.Sequential(nn.Linear(2, 2))
    model.lock = threading.Lock()
    with pytest.raises(
        InvalidValueError, match=r"`module` cannot be copied \(.*\), but from_torch needs a float64 copy"
    ):
        from_torch(model)


def test_a_module_that_fails():
    model = nn.Sequential(nn.Linear(2, 2))

    def fail(module, args):
        raise RuntimeError("no luck")

    model.register_forward_pre_hook(fail)
    with pytest.raises(InvalidValueError, match=r"`module` fails on an input of shape \(16, 2\) \(no luck\)"):
        from_torch(model)


# ---- nothing of the caller's changes ---------------------------------------------------------------------------------


def test_module_random_state_and_example_stay_as_they_were():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)).half()
    model[1].eval()
    model[3].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    example = torch.randn(5, 3)
    kept, state, threads = example.clone(), torch.get_rng_state(), torch.get_num_threads()
    np.random.seed(3)  # noqa: NPY002
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    from_torch(model, example)
    assert torch.equal(example, kept)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.get_num_threads() == threads
    assert [module.training for module in model.modules()] == modes
    assert model[1].weight.dtype == torch.float16
    assert model[1].weight.grad is None
    assert not model[3].weight.requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_network_does_not_follow_the_module():
    model = nn.Sequential(nn.Linear(3, 2)).double()
    net = from_torch(model)
    before = net.layers[0].weight.copy()
    with torch.no_grad():
        model[0].weight.add_(1.0)
    np.testing.assert_array_equal(net.layers[0].weight, before)


def test_works_under_autocast_and_inference_mode():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert from_torch(model).n_neurons == 4
    with torch.inference_mode():
        assert from_torch(model).n_neurons == 4


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingDependencyError, match=r"`torch` cannot be imported .* `pip install 'linregions\[torch\]'`"
    ):
        from_torch(None)
