"""Each operator of PyTorch alone against PyTorch at random points."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.networks.activations import ABS, RELU, leaky_relu

torch = pytest.importorskip("torch")

from tests.networks.importers.torch_checks import Function, imported  # noqa: E402

nn, F = torch.nn, torch.nn.functional
IMAGE = (4, 6, 5)


def constant(*shape, seed=3):
    n = int(np.prod(shape))
    return torch.sin(12.9898 * torch.arange(seed, seed + n, dtype=torch.float64)).view(shape) * 1.5


# Many operators in one module, since each export takes its time: one output for each.
GROUPS = {
    "views": [
        lambda x: x.view(1, -1),
        lambda x: x.reshape(1, 2, 2, 30),
        lambda x: x.flatten(2),
        lambda x: x.permute(0, 2, 3, 1),
        lambda x: x.transpose(1, 3),
        lambda x: x.unsqueeze(1).squeeze(1),
        lambda x: x[:, 1:, ::2],
        lambda x: x[:, 2],
        lambda x: x[:, [2, 0, 0]],
        lambda x: x[..., -1],
        lambda x: x.index_select(3, torch.tensor([4, 0])),
        lambda x: torch.gather(x, 1, torch.zeros(1, 1, 6, 5, dtype=torch.long)),
        lambda x: torch.cat([chunk.clone() for chunk in x.chunk(2, 1)][::-1], 1),
        lambda x: torch.stack(x.unbind(1), 3),
        lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1),
        lambda x: x[:, :1].expand(1, 3, 6, 5),
        lambda x: x.repeat(1, 2, 1, 1),
        lambda x: x.repeat_interleave(2, 3),
        lambda x: x.roll((1, -2), (2, 3)),
        lambda x: x.flip(2, 3),
        lambda x: torch.rot90(x, 1, (2, 3)),
        lambda x: x.unfold(2, 3, 2),
        lambda x: F.unfold(x, 3, padding=1),
        lambda x: x.tril(),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: F.pixel_unshuffle(x[..., :4], 2),
        lambda x: F.channel_shuffle(x, 2),
        lambda x: x.movedim(1, 3),
        lambda x: x.diagonal(dim1=2, dim2=3),
        lambda x: x.contiguous().detach(),
        lambda x: F.pad(x, (1, 2, 0, 1)),
        lambda x: F.pad(x, (1, -2), value=0.7),
        lambda x: F.pad(x, (1, 2, 3, 1), mode="reflect"),
        lambda x: F.pad(x, (1, 2, 3, 1), mode="replicate"),
        lambda x: F.pad(x, (1, 2, 3, 1), mode="circular"),
    ],
    "arithmetic": [
        lambda x: x + 1,
        lambda x: 1 - x,
        lambda x: x - x.flip(1) * 2,
        lambda x: torch.add(x, x, alpha=0.5),
        lambda x: torch.sub(x, torch.ones(4, 1, 1), alpha=2),
        lambda x: -x * 3 / 7,
        lambda x: x * constant(4, 1, 1) / constant(5).exp(),
        lambda x: x[:, :1] + x,
        lambda x: torch.lerp(x, x.flip(2), 0.3),
        lambda x: torch.addcmul(x, x, constant(5), value=0.5),
        lambda x: x.sum(),
        lambda x: x.sum((1, 3)),
        lambda x: x.mean(2, keepdim=True),
        lambda x: x.mean(),
        lambda x: x.cumsum(1),
        lambda x: x.diff(dim=2),
        lambda x: x**1,
        lambda x: x + torch.zeros_like(x) + torch.ones_like(x) * 2 + torch.full_like(x, 0.5),
        lambda x: torch.where(torch.arange(5) > 2, x, x * 2),
        lambda x: x.masked_fill(torch.arange(5) > 2, 4.0),
        lambda x: F.dropout(x, 0.5, training=False),
        lambda x: x * (constant(4, 1, 1) > 0),
        lambda x: x.type_as(torch.zeros((), dtype=torch.float64)),
    ],
    "matrices": [
        lambda x: x @ constant(5, 3),
        lambda x: constant(3, 6) @ x,
        lambda x: constant(4, 3, 6) @ x,
        lambda x: x @ constant(5),
        lambda x: torch.einsum("bchw,cd->bdhw", x, constant(4, 3)),
        lambda x: torch.einsum("...hw,wk->...k", x, constant(5, 3)),
        lambda x: torch.einsum("bchw,cd,hk->bdk", x, constant(4, 3), constant(6, 2)),
        lambda x: torch.einsum("bchw->bhc", x),
        lambda x: F.linear(x, constant(3, 5), constant(3)),
        lambda x: torch.addmm(constant(2), x[0, 0], constant(5, 2), beta=0.5, alpha=2),
        lambda x: torch.bmm(x[0], constant(4, 5, 2)),
        lambda x: torch.mv(x[0, 0], constant(5)),
        lambda x: F.conv2d(x, constant(2, 4, 3, 3), padding="same"),
        lambda x: F.conv2d(x, constant(2, 4, 3, 2), constant(2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
        lambda x: F.conv2d(x, constant(4, 2, 3, 3), groups=2, padding=1),
        lambda x: F.conv2d(x, constant(8, 1, 3, 3), groups=4),
        lambda x: F.conv_transpose2d(x, constant(4, 2, 3, 3), stride=2, padding=1, output_padding=1),
        lambda x: F.conv_transpose2d(x, constant(4, 1, 3, 3), groups=2, dilation=2),
        lambda x: F.conv1d(x[:, :, 0], constant(2, 4, 3), padding=1),
        lambda x: F.conv_transpose1d(x[:, :, 0], constant(4, 2, 3), stride=3),
        lambda x: F.conv3d(x[:, None], constant(2, 1, 2, 3, 2), stride=(1, 2, 1), padding=1),
        lambda x: F.conv_transpose3d(x[:, None], constant(1, 2, 2, 2, 2), stride=2),
        lambda x: F.batch_norm(x, constant(4), constant(4).abs() + 0.1, constant(4), constant(4)),
        lambda x: F.instance_norm(x, constant(4), constant(4).abs() + 0.1, use_input_stats=False),
    ],
    "averages": [
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        lambda x: F.avg_pool2d(x, (2, 3), divisor_override=5),
        lambda x: F.avg_pool1d(x[:, :, 0], 3, 1, 1),
        lambda x: F.avg_pool3d(x[:, None], 2),
        lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
        lambda x: F.adaptive_avg_pool1d(x[:, :, 0], 2),
        lambda x: F.adaptive_avg_pool3d(x[:, None], (2, 3, 2)),
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: F.interpolate(x, size=(7, 4)),
        lambda x: F.interpolate(x, scale_factor=1.7, mode="nearest-exact"),
        lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"),
        lambda x: F.interpolate(x, size=(9, 11), mode="bilinear", align_corners=True),
        lambda x: F.interpolate(x, size=(3, 3), mode="bilinear"),
        lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
        lambda x: F.interpolate(x, size=(3, 2), mode="area"),
        lambda x: F.interpolate(x[:, :, 0], size=9, mode="linear"),
        lambda x: F.interpolate(x[:, None], size=(3, 7, 9), mode="trilinear"),
        lambda x: F.interpolate(x[:, :, 0], size=9),
        lambda x: F.interpolate(x[:, None], scale_factor=2),
    ],
    "activations": [
        lambda x: F.relu(x),
        lambda x: F.leaky_relu(x, 0.2),
        lambda x: F.leaky_relu(x, 1.0),
        lambda x: F.prelu(x, constant(4)),
        lambda x: F.prelu(x, constant(1)),
        lambda x: F.rrelu(x),
        lambda x: F.relu6(x),
        lambda x: F.hardtanh(x),
        lambda x: F.hardtanh(x, -0.5, 2),
        lambda x: F.hardsigmoid(x),
        lambda x: F.softshrink(x, 0.3),
        lambda x: F.softshrink(x, 0.0),
        lambda x: F.threshold(x, 0.4, 0.4),
        lambda x: x.abs(),
        lambda x: x.clamp(-0.5, 0.8),
        lambda x: x.clamp(min=0.1),
        lambda x: x.clamp(max=0.1),
        lambda x: x.clamp(0.8, -0.5),
        lambda x: x.clamp(constant(5)),
        lambda x: x.clamp(x.flip(1) - 1, x.flip(1) + 1),
        lambda x: x.clamp_min(0.0),
        lambda x: torch.where(x > 0, x, 0.1 * x),
        lambda x: torch.where(x[:, :1] < 0.5, x[:, :1], 1 - x[:, :1]),
        lambda x: x * (x > 0),
        lambda x: x.masked_fill(x <= 0, 0.0),
        lambda x: torch.where(~(x >= 0.2), torch.tensor(0.2, dtype=x.dtype), x),
        lambda x: x * (x > 0).double().view(1, 4, 6, 5),
    ],
    "maxima": [
        lambda x: torch.maximum(x, x.flip(1)),
        lambda x: torch.minimum(x, x.flip(2)),
        lambda x: torch.max(x, constant(5)),
        lambda x: torch.min(x, 0.5 * torch.ones(())),
        lambda x: torch.fmax(x, 2 * x.flip(3)),
        lambda x: x.amax(1),
        lambda x: x.amax((2, 3), keepdim=True),
        lambda x: x.amin((1, 2)),
        lambda x: x.max(),
        lambda x: x.min(),
        lambda x: x.max(1).values,
        lambda x: x.min(2, keepdim=True)[0],
        lambda x: x.aminmax(dim=1).max - x.aminmax(dim=1).min,
        lambda x: x.view(1, 2, 2, 6, 5).max(2).values,
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 3, 1, 1),
        lambda x: F.max_pool2d(x, (2, 3), (1, 2), (1, 0), ceil_mode=True),
        lambda x: F.max_pool2d(x, 2, dilation=2),
        lambda x: F.max_pool1d(x[:, :, 0], 3, 2, 1),
        lambda x: F.max_pool3d(x[:, None], 2, 1),
        lambda x: F.adaptive_max_pool2d(x, (3, 2)),
        lambda x: F.adaptive_max_pool1d(x[:, :, 0], 2),
        lambda x: F.max_pool2d(F.conv2d(x, constant(2, 4, 3, 3)), 2, return_indices=True)[0],
    ],
}


@pytest.mark.parametrize("group", list(GROUPS))
def test_operators(group):
    functions = GROUPS[group]

    def all_of_them(x):
        return tuple(function(x) for function in functions)

    net = imported(Function(all_of_them), IMAGE)
    point = constant(1, *IMAGE)
    assert net.n_out == sum(function(point).numel() for function in functions)


INPLACE = [
    lambda x: x.clone().relu_().add_(1).mul_(2),
    lambda x: x.clone().clamp_(-1, 1).sub_(x),
    lambda x: x.clone().copy_(x.flip(1)).neg_(),
]


def set_channel(x):
    y = x.clone()
    y[:, 0] = 0.0
    y[:, 1:3, ::2] += x[:, 1:3, ::2].relu()
    y[:, 3].mul_(3.0)
    view = y[..., 0]
    view += 1.0  # changes y
    return y


def swapped(x):
    y = torch.empty_like(x)
    y[:, :2], y[:, 2:] = x[:, 2:], F.relu(x[:, :2])
    return y


def test_code_in_place():
    net = imported(Function(lambda x: (set_channel(x), swapped(x), *(function(x) for function in INPLACE))), IMAGE)
    assert net.n_out == 5 * 120


def test_torch_fx_read_functionally_is_wrong_in_place_and_this_is_right():
    """A value that is changed after it was named: a walk over `symbolic_trace` uses what it was before."""

    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            z = self.layer(x)
            y = self.relu(z)
            return y + z  # z is y by now

    torch.manual_seed(0)
    module = InPlace().double().eval()
    point = constant(1, 4)
    made = {}
    trace = torch.fx.symbolic_trace(module)
    for node in trace.graph.nodes:
        values = [made.get(argument) for argument in node.args]
        if node.op == "placeholder":
            made[node] = point.numpy()
        elif node.target == "layer":
            made[node] = values[0] @ module.layer.weight.detach().numpy().T + module.layer.bias.detach().numpy()
        elif node.target == "relu":
            made[node] = np.maximum(values[0], 0)
        elif node.op == "call_function":
            made[node] = values[0] + values[1]
    functional = list(made.values())[-1]
    theirs = module(point).detach().numpy()
    assert np.abs(functional - theirs).max() > 0.1
    np.testing.assert_allclose(imported(module, (4,))(point.numpy()), theirs, rtol=1e-12)


def test_relu_recurrence():
    torch.manual_seed(0)
    for options in ({}, {"num_layers": 2, "bidirectional": True}, {"bias": False}):
        module = nn.RNN(5, 3, nonlinearity="relu", batch_first=True, **options)
        net = imported(module, (4, 5))
        assert net.n_neurons == 3 * 4 * module.num_layers * (2 if module.bidirectional else 1)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_modes_of_convolutions(mode):
    torch.manual_seed(0)
    imported(nn.Sequential(nn.Conv2d(2, 3, 3, padding=2, padding_mode=mode), nn.ReLU()), (2, 5, 4))


def test_norms_with_running_statistics():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.InstanceNorm2d(3, affine=True, track_running_stats=True)]
    for norm in layers[1:]:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
        nn.init.normal_(norm.weight)
    net = imported(nn.Sequential(*layers, nn.ReLU()), (2, 5, 4))
    assert len(net.graph.steps) == 2  # all folded into one


def test_what_becomes_of_activations():
    torch.manual_seed(0)
    net = imported(Function(lambda x: torch.where(x > 0, x, 0.1 * x) - x.abs() + F.relu(x)), (3,))
    assert {step.activation for step in net.graph.steps[:-1]} == {leaky_relu(0.1), ABS, RELU}


def test_constants_are_folded_and_dead_code_is_left_out():
    def function(x):
        torch.sigmoid(x)  # nobody reads it
        scale = torch.exp(torch.linspace(0, 1, 4)).double() @ torch.ones(4, 4).double()
        values, _ = x.max(1, keepdim=True)
        return F.relu(x) * scale.view(4, 1, 1) + values

    net = imported(Function(function), IMAGE)
    assert net.n_neurons == 120 + 30


def test_a_model_that_casts_on_its_way():
    def function(x):
        return F.relu(x.float() * 3).to(torch.float64) + 1

    imported(Function(function), (4,), rtol=1e-6)


def test_a_model_in_single_precision_that_does_not_convert():
    class Cast(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return F.relu(self.layer(x.float()))

    torch.manual_seed(0)
    module = Cast().eval()
    net = lr.from_torch(module, torch.zeros(1, 4))
    points = constant(20, 4).float()
    np.testing.assert_allclose(net(points.numpy()), module(points).detach().numpy(), atol=1e-5)


def test_several_inputs_and_outputs_lie_one_after_the_other():
    torch.manual_seed(0)

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(2, 3, 3), nn.Linear(4, 3)

        def forward(self, image, vector=None):
            sums = F.relu(self.first(image)) + self.second(vector)[:, :, None, None]
            return {"map": sums.abs(), "mean": sums.mean((2, 3))}

    module = Two().eval()
    net = lr.from_torch(module, (torch.zeros(1, 2, 5, 5), torch.zeros(1, 4)))
    image, vector = constant(1, 2, 5, 5), constant(1, 4)
    theirs = module.double()(image, vector)
    expected = np.concatenate([theirs["map"].detach().numpy().ravel(), theirs["mean"].detach().numpy().ravel()])
    point = np.concatenate([image.numpy().ravel(), vector.numpy().ravel()])
    np.testing.assert_allclose(net(point), expected, rtol=1e-12)
    named = lr.from_torch(module, {"vector": torch.zeros(1, 4), "image": torch.zeros(1, 2, 5, 5)})
    point = np.concatenate([vector.numpy().ravel(), image.numpy().ravel()])
    np.testing.assert_allclose(named(point), expected, rtol=1e-12)


def test_normalisation_that_is_given():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)).eval()
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.25])
    net = lr.from_torch(module, torch.rand(2, 3, 5, 5), scale=1 / std, shift=-mean / std)
    points = np.random.default_rng(0).random((4, 3, 5, 5))
    normal = (points - mean[:, None, None]) / std[:, None, None]
    expected = module.double()(torch.tensor(normal)).detach().numpy()
    np.testing.assert_allclose(net(points.reshape(4, -1)), expected, rtol=1e-10)
