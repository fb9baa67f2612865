"""Whole networks of every kind of connectivity through `from_torch`."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.networks.graph import INPUT

torch = pytest.importorskip("torch")

from torch.nn.utils import prune  # noqa: E402

from tests.networks.importers.torch_checks import imported, outputs_of  # noqa: E402
from tests.support.torch_networks import NETWORKS, images, trained  # noqa: E402

nn, F = torch.nn, torch.nn.functional


# Windows count once, units of batch norm, sums and concatenations not at all.
NEURONS = {
    "LeNet": 4 * 14 * 14 + 4 * 6 * 6 + 6 * 4 * 4 + 6 * 2 * 2 + 12,
    "VGG": 2 * 4 * 14 * 14 + 4 * 7 * 7 + 2 * 6 * 7 * 7 + 6 * 3 * 3,
    "ResNet": 3 * 4 * 100 + 2 * 8 * 25,
    "DenseNet": (1 + 4 + 7) * 100 + 4 * 25,
    "UNet": 4 * 64 + 4 * 16 + 6 * 16 + 6 * 4 + 4 * 16 + 4 * 16 + 4 * 64,
    "Mixer": 6 * 8 + 4 * 8,
    "Shared": 3 * 4 * 36,
    "Recurrent": 6 * 8,
    "Maxout": 8 + 4,
}


@pytest.mark.parametrize("name", list(NETWORKS))
def test_networks_of_every_kind(name):
    module = trained(name)
    net = imported(module, module.shape)
    x, _ = images(module.shape, 8)
    points = x.double().numpy().reshape(8, -1)
    np.testing.assert_allclose(net(points), outputs_of(module, points, [module.shape]), rtol=1e-10, atol=1e-12)
    assert net.graph.input_shape == module.shape
    assert net.n_neurons == NEURONS[name]


def test_convolutions_stay_convolutions():
    """Nine blocks for a 3 x 3 convolution, pixels as sites, batch norm folded, sums as terms of one step."""
    net = lr.from_torch(NETWORKS["ResNet"]().eval(), torch.zeros(1, 1, 10, 10))
    steps = net.graph.steps
    assert [step.layout[:2] for step in steps] == [(100, 4)] * 3 + [(25, 8)] * 2 + [(1, 8), (1, 10)]
    assert all(len(term.blocks) <= 9 for step in steps for term in step.terms[:5])
    assert sorted(term.source for term in steps[2].terms) == [0, 1]
    assert [term.source for term in steps[0].terms] == [INPUT]


def test_a_decoder_is_laid_out_for_what_reads_it():
    """The Linear's output is seen as pixels, since a transposed convolution reads it."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Linear(5, 8 * 16), nn.ReLU(), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU()
    )
    net = imported(module, (5,))
    assert net.graph.steps[0].layout[:2] == (16, 8)
    (term,) = net.graph.steps[1].terms
    assert term.site.size * term.blocks[0].size < 2 * 16 * 16 * 8 * 4


def test_fully_connected_classes_become_layers_with_the_very_weights():
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 7, bias=False), nn.Linear(7, 3)

        def forward(self, x):
            return self.c(F.relu(self.b(F.relu(self.a(x)))))

    torch.manual_seed(0)
    module = MLP()
    net = imported(module, (6,))
    assert net.is_chain
    for layer, mine in zip((module.a, module.b, module.c), net.layers, strict=True):
        np.testing.assert_array_equal(mine.weight, layer.weight.detach().numpy().astype(np.float64))
    row = nn.Sequential(module.a, nn.ReLU(), module.b, nn.ReLU(), module.c)
    same = lr.from_torch(row)
    points = np.random.default_rng(0).normal(size=(10, 6))
    np.testing.assert_array_equal(net(points), same(points))


def test_a_row_with_batch_norm_needs_no_example():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)).eval()
    net = lr.from_torch(module)
    assert repr(net) == "Network(4 -> 6 -> 2, 6 neurons, activation relu)"


def wrapped(kind):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    if kind == "weight_norm":
        nn.utils.parametrizations.weight_norm(layers[0])
    elif kind == "old weight_norm":
        nn.utils.weight_norm(layers[3])
    elif kind == "spectral_norm":
        nn.utils.parametrizations.spectral_norm(layers[0])
    elif kind == "old spectral_norm":
        nn.utils.spectral_norm(layers[3])
    elif kind == "orthogonal":
        nn.utils.parametrizations.orthogonal(layers[3])
    elif kind == "pruned":
        prune.l1_unstructured(layers[0], "weight", 0.5)
        prune.random_unstructured(layers[3], "weight", 0.5)
    elif kind == "parametrised":

        class Symmetric(nn.Module):
            def forward(self, weight):
                return weight.triu() + weight.triu(1).transpose(-1, -2)

        nn.utils.parametrize.register_parametrization(layers[0], "weight", Symmetric())
    loss = layers(torch.randn(2, 1, 6, 6)).sum()
    loss.backward()  # attributes of some of these carry gradients by now
    return layers.eval()


KINDS = ["weight_norm", "old weight_norm", "spectral_norm", "old spectral_norm", "orthogonal", "pruned", "parametrised"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_computed(kind):
    module = wrapped(kind)
    net = lr.from_torch(module, torch.zeros(1, 1, 6, 6))
    points = np.random.default_rng(0).normal(size=(10, 36))
    with torch.no_grad():
        expected = module(torch.tensor(points.reshape(10, 1, 6, 6), dtype=torch.float32)).numpy()
    np.testing.assert_allclose(net(points), expected, atol=1e-4)


def test_wrappers_are_looked_through():
    module = wrapped("plain")
    plain = lr.from_torch(module, torch.zeros(1, 1, 6, 6))
    points = np.random.default_rng(0).normal(size=(10, 36))
    inner = nn.Sequential(nn.DataParallel(module[:2]), torch.compile(module[2:]))
    for other in (torch.compile(module), nn.DataParallel(module), inner):
        np.testing.assert_array_equal(lr.from_torch(other, torch.zeros(1, 1, 6, 6))(points), plain(points))
