"""Model files of other programs: told by what they begin with, with the way from each to a `Network`."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

_HEAD = 1 << 12
_LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_LAYERS = "`linregions.Network.from_layers([(W0, b0), (W1, b1), ...])`, each W of shape (units, inputs)"


@dataclass(frozen=True)
class Foreign:
    """A format."""

    name: str  # with its article
    way: str  # the sentence that says how a network in it becomes one of ours
    reader: str = ""  # what `Network.load` reads it by; empty where it does not


def _of_state(name: str, state: str, reader: str = "") -> Foreign:
    """Return a format that holds the parameters of a module."""
    return Foreign(
        name,
        f"Build the module, call `module.load_state_dict({state})` and write "
        "`linregions.from_torch(module).save('model.npz')`.",
        reader,
    )


_CHECKPOINT = _of_state("a PyTorch checkpoint", "torch.load(path, weights_only=True)")
_SCRIPT = _of_state("a TorchScript archive", "torch.jit.load(path).state_dict()")
_EXPORTED = _of_state("a program written by torch.export", "torch.export.load(path).state_dict", "pt2")
_SAFETENSORS = _of_state("a safetensors file", "safetensors.torch.load_file(path)")
_MODULE = Foreign(
    "a whole PyTorch module, pickled",
    "If you trust it, load it where its classes are known, `module = torch.load(path, weights_only=False)`, and write "
    "`linregions.from_torch(module).save('model.npz')`.",
)
_ONNX = Foreign("an ONNX model", "Load it with `linregions.from_onnx(path)`.", "onnx")
_NNET = Foreign("an .nnet file", "Load it with `linregions.from_nnet(path)`.", "nnet")
_HDF5 = Foreign(
    "an HDF5 file", f"Read its arrays with h5py (of a Keras model, each W transposed) and give them to {_LAYERS}."
)
_KERAS = Foreign(
    "a Keras model",
    f"Load it with Keras, take `layer.get_weights()` of every layer, transpose each W and give them to {_LAYERS}.",
)
_SCIKIT = Foreign(
    "a pickled scikit-learn estimator",
    "If you trust it, load it with the program that wrote it, e.g. `mlp = joblib.load(path)`, and write "
    "`linregions.from_sklearn(mlp).save('model.npz')`.",
)
_PICKLE = Foreign(
    "a pickle, which may run any program when it is read",
    f"Load it with the program that wrote it, if you trust it, and give its weights and biases to {_LAYERS}.",
)
_TFLITE = Foreign(
    "a TensorFlow Lite model", f"Take its weights and biases out with TensorFlow and give them to {_LAYERS}."
)
_MATLAB = Foreign("a MATLAB file", f"Read its arrays with `scipy.io.loadmat` and give them to {_LAYERS}.")

#: For files whose content tells nothing, such as compressed pickles.
_BY_ENDING = {
    ".pt": _CHECKPOINT,
    ".pth": _CHECKPOINT,
    ".ckpt": _CHECKPOINT,
    ".pt2": _EXPORTED,
    ".onnx": _ONNX,
    ".nnet": _NNET,
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".keras": _KERAS,
    ".safetensors": _SAFETENSORS,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".joblib": _SCIKIT,
    ".tflite": _TFLITE,
    ".mat": _MATLAB,
}


def recognise(path: Path) -> Foreign | None:
    """Return the format of a model file of another program, None for an NPZ archive and for what nobody knows.

    Nothing in it is trusted or executed. If there is no such file, its ending has to do.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(_HEAD)
        found = _in_zip(path) if head[:4] == b"PK\x03\x04" else _in_bytes(head)
    except (OSError, ValueError):
        found = None
        head = b""
    if found is None and head[:4] != b"PK\x03\x04":
        return _BY_ENDING.get(os.path.splitext(path)[1].lower())
    return found


def _in_zip(path: Path) -> Foreign | None:
    pickled = b""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name in names:
                if name.endswith("data.pkl"):
                    with archive.open(name) as handle:
                        pickled = handle.read(_HEAD)
    except Exception:  # a damaged archive raises nearly anything
        return None
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "archive_format" in last or "serialized_exported_program.json" in last:
        return _EXPORTED
    if any("/code/" in name or name.startswith("code/") for name in names):
        return _SCRIPT
    if pickled:
        return _MODULE if b"torch.nn.modules" in pickled else _CHECKPOINT
    return _KERAS if "model.weights.h5" in last else None


def _in_bytes(head: bytes) -> Foreign | None:
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _HDF5
    if head.startswith(_LEGACY_TORCH):
        return _CHECKPOINT
    if re.match(rb"\x80[\x02-\x05]", head):
        return _SCIKIT if b"sklearn" in head else _PICKLE
    if head[4:8] == b"TFL3":
        return _TFLITE
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return _MATLAB
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return _SAFETENSORS
    # The version of ONNX's own format comes first, then the name of the program that wrote it, or the graph.
    if re.match(rb"\x08[\x01-\x3f][\x12\x1a\x22\x2a\x32\x3a\x42]", head):
        return _ONNX
    return _NNET if re.match(rb"(\s*//[^\n]*\n)+(\s*\d+\s*,)+\s*\n", head) else None
