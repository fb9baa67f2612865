"""Programs that torch.export wrote."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

import linregions as lr
from linregions.errors import FileFormatError, InvalidValueError, UnsupportedModuleError
from linregions.networks.importers import from_pt2

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(12, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return torch.softmax(self.fc(x.view(x.shape[0], -1)) + x.new_zeros(x.shape[0], 4), 1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Model().eval()


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_program_is_the_module_that_it_was_exported_from(tmp_path, model, dynamic):
    path = tmp_path / "model.pt2"
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.export.export(model, (torch.zeros(2 if dynamic else 1, 1, 6, 6),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    with pytest.raises(UnsupportedModuleError, match='pass `drop_last="softmax"`'):
        lr.Network.load(path)
    net = from_pt2(path, drop_last="softmax")
    mine = lr.from_torch(model, torch.zeros(1, 1, 6, 6), drop_last="softmax")
    points = np.random.default_rng(0).normal(size=(10, 36))
    np.testing.assert_allclose(net(points), mine(points), rtol=1e-6, atol=1e-6)
    assert net.n_neurons == mine.n_neurons == 3 * 16 + 12


def test_a_batch_of_another_size(tmp_path, model):
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(model, (torch.zeros(3, 1, 6, 6),)), path)
    with pytest.raises(InvalidValueError, match=r"program for a batch of 3 points, but from_pt2 .* batch size 1"):
        from_pt2(path)


def test_nothing_is_unpickled(tmp_path, model):
    path, bad = tmp_path / "model.pt2", tmp_path / "bad.pt2"
    torch.export.save(torch.export.export(model, (torch.zeros(1, 1, 6, 6),)), path)

    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit",))

    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, buffer.getvalue() if "sample_inputs" in name else source.read(name))
    with pytest.raises(FileFormatError, match=r"`path` 'bad.pt2' is damaged"):
        from_pt2(bad)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(b'"use_pickle": false', b'"use_pickle": true'))
    with pytest.raises(FileFormatError, match="holds pickled objects, but from_pt2 runs no code of a file"):
        from_pt2(bad)


def test_damaged_and_missing_files(tmp_path, model):
    path, bad = tmp_path / "model.pt2", tmp_path / "bad.pt2"
    torch.export.save(torch.export.export(model, (torch.zeros(1, 1, 6, 6),)), path)
    data = path.read_bytes()
    bad.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match="is damaged"):
        from_pt2(bad)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"{}" if name.endswith("model.json") else source.read(name))
    with pytest.raises(FileFormatError, match=r"cannot be read by torch.export .* Write it again"):
        from_pt2(bad)
    with pytest.raises(InvalidValueError, match="is no file, but from_pt2 needs one"):
        from_pt2(tmp_path / "none.pt2")
