"""Settings of experiments from a TOML file, on top of the quick or the full ones."""

from __future__ import annotations

import dataclasses
import os
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from linregions._support.files import as_path
from linregions.errors import FileFormatError, InvalidTypeError, InvalidValueError
from linregions.experiments.runner import experiment

_WHO = "linregions reproduce"


def read_settings(path: str | os.PathLike[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    r"""Read a TOML file with one table for each experiment, of those in `names`, whose settings it changes.

    Raises InvalidValueError if there is no such file, or it has a table for something that is no experiment, and
    FileFormatError if it is no TOML, or has entries outside tables.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "mine.toml"
    >>> file.write_text("[fig5]\nhidden = [[16, 16], [32]]\nlines = 20") > 0
    True
    >>> read_settings(file, ["fig5"])
    {'fig5': {'hidden': [[16, 16], [32]], 'lines': 20}}
    """
    file = as_path(path, "settings", _WHO)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValueError(
            f"`settings` is {os.fspath(file)!r}, which cannot be read ({error.strerror}), but {_WHO} needs a TOML "
            "file. Check the spelling and the current folder."
        ) from None
    except (ValueError, RecursionError) as error:  # what tomllib raises, and the decoder
        raise FileFormatError(
            f"`settings` is {os.fspath(file)!r}, which is no TOML ({error}), but {_WHO} needs tables such as "
            "`[fig5]` with lines such as `runs = 2`. Mend it there."
        ) from None
    for name, table in content.items():
        if name not in names:
            raise InvalidValueError(
                f"`settings` has an entry {name!r}, but {_WHO} knows only tables for {', '.join(names)}. "
                "Rename or remove it."
            )
        if not isinstance(table, dict):
            raise FileFormatError(
                f"`settings` has {name} = {table!r}, but {_WHO} needs a table. Write `[{name}]` and its settings below."
            )
    return content


def with_changes(base: Any, changes: Mapping[str, Any], name: str) -> Any:
    """Return settings of the experiment `name` with some of them replaced, or raise for unknown ones and other types.

    Changes are as TOML gives them: lists where the settings have tuples, whole numbers where they have floats.
    """
    hints = typing.get_type_hints(type(base))
    known = [entry.name for entry in dataclasses.fields(base)]
    values = {}
    for key, value in changes.items():
        if key not in known:
            raise InvalidValueError(
                f"`settings` has {key!r} for {name}, but {name} knows only {', '.join(known)}. Rename or remove it."
            )
        try:
            values[key] = _converted(value, hints[key])
        except TypeError:
            raise InvalidTypeError(
                f"`settings` has {key} = {value!r} for {name}, but {name} needs {_words(hints[key])}, "
                f"e.g. {key} = {_toml(getattr(base, key))}. Change it."
            ) from None
    return dataclasses.replace(base, **values)


def chosen_settings(name: str, *, full: bool, changes: Mapping[str, Any]) -> Any:
    """Return the quick or the full settings of an experiment, changed as by `with_changes`."""
    module = experiment(name)
    return with_changes(module.FULL if full else module.QUICK, changes, name)


def _converted(value: Any, kind: Any) -> Any:
    """Return `value` as the annotated type `kind`, or raise TypeError."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value) or not value:
            raise TypeError
        return tuple(_converted(entry, one) for entry, one in zip(value, kinds, strict=True))
    if origin is typing.Literal:
        if value not in inner:
            raise TypeError
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if origin is types.UnionType or not isinstance(kind, type) or type(value) is not kind:
        raise TypeError
    return value


def _words(kind: Any, plural: bool = False) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        length = "" if inner[-1] is Ellipsis else f" of length {len(inner)}"
        return f"{'lists' if plural else 'a list'}{length} of {_words(inner[0], True)}"
    if origin is typing.Literal:
        return f"one of {', '.join(map(repr, inner))}"
    one, many = {int: ("an integer", "integers"), float: ("a number", "numbers"), str: ("a string", "strings")}.get(
        kind, (f"a {getattr(kind, '__name__', kind)}", f"{getattr(kind, '__name__', kind)}s")
    )
    return many if plural else one


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
