"""Results as NPZ files: network, domain and diagnostics, which each has beside its own arrays, are written here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from linregions._support.files import brief, read_npz, write_npz
from linregions._support.saved_arrays import SavedArrays
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.domains.windows import Line, LineDomain, Path, PlaneWindow, Ray, Segment
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.networks.network import Network, network_from_arrays, network_to_arrays

Arrays = dict[str, npt.NDArray[Any]]
Solid = Box | Polytope
Domain = TypeVar("Domain", bound=LineDomain | PlaneWindow | Solid)

_LINES: dict[str, tuple[type[Segment] | type[Ray] | type[Path], tuple[str, ...]]] = {
    "Segment": (Segment, ("a", "b")),
    "Ray": (Ray, ("origin", "direction")),
    "Line": (Line, ("origin", "direction")),
    "Path": (Path, ("points",)),
}
_WINDOW: dict[str, tuple[int | None, ...]] = {"origin": (None,), "basis": (2, None), "polygon": (None, 2)}


class Result(Protocol):
    """What has a network and diagnostics beside its arrays."""

    @property
    def network(self) -> Network:
        """Return the network."""

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Return what is known of close decisions."""


def pack_network(network: Network) -> Arrays:
    """Return a network as part of a file."""
    return {f"network_{key}": array for key, array in network_to_arrays(network).items()}


def unpack_network(arrays: Mapping[str, npt.NDArray[Any]], path: str | os.PathLike[str], who: str) -> Network:
    """Return the network in a file, or raise FileFormatError."""
    inner = {key[8:]: array for key, array in arrays.items() if key.startswith("network_")}
    return network_from_arrays(inner, path, who)


def pack_window(window: PlaneWindow) -> Arrays:
    """Return a window, without the names of its axes, as part of a file."""
    return {f"window_{name}": getattr(window, name) for name in _WINDOW}


def unpack_window(saved: SavedArrays) -> PlaneWindow:
    """Return the window in a file, or raise."""
    names = tuple(saved.texts("window_names", 2)) if "window_names" in saved.arrays else None
    arrays = (saved.floats(f"window_{name}", *shape) for name, shape in _WINDOW.items())
    return PlaneWindow(*arrays, names=names)  # type: ignore[arg-type]


def pack_solid(domain: Solid) -> Arrays:
    """Return a box or a polytope as part of a file."""
    box = domain if isinstance(domain, Box) else domain.box
    arrays = {"domain_low": box.low, "domain_high": box.high}
    if isinstance(domain, Polytope):
        arrays |= {"domain_normals": domain.normals, "domain_offsets": domain.offsets}
    return arrays


def unpack_solid(saved: SavedArrays) -> Solid:
    """Return the box or the polytope in a file, or raise."""
    box = Box(saved.floats("domain_low", None), saved.floats("domain_high", None))
    if "domain_normals" not in saved.arrays:
        return box
    normals = saved.floats("domain_normals", None, box.n_in)
    return Polytope(normals, saved.floats("domain_offsets", len(normals)), box)


def _pack_domain(domain: LineDomain | PlaneWindow | Solid) -> Arrays:
    if isinstance(domain, Box | Polytope):
        return pack_solid(domain)
    if isinstance(domain, PlaneWindow):
        return pack_window(domain) | ({} if domain.names is None else {"window_names": np.array(domain.names)})
    kind = type(domain).__name__
    return {"domain": np.array(kind), **{f"domain_{name}": getattr(domain, name) for name in _LINES[kind][1]}}


def unpack_line(saved: SavedArrays) -> LineDomain:
    """Return the line in a file, or raise."""
    kind, names = _LINES[saved.text("domain")]
    made: Any = kind
    line: LineDomain = made(*(saved.arrays[f"domain_{name}"] for name in names))
    return line


def write_result(
    path: str | os.PathLike[str],
    form: str,
    result: Result,
    domain: LineDomain | PlaneWindow | Solid,
    names: Iterable[str],
) -> None:
    """Write a result, whole or not at all: its format, domain and network, diagnostics, and the arrays named."""
    arrays = {
        "format": np.array(form),
        **_pack_domain(domain),
        "diagnostics": np.array(json.dumps(result.diagnostics)),
        **{name: getattr(result, name) for name in names},
        **pack_network(result.network),
    }
    write_npz(path, arrays, f"{type(result).__name__}.save")


def read_result(
    path: str | os.PathLike[str], form: str, kind: str, what: str, unpack: Callable[[SavedArrays], Domain]
) -> tuple[SavedArrays, Network, Domain]:
    """Return the arrays, network and domain in a file that holds a `kind`, such as a LinePartition, or raise."""
    who = f"{kind}.load"
    arrays = read_npz(path, who)
    saved = SavedArrays(arrays, f"`path` is {os.fspath(path)!r}", who, f"Write it again with `{kind}.save`.")
    if "format" not in arrays or str(arrays["format"]) != form:
        raise saved.wrong(f"which is no saved {what}", "one")
    try:
        network = unpack_network(arrays, path, who)
        domain = unpack(saved)
    except (KeyError, InvalidValueError, InvalidTypeError) as error:
        raise saved.wrong(f"which lacks or garbles an entry ({brief(error)})", "all of them") from None
    if domain.n_in != network.n_in:
        place = {PlaneWindow: "window", Box: "box", Polytope: "polytope"}.get(type(domain), "line")
        raise saved.wrong(f"whose {place} lies in {domain.n_in} dimensions", f"the network's {network.n_in}")
    return saved, network, domain
