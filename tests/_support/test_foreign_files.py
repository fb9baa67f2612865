"""Model files of other programs given to `load`: the message names the format and the way, which works."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions.cli import main
from linregions.errors import FileFormatError, InvalidValueError

X = np.linspace(-1, 1, 12).reshape(4, 3)


def module() -> Any:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return made.getvalue()


header = json.dumps({"W": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
WRITTEN = {
    # ir_version 8, then producer_name "pytorch"; ir_version 7, then the graph
    "an ONNX model": [b"\x08\x08\x12\x07pytorch\x1a\x051.13.", b"\x08\x07:\x10\n\x01a\x12\x02xy"],
    "an .nnet file": [
        b"// Neural Network File Format by Kyle Julian, Stanford 2016\n7,5,5,50,\n5,50,50,50,50,50,50,5,\n0,\n",
        b"//comment\n// another\n2, 2, 1, 3,\n",
    ],
    "an HDF5 file": [b"\x89HDF\r\n\x1a\n" + bytes(60)],
    "a Keras model": [zipped("metadata.json", "config.json", "model.weights.h5")],
    "a safetensors file": [len(header).to_bytes(8, "little") + header + bytes(4)],
    "a pickle": [pickle.dumps([np.ones(3)], protocol) for protocol in (2, 3, 4, 5)],
    "a pickled scikit-learn estimator": [b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x1asklearn.neural_network"],
    "a PyTorch checkpoint": [zipped("archive/data.pkl", "archive/version", "archive/data/0")],
    "a TorchScript archive": [zipped("net/data.pkl", "net/code/__torch__.py", "net/constants.pkl")],
    "a program written by torch.export": [
        zipped("m/archive_format", "m/models/model.json"),
        zipped("version", "serialized_exported_program.json"),
    ],
    "a TensorFlow Lite model": [b"\x1c\x00\x00\x00TFL3" + bytes(20)],
    "a MATLAB file": [b"MATLAB 5.0 MAT-file, Platform: GLNXA64"],
}


READ = {"an ONNX model": "from_onnx", "an .nnet file": "from_nnet", "a program written by torch.export": "from_pt2"}


@pytest.mark.parametrize(("name", "k"), [(name, k) for name in READ for k in range(len(WRITTEN[name]))])
@pytest.mark.parametrize("ending", [".npz", ".bin"])
def test_formats_with_a_reader_go_to_it(name: str, k: int, ending: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / f"model{ending}"
    path.write_bytes(WRITTEN[name][k])
    with pytest.raises(FileFormatError, match=rf"`path` .*, but {READ[name]} (needs|runs no code) ") as caught:
        lr.Network.load(path)
    assert main(["info", str(path)]) == 2
    assert f"linregions: error: {caught.value}\n" in capsys.readouterr().err  # torch may warn on the way


@pytest.mark.parametrize(
    ("name", "k"), [(name, k) for name, files in WRITTEN.items() if name not in READ for k in range(len(files))]
)
@pytest.mark.parametrize("ending", [".npz", ".bin"])
def test_formats_are_told_by_content(name: str, k: int, ending: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / f"model{ending}"
    path.write_bytes(WRITTEN[name][k])
    with pytest.raises(
        FileFormatError, match=rf"`path` is '.*', {name}\b.*, but Network.load needs an NPZ archive\. "
    ) as caught:
        lr.Network.load(path)
    assert "allow_pickle" not in str(caught.value)
    assert any(way in str(caught.value) for way in ("Network.from_layers", "from_torch", "from_sklearn"))
    assert main(["info", str(path)]) == 2
    told = capsys.readouterr().err
    assert told == f"linregions: error: {caught.value}\n"


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (".joblib", "scikit-learn"),
        (".onnx", "ONNX"),
        (".nnet", "nnet"),
        (".h5", "HDF5"),
        (".pt", "PyTorch"),
        (".PTH", "PyTorch"),
    ],
)
def test_formats_are_told_by_ending(ending: str, name: str, tmp_path: Path) -> None:
    (tmp_path / f"model{ending}").write_bytes(b"x\x9c compressed, say")
    with pytest.raises(FileFormatError, match=name):
        lr.Network.load(tmp_path / f"model{ending}")


def test_archives_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(zipped("word/document.xml"))
    with pytest.raises(
        FileFormatError, match=r"an archive with 'word/document.xml' in it, which is no array, but Netw"
    ):
        lr.Network.load(tmp_path / "a.npz")
    with pytest.raises(InvalidValueError, match=r"a folder, but Network.load needs an NPZ file"):
        lr.Network.load(tmp_path)


def test_a_network_is_read_whatever_its_name(tmp_path: Path) -> None:
    network = lr.random_network([3, 4, 2], 0)
    for name in ("model.npz", "model.pt", "model.onnx"):
        network.save(tmp_path / name)
        np.testing.assert_array_equal(lr.Network.load(tmp_path / name)(X), network(X))


@pytest.mark.parametrize("kind", ["state", "whole", "legacy", "script"])
def test_the_way_from_torch_works(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    trained, fresh = module(), module()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.normal_()
    path = str(tmp_path / "trained.npz")
    name, load = "a PyTorch checkpoint", lambda: torch.load(path, weights_only=True)
    if kind == "state":
        torch.save(trained.state_dict(), path)
    elif kind == "whole":
        torch.save(trained, path)
        name, load = "a whole PyTorch module, pickled", lambda: torch.load(path, weights_only=False).state_dict()
    elif kind == "legacy":
        torch.save(trained.state_dict(), path, _use_new_zipfile_serialization=False)
    elif kind == "script":
        torch.jit.script(trained).save(path)
        name, load = "a TorchScript archive", lambda: torch.jit.load(path).state_dict()
    with pytest.raises(FileFormatError, match=rf"{name}.*module.*torch\..*from_torch\(module\)\.save"):
        lr.Network.load(path)
    fresh.load_state_dict(load())
    lr.from_torch(fresh).save(tmp_path / "model.npz")
    np.testing.assert_array_equal(lr.Network.load(tmp_path / "model.npz")(X), lr.from_torch(trained)(X))


def test_the_way_from_scikit_learn_works(tmp_path: Path) -> None:
    neural_network = pytest.importorskip("sklearn.neural_network")
    mlp = neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0, solver="lbfgs").fit(
        X, X[:, 0]
    )
    (tmp_path / "mlp.npz").write_bytes(pickle.dumps(mlp))
    with pytest.raises(FileFormatError, match=r"a pickled scikit-learn estimator.*`linregions.from_sklearn\(mlp\)"):
        lr.Network.load(tmp_path / "mlp.npz")
    lr.from_sklearn(pickle.loads((tmp_path / "mlp.npz").read_bytes())).save(tmp_path / "model.npz")
    np.testing.assert_allclose(lr.Network.load(tmp_path / "model.npz")(X)[:, 0], mlp.predict(X), rtol=1e-12)
