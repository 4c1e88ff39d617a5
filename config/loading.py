"""Puts the settings together: defaults < file < environment < arguments. A mistake is named, with where it was made."""

import difflib
import math
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from config.expectation import expectation
from config.settings import Settings

PREFIX: Final = "UNDERSTUDY_"
FILE_VARIABLE: Final = "UNDERSTUDY_CONFIG"
"""Names the file where no argument does; the one variable with the prefix that is not a setting."""

FLAGS: Final = {
    "server.host": "--host",
    "server.port": "--port",
    "server.allow_anonymous": "--allow-anonymous",
    "upstreams": "--upstream",
    "data": "--data",
    "launch.server": "--launch",
    "launch.model": "--model",
    "launch.options": "--",
    "log.level": "--log-level",
}
"""The settings that have an argument of their own. Errors about them name it."""

# A Kubernetes service called "understudy" puts these into every container beside it. They are not meant for us.
_SERVICE_LINK: Final = re.compile(r"UNDERSTUDY_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_\w+)$")


_SECRET: Final = re.compile("api_key|access_key")


class SettingsError(Exception):
    """A setting that cannot be used. The message has its dotted name, what was expected, and where it came from."""


class _Origin(Struct, frozen=True, kw_only=True):
    """Where a value came from, and how it spells."""

    label: str
    is_text: bool = False
    """Numbers, lists and tables arrive as text, as they do in environment and arguments."""


def load(arguments: Mapping[str, object], *, file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read every source. `arguments` go by dotted name (`server.port`), as text or already as their type.

    Without `file`, the environment may name one. An environment variable that is set to nothing counts as not set.
    Raises SettingsError.
    """
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])

    found = _Table()
    for path, value, origin in _given(arguments, file, environ):
        _merge(found, _checked(path, value, origin))
    settings = msgspec.convert(found, Settings)
    _check_together(settings)
    return settings


def _given(
    arguments: Mapping[str, object], file: Path | None, environ: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], object, _Origin]]:
    """Everything that was said, the weaker first."""
    if file is not None:
        yield (), _read(file), _Origin(label=f"file {file}")

    # Whole tables first, so that a single key of one wins over the table: fewer underscores, shorter name.
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if name.startswith(PREFIX) and name != FILE_VARIABLE and environ[name] and not _is_service_link(name, environ):
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            yield path, environ[name], _Origin(label=f"environment variable {name}", is_text=True)

    for dotted, value in arguments.items():
        label = f"argument {FLAGS[dotted]}" if dotted in FLAGS else "argument"
        yield tuple(dotted.split(".")), value, _Origin(label=label, is_text=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failure:
        raise SettingsError(f"cannot read the file {file}: {failure.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise SettingsError(f"file {file} is not TOML: {failure}") from None


def _is_service_link(name: str, environ: Mapping[str, str]) -> bool:
    # UNDERSTUDY_PORT=8020 is somebody's slip and is told so; the link has an address there.
    return bool(_SERVICE_LINK.match(name)) or (name == f"{PREFIX}PORT" and "://" in environ[name])


class _Table(dict[str, Any]):
    """A checked table of settings, told apart from a value that happens to be a dictionary."""


def _merge(weaker: _Table, stronger: _Table) -> None:
    """Tables are merged key by key; every other value, lists and aliases too, replaces the weaker one."""
    for key, value in stronger.items():
        if isinstance(value, _Table):
            _merge(weaker.setdefault(key, _Table()), value)
        else:
            weaker[key] = value


def _checked(path: Sequence[str], value: object, origin: _Origin) -> _Table:
    """Follow `path` from the top to the setting that it names, and check the value there."""
    kind: Any = Settings
    for depth, key in enumerate(path):
        if not _is_table(kind) or key not in _keys(kind):
            raise _no_such_setting(path[: depth + 1], origin)
        kind = _keys(kind)[key]
    checked = _value(kind, ".".join(path), value, origin)
    for key in reversed(path):
        checked = _Table({key: checked})
    return cast("_Table", checked)


def _value(kind: Any, name: str, value: object, origin: _Origin) -> object:
    """Check `value` against its type, so that a mistake is reported at its innermost name."""
    form = typing.get_origin(kind)
    if isinstance(value, str) and not value.startswith("{") and _is_table(kind) and "url" in _keys(kind):
        value = {"url": value}  # a model server is most often just its address
    if origin.is_text and isinstance(value, str) and (form in {list, dict} or _is_table(kind)):
        value = _from_text(kind, name, value, origin)
        origin = _Origin(label=origin.label)

    if _is_table(kind):
        return _table(kind, name, value, origin)
    if form is list and isinstance(value, list):
        (item,) = typing.get_args(kind)
        return [_value(item, f"{name}[{place}]", part, origin) for place, part in enumerate(value)]
    try:
        checked: object = msgspec.convert(value, kind, strict=not (origin.is_text and isinstance(value, str)))
    except msgspec.ValidationError:
        raise _unexpected(kind, name, value, origin) from None
    if isinstance(checked, float) and not math.isfinite(checked):
        raise _unexpected(kind, name, value, origin)
    return checked


def _table(kind: Any, name: str, value: object, origin: _Origin) -> _Table:
    if not isinstance(value, dict):
        raise _unexpected(kind, name, value, origin)
    above = f"{name}." if name else ""
    keys = _keys(kind)
    for key in value:
        if key not in keys:
            raise _no_such_setting([f"{above}{key}"], origin)
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in value:
            raise SettingsError(f"{above}{field.name}: needed, and not given ({origin.label})")
    return _Table({key: _value(keys[key], f"{above}{key}", part, origin) for key, part in value.items()})


def _from_text(kind: Any, name: str, text: str, origin: _Origin) -> object:
    """Lists and tables in an environment variable: JSON, or for a list its items with commas between them."""
    if text.lstrip().startswith(("[", "{")):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise _unexpected(kind, name, text, origin) from None
    if typing.get_origin(kind) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    raise _unexpected(kind, name, text, origin)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _keys(table: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(table)}


def _unexpected(kind: Any, name: str, value: object, origin: _Origin) -> SettingsError:
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)  # JSON has no word for it
    got = msgspec.json.encode(value, enc_hook=str).decode()
    if _SECRET.search(name) or _SECRET.search(got):
        got = "something else"  # what is secret stays out of logs, even when it is in the wrong place
    return SettingsError(f"{name}: expected {expectation(kind)}, got {got} ({origin.label})")


def _no_such_setting(path: Sequence[str], origin: _Origin) -> SettingsError:
    name = ".".join(path)
    hint = ""
    if (nearest := _nearest(name)) is not None:
        is_variable = origin.label == f"environment variable {PREFIX}{_variable(name)}"
        hint = f"; did you mean {PREFIX + _variable(nearest) if is_variable else nearest}?"
    return SettingsError(f"{name}: no such setting{hint} ({origin.label})")


def _variable(name: str) -> str:
    return name.upper().replace(".", "__")


def _nearest(name: str) -> str | None:
    """The setting that was probably meant: spelt alike, or of the same last name in another table."""
    plain = re.sub(r"\[\d+\]", "", name)
    names = [known for known in _all_names(Settings) if known != plain]
    if alike := difflib.get_close_matches(plain, names, n=1, cutoff=0.75):
        return alike[0]
    last = plain.rpartition(".")[2]
    return next((known for known in names if known.rpartition(".")[2] == last), None)


def _all_names(table: Any, above: str = "") -> Iterator[str]:
    for key, kind in _keys(table).items():
        yield f"{above}{key}"
        inner = typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind
        if _is_table(inner):
            yield from _all_names(inner, f"{above}{key}.")


def _check_together(settings: Settings) -> None:
    """What no single value shows."""
    files = settings.files
    if (files.bucket_access_key_id is None) != (files.bucket_secret_access_key is None):
        lacking = "bucket_access_key_id" if files.bucket_access_key_id is None else "bucket_secret_access_key"
        raise SettingsError(f"files.{lacking}: needed with the other half of the key")
    if files.bucket is None:
        for name in ("bucket_prefix", "bucket_endpoint", "bucket_region", "bucket_access_key_id", "bucket_addressing"):
            if getattr(files, name):
                raise SettingsError(f"files.{name}: means nothing without files.bucket")
    launch = settings.launch
    if launch.server is not None and launch.model is None:
        raise SettingsError("launch.model: needed with launch.server (argument --model)")
    if launch.server is None and (launch.model is not None or launch.options):
        given = "launch.model" if launch.model is not None else "launch.options"
        raise SettingsError(f"{given}: means nothing without launch.server (argument --launch)")
