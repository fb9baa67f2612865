"""The caller's module and PyTorch's state are as they were after `from_torch`."""

from __future__ import annotations

import pytest

import linregions as lr

torch = pytest.importorskip("torch")
nn = torch.nn

from torch.nn.utils import prune  # noqa: E402


def a_module():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 3, 1)),
        nn.Flatten(),
        nn.Linear(27, 2),
    )
    prune.l1_unstructured(module[6], "weight", 0.3)
    module.eval()
    module[5].train()  # a mode of its own
    module[0].weight.requires_grad_(False)
    return module


def test_module_state_and_random_numbers():
    module = a_module()
    seen = []
    module[2].register_forward_hook(lambda *_: seen.append(1))
    module(torch.randn(2, 2, 5, 5)).sum().backward()
    before = {
        "state": {name: value.clone() for name, value in module.state_dict().items()},
        "gradients": {n: None if p.grad is None else p.grad.clone() for n, p in module.named_parameters()},
        "modes": [part.training for part in module.modules()],
        "needs": [p.requires_grad for p in module.parameters()],
        "hooks": [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()],
        "attributes": [sorted(vars(part)) for part in module.modules()],
        "identities": [id(p) for p in module.parameters()],
        "rng": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
    }
    example = torch.randn(1, 2, 5, 5, requires_grad=True)
    kept, before["rng"] = example.detach().clone(), torch.get_rng_state()
    lr.from_torch(module, example)
    assert torch.equal(example, kept)
    assert example.grad is None
    for name, value in module.state_dict().items():
        assert torch.equal(value, before["state"][name]), name
        assert value.dtype == before["state"][name].dtype
    for name, parameter in module.named_parameters():
        gradient = before["gradients"][name]
        assert parameter.grad is None if gradient is None else torch.equal(parameter.grad, gradient)
    assert [part.training for part in module.modules()] == before["modes"]
    assert [p.requires_grad for p in module.parameters()] == before["needs"]
    assert [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()] == before["hooks"]
    assert [sorted(vars(part)) for part in module.modules()] == before["attributes"]
    assert [id(p) for p in module.parameters()] == before["identities"]
    assert torch.equal(torch.get_rng_state(), before["rng"])
    assert torch.is_grad_enabled() == before["grad mode"]
    assert torch.get_default_dtype() == before["dtype"]
    assert torch.get_num_threads() == before["threads"]


def test_a_module_whose_forward_counts():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.layer = nn.Conv1d(1, 2, 3)

        def forward(self, x):
            self.calls += 1
            return torch.relu(self.layer(x))

    module = Counting().eval()
    lr.from_torch(module, torch.zeros(1, 1, 6))
    assert module.calls == 0


def test_the_network_does_not_follow_the_module():
    module = a_module()
    net = lr.from_torch(module, torch.zeros(1, 2, 5, 5))
    point = torch.randn(50).numpy()
    kept = net(point).copy()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1.0)
    assert (net(point) == kept).all()


def test_a_module_in_half_precision():
    module = a_module()
    full = lr.from_torch(module, torch.zeros(1, 2, 5, 5))
    half = lr.from_torch(module.bfloat16(), torch.zeros(1, 2, 5, 5))
    assert half.n_neurons == full.n_neurons
    assert module[0].weight.dtype == torch.bfloat16
