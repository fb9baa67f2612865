"""Whole networks of every kind, exported by PyTorch for old and new opsets: the same as without the detour."""

import functools
import io
import warnings
from typing import Any

import numpy as np
import pytest

import linregions as lr

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("scipy")

from tests.support.torch_networks import NETWORKS, images, trained  # noqa: E402


def exported(module: Any, shape: tuple[int, ...], opset: int, **options: Any) -> bytes:
    """Return the module as PyTorch writes it, batch norm and all."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.zeros(1, *shape),), written, opset_version=opset, dynamo=False, input_names=["x"],
            do_constant_folding=False, **options,
        )  # fmt: skip
    return written.getvalue()


@functools.cache
def straight_from(name: str) -> Any:
    module = trained(name)
    return module, lr.from_torch(module, torch.zeros(1, *module.shape))


OPSETS = (9, 13, 20, 11, 17)
# Each network quick with one of the first three, for exports take seconds. Of opset 9 PyTorch writes bilinear
# upsampling with other coordinates than it computes with.
CASES = [
    pytest.param(name, opset, marks=[pytest.mark.slow] * (k != i % 3))
    for i, name in enumerate(NETWORKS)
    for k, opset in enumerate(OPSETS)
    if (name, opset) != ("UNet", 9)
]


@pytest.mark.parametrize(("name", "opset"), CASES)
def test_networks_exported_by_torch(name, opset, tmp_path):
    module, straight = straight_from(name)
    preserved = torch.onnx.TrainingMode.PRESERVE  # or else batch norm is folded in single precision
    content = exported(module, module.shape, opset, training=preserved, dynamic_axes={"x": {0: "batch"}})
    (tmp_path / "model.onnx").write_bytes(content)
    network = lr.Network.load(tmp_path / "model.onnx")
    assert network.n_neurons == straight.n_neurons
    assert network.n_in == straight.n_in
    x, _ = images(module.shape, 2)
    first, last = x.double().numpy().reshape(2, -1)
    points = first + np.linspace(0, 1, 400)[:, None] * (last - first)
    np.testing.assert_allclose(network(points), straight(points), rtol=1e-6, atol=1e-7)
    ours, theirs = network.patterns(points), straight.patterns(points)
    assert len(np.unique(theirs, axis=0)) > 1
    # Slopes are in single precision in the format, so a switch may move past a point.
    assert np.mean(np.any(ours != theirs, axis=1)) < 0.01


def test_batch_norm_that_the_exporter_folds(tmp_path):
    module = trained("ResNet")
    (tmp_path / "model.onnx").write_bytes(exported(module, module.shape, 17))
    network = lr.from_onnx(tmp_path / "model.onnx")
    x, _ = images(module.shape, 8)
    with torch.no_grad():
        theirs = module.double()(x.double()).numpy()
    np.testing.assert_allclose(network(x.double().numpy()), theirs, rtol=1e-4, atol=1e-4)
