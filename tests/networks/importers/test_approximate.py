"""Surrogates of modules with smooth activations: only on request, with true errors, and as if built by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import linregions as lr
from linregions.errors import InvalidTypeError, InvalidValueError, UnsupportedModuleError
from linregions.networks import smooth
from linregions.networks.surrogates import interpolated

torch = pytest.importorskip("torch")

from tests.networks.importers.torch_checks import outputs_of  # noqa: E402

nn, F = torch.nn, torch.nn.functional
LAYERS = {
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "mish": nn.Mish(),
    "elu": nn.ELU(0.7),
    "selu": nn.SELU(),
    "celu": nn.CELU(0.7),
    "softplus": nn.Softplus(2.0),
    "sigmoid": nn.Sigmoid(),
    "log_sigmoid": nn.LogSigmoid(),
    "tanh": nn.Tanh(),
    "hardswish": nn.Hardswish(),
}


def dense(layer, seed=0, n_out=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 6), layer, nn.Linear(6, 5), layer, nn.Linear(5, n_out)).eval()


class Convolutional(nn.Module):
    """Residual and functional, with two smooth activations."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.last = nn.Linear(12, 4)

    def forward(self, x):
        x = F.gelu(self.first(x), approximate="tanh")
        x = x + F.silu(self.norm(self.second(x)), inplace=True)
        return self.last(F.max_pool2d(x, 2).flatten(1)).softmax(1)


@pytest.mark.parametrize("name", list(LAYERS))
def test_every_activation_is_refused_and_the_remedy_is_within_its_error(name):
    """A layer alone: outputs are off by no more than the error stated for the activation."""
    module = nn.Sequential(nn.Linear(2, 2, bias=False), LAYERS[name])
    module[0].weight.data = torch.eye(2)
    with pytest.raises(UnsupportedModuleError) as caught:
        lr.from_torch(module)
    told = str(caught.value).partition('activation="')[2].partition('"')[0]
    made = lr.approximate(module, activation=told, pieces=9, low=-3, high=4)
    (activation,) = made.activations
    points = np.random.default_rng(0).uniform(-3.0, 4.0, size=(2000, 2))
    inside = np.abs(made.network(points) - outputs_of(module, points, [(2,)])).max()
    assert inside <= activation.error <= 1.05 * inside
    far = np.concatenate([-3.0 - 60 * points[:200] ** 2, 4.0 + 60 * points[:200] ** 2])
    assert np.abs(made.network(far) - outputs_of(module, far, [(2,)])).max() <= activation.error_outside
    assert activation.n_neurons == made.network.n_neurons == 2
    assert activation.layers == ("1",)


def test_regions_are_those_of_the_network_built_by_hand():
    module = dense(nn.Tanh())
    made = lr.approximate(module, activation="tanh", pieces=8, low=-3, high=3)
    function = interpolated(smooth.tanh(), 8, -3.0, 3.0).function
    layers = [(part.weight.detach().numpy(), part.bias.detach().numpy()) for part in module if type(part) is nn.Linear]
    by_hand = lr.Network.from_layers(layers, lr.PiecewiseLinear(function.breakpoints, function.slopes, function.anchor))
    window = lr.PlaneWindow.of_inputs(-3, 3)
    ours, theirs = (lr.partition(network, window) for network in (made.network, by_hand))
    assert ours.n_regions == theirs.n_regions > 100
    np.testing.assert_array_equal(np.sort(ours.areas), np.sort(theirs.areas))
    segment = lr.Segment([-3.0, -2.0], [3.0, 2.5])
    assert lr.count_regions(made.network, segment) == lr.count_regions(by_hand, segment) > 10


def test_convolutional_networks_with_two_activations_in_any_order():
    torch.manual_seed(1)
    module = Convolutional().eval()
    example = torch.rand(5, 1, 4, 4)
    settings = {"drop_last": "softmax", "pieces": 24}
    made = lr.approximate(module, example, activation=["gelu", "Swish"], **settings)
    assert [each.name for each in made.activations] == ["gelu(tanh)", "silu"]
    assert [each.n_neurons for each in made.activations] == [48, 48]
    other = lr.approximate(module, example, activation=("silu", "GELU"), **settings)
    assert str(other) == str(made)
    assert lr.count_regions(made.network, lr.Segment(np.zeros(16), np.ones(16))) > 20
    assert made.points.shape == (69, 16)
    np.testing.assert_array_equal(made.points[:5], example.numpy().reshape(5, 16))
    with torch.no_grad():
        scores = copy.deepcopy(module).double()
        probabilities = scores(torch.tensor(made.points).reshape(-1, 1, 4, 4)).numpy()
    log_ratio = np.log(probabilities) - np.log(probabilities[:, :1])
    logits = made.network(made.points)
    off = np.abs(logits - logits[:, :1] - log_ratio).max()
    assert 0.0 < off <= 2 * made.output_error
    classes = (logits.argmax(1) != probabilities.argmax(1)).sum()
    assert made.n_class_changes == classes


def test_errors_of_outputs_are_those_at_the_points_given():
    module = dense(nn.GELU())
    points = np.random.default_rng(3).normal(size=(40, 2)) * 5
    made = lr.approximate(module, activation="gelu", pieces=8, points=points)
    errors = np.abs(made.network(points) - outputs_of(module, points, [(2,)])).max(axis=1)
    np.testing.assert_allclose(made.output_errors, errors, atol=1e-14)
    assert made.output_error == made.output_errors.max()
    assert made.output_size == pytest.approx(np.abs(outputs_of(module, points, [(2,)])).max())
    (activation,) = made.activations
    first = made.network.pre_activations(points)
    assert activation.smallest == min(z.min() for z in first[:2])
    assert activation.largest == max(z.max() for z in first[:2])
    better = lr.approximate(module, activation="gelu", pieces=64, points=points)
    assert better.output_error < made.output_error / 16


def test_normalisation_comes_first():
    module = dense(nn.GELU())
    made = lr.approximate(module, torch.zeros(1, 2), activation="gelu", scale=[0.5, 0.1], shift=1.0)
    raw = made.points
    difference = made.network(raw) - outputs_of(module, raw * [0.5, 0.1] + 1.0, [(2,)])
    np.testing.assert_allclose(made.output_errors, np.abs(difference).max(axis=1), atol=1e-13)
    assert np.std(raw[:, 1]) > 4 * np.std(raw[:, 0])


def test_the_network_says_what_it_is_also_from_a_file(tmp_path):
    made = lr.approximate(dense(nn.GELU()), activation="gelu", pieces=32)
    assert "gelu in 34 pieces, off by at most 0.0015" in repr(made.network)
    made.network.save(tmp_path / "surrogate.npz")
    assert "off by at most 0.0015" in repr(lr.Network.load(tmp_path / "surrogate.npz"))
    text = str(made)
    assert "gelu: 11 neurons in 34 pieces, off by at most 0.0015 between -6 and 6" in text
    assert "outputs at 64 points: off by up to" in text


def test_modules_in_single_precision_somewhere():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 3)

        def forward(self, x):
            return F.gelu(self.inner(x).float()).double()

    made = lr.approximate(Mixed().eval(), torch.zeros(1, 2), activation="gelu")
    assert made.output_error < 0.01


def test_the_module_is_left_as_it_was():
    module = dense(nn.GELU()).train()
    module.register_forward_hook(lambda *_: None)
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    lr.approximate(module, activation="gelu")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert module.training
    assert type(module[1]) is nn.GELU
    assert len(module._forward_hooks) == 1
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_never_without_being_asked_for():
    with pytest.raises(UnsupportedModuleError, match=r'`linregions.approximate\(module, .*activation="gelu"\)`'):
        lr.from_torch(dense(nn.GELU()))
    with pytest.raises(UnsupportedModuleError, match=r"aten.silu.default .* with a list for several"):
        lr.approximate(nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.SiLU()), activation="gelu")


def test_a_dropped_sigmoid_is_not_replaced():
    module = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid())
    made = lr.approximate(module, torch.zeros(1, 2), activation="sigmoid", drop_last="sigmoid")
    assert made.activations[0].n_neurons == 3


def test_an_activation_that_is_straight_within_the_limits_has_no_neurons():
    module = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    made = lr.approximate(module, activation="sigmoid", low=50, high=60)
    assert made.network.n_neurons == made.activations[0].n_neurons == 0
    assert made.activations[0].error_outside == pytest.approx(1.0, rel=0.002)


WRONG = {
    "unknown": ({"activation": "relu"}, r"`activation` is 'relu', .* needs a smooth activation with asymptotes"),
    "nothing": ({"activation": []}, r"`activation` is \[\], .* needs its name, or several"),
    "a number": ({"activation": 3}, r"`activation` is 3, .* needs its name"),
    "not there": ({"activation": ["gelu", "tanh"]}, r"`activation` names 'tanh', but `module` computes none"),
    "no pieces": ({"activation": "gelu", "pieces": 0}, r"`pieces` is 0"),
    "many pieces": ({"activation": "gelu", "pieces": 255}, r"`pieces` is 255, .* at most 254"),
    "turned": ({"activation": "gelu", "low": 2, "high": 1}, r"`low` is 2 and `high` 1, .* Give `low` below `high`"),
    "infinite": ({"activation": "gelu", "low": -np.inf}, r"`low`"),
    "points": ({"activation": "gelu", "points": np.zeros((3, 5))}, r"`points`"),
    "drop": ({"activation": "gelu", "drop_last": "relu"}, r"`drop_last` is 'relu'"),
}


@pytest.mark.parametrize("kind", list(WRONG))
def test_wrong_arguments(kind):
    settings, message = WRONG[kind]
    with pytest.raises(InvalidValueError, match=message):
        lr.approximate(dense(nn.GELU()), **settings)


def test_what_is_no_module():
    with pytest.raises(InvalidTypeError, match=r"`module` is int"):
        lr.approximate(3, activation="gelu")
    with pytest.raises(InvalidValueError, match=r"`module` is 'model.pt', a checkpoint, .* Load it into the module"):
        lr.approximate("model.pt", activation="gelu")
    with pytest.raises(InvalidValueError, match=r"where there is no file, but from_onnx needs an ONNX file"):
        lr.approximate("none.onnx", activation="gelu")
