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
    check_equal_partitions(network, straight, first, last)


def check_equal_partitions(network: Any, straight: Any, first: Any, last: Any) -> None:
    """The same breakpoints of a line and regions of a plane, but for what slopes in single precision move."""
    rng = np.random.default_rng(0)
    start = first + 0.05 * rng.normal(size=first.shape)  # off the margins, where units tie
    end = start + 3.0 * (last - first)
    line = lr.Segment(start, end)
    window = lr.PlaneWindow.through(start, start + 0.02 * (end - start), start + 0.05 * rng.normal(size=first.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lr.errors.UndecidedWarning)
        ours, theirs = lr.partition(network, line), lr.partition(straight, line)
        faces, others = lr.partition(network, window), lr.partition(straight, window)
    assert ours.n_regions == theirs.n_regions > 1
    np.testing.assert_allclose(ours.breakpoints, theirs.breakpoints, atol=1e-5)
    assert np.array_equal(np.diff(ours.switch_offsets), np.diff(theirs.switch_offsets))
    assert faces.n_regions == others.n_regions
    assert faces.vertices.shape == others.vertices.shape
    np.testing.assert_allclose(np.sort(faces.areas), np.sort(others.areas), rtol=1e-3, atol=1e-5 * others.areas.sum())


@pytest.mark.parametrize("name", ["LeNet", pytest.param("ResNet", marks=pytest.mark.slow),
                                  pytest.param("UNet", marks=pytest.mark.slow)])  # fmt: skip
def test_the_newest_operators(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    module, straight = straight_from(name)
    content = exported(module, module.shape, 17, training=torch.onnx.TrainingMode.PRESERVE)
    newest = onnx.defs.onnx_opset_version()
    model = onnx.version_converter.convert_version(onnx.ModelProto.FromString(content), newest)
    assert model.opset_import[0].version == newest > 20
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    network = lr.from_onnx(tmp_path / "model.onnx")
    x, _ = images(module.shape, 2)
    check_equal_partitions(network, straight, *x.double().numpy().reshape(2, -1))


def test_batch_norm_that_the_exporter_folds(tmp_path):
    module = trained("ResNet")
    (tmp_path / "model.onnx").write_bytes(exported(module, module.shape, 17))
    network = lr.from_onnx(tmp_path / "model.onnx")
    x, _ = images(module.shape, 8)
    with torch.no_grad():
        theirs = module.double()(x.double()).numpy()
    np.testing.assert_allclose(network(x.double().numpy()), theirs, rtol=1e-4, atol=1e-4)
