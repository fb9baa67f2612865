"""Programs that torch.export wrote (``.pt2``) -> Network."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.files import as_path, brief
from linregions.errors import FileFormatError, InvalidValueError
from linregions.networks.importers.stand_ins import StandIns
from linregions.networks.importers.torch.copies import load_torch
from linregions.networks.importers.torch.inputs import Inputs
from linregions.networks.importers.torch.model import Imported, check_drop, quietly, walked
from linregions.networks.network import Network

_WHO = "from_pt2"


def from_pt2(
    path: str | os.PathLike[str], *, drop_last: str | None = None, scale: Any = None, shift: Any = None
) -> Network:
    """Read a program that ``torch.export.save`` wrote.

    Parameters
    ----------
    path : str or path-like
        Exported in evaluation mode, for a batch of one point or of any size.
    drop_last, scale, shift
        As in `from_torch`.

    Returns
    -------
    Network
        Compared with the program, in the program's own format: single precision, as a rule.

    Raises
    ------
    InvalidValueError
        If there is no such file, the batch has another fixed size, or the network does not reproduce the program.
    FileFormatError
        If the file is damaged, of an old release, or would have to be unpickled.
    UnsupportedModuleError
        As in `from_torch`.
    MissingDependencyError
        If torch or scipy is not installed.
    """
    return Network.from_graph(import_program(path, drop_last, (scale, shift)).graph)


def import_program(
    path: Any, drop_last: str | None, normalisation: tuple[Any, Any], stand_ins: StandIns | None = None
) -> Imported:
    """Return the graph of an exported program, checked."""
    source = as_path(path, "path", _WHO)
    check_drop(drop_last)
    torch = load_torch()
    with quietly(torch):
        _check_archive(torch, source)
        try:
            loaded = torch.export.load(source)
            program = loaded.run_decompositions({})
            runs = loaded.module()
        except Exception as error:
            raise FileFormatError(
                f"`path` {source.name!r} cannot be read by torch.export ({brief(error)}), but {_WHO} needs its "
                "program. Write it again with `torch.export.save` of this release of torch."
            ) from None
        inputs, dtype = _inputs(torch, program)
        return walked(torch, program, runs, dtype, inputs, None, drop_last or "", normalisation, stand_ins)


def _check_archive(torch: Any, source: Path) -> None:
    """Raise unless the archive can be read without unpickling anything."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            pickled = not any(name.endswith("/models/model.json") for name in names)
            for name in names:
                if name.endswith("_config.json"):
                    entries = json.loads(archive.read(name))["config"].values()
                    pickled |= any(entry.get("use_pickle", True) for entry in entries)
                elif "/sample_inputs/" in name:
                    torch.load(io.BytesIO(archive.read(name)), weights_only=True)
    except FileNotFoundError:
        raise InvalidValueError(f"`path` {str(source)!r} is no file, but {_WHO} needs one. Check the path.") from None
    except Exception as error:
        raise FileFormatError(
            f"`path` {source.name!r} is damaged ({brief(error)}), but {_WHO} needs a program that `torch.export.save` "
            "wrote. Write it again."
        ) from None
    if pickled:
        raise FileFormatError(
            f"`path` {source.name!r} holds pickled objects, but {_WHO} runs no code of a file. Write it again with "
            "`torch.export.save` of this release of torch, or load it yourself and call `from_torch`."
        )


def _inputs(torch: Any, program: Any) -> tuple[Inputs, Any]:
    """Return zeros of the program's inputs, for a batch of one, and their format."""
    kinds = torch.export.graph_signature.InputKind
    own = [spec.arg.name for spec in program.graph_signature.input_specs if spec.kind == kinds.USER_INPUT]
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in own]
    fixed = [value.shape[0] for value in values if value.ndim and isinstance(value.shape[0], int)]
    if not values or any(length != 1 for length in fixed):
        raise InvalidValueError(
            f"`path` holds a program for a batch of {fixed[0] if fixed else 0} points, but {_WHO} needs one of one "
            "point or of any number. Export it with an example of batch size 1."
        )
    arrays = tuple(np.zeros((1, *(int(length) for length in value.shape[1:]))) for value in values)
    return Inputs((), arrays), values[0].dtype
