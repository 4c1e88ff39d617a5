"""Says in words what values a type takes, for messages about settings."""

from typing import Any

from msgspec import inspect


def expectation(kind: Any) -> str:
    """`Annotated[int, Meta(ge=0, le=65535)]` -> `a whole number from 0 to 65535`."""
    return _words(inspect.type_info(kind))


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata():
            return _words(info.type)
        case inspect.IntType() | inspect.FloatType():
            return _number(info)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType(pattern=str()):
            return "an address such as http://127.0.0.1:30000"
        case inspect.StrType():
            return "text"
        case inspect.LiteralType():
            return "one of " + ", ".join(f'"{value}"' for value in info.values)
        case inspect.UnionType():
            # "Nothing" is said by leaving a setting out, so it is not named as a choice.
            return " or ".join(_words(part) for part in info.types if not isinstance(part, inspect.NoneType))
        case inspect.ListType():
            return f"a list, each item {_words(info.item_type)}"
        case inspect.DictType():
            return f"a table, each value {_words(info.value_type)}"
        case inspect.StructType():
            return "a table of settings (" + ", ".join(field.name for field in info.fields) + ")"
        case _:
            return type(info).__name__


def _number(info: inspect.IntType | inspect.FloatType) -> str:
    noun = "a whole number" if isinstance(info, inspect.IntType) else "a number"
    if info.ge is not None and info.le is not None:
        return f"{noun} from {info.ge} to {info.le}"
    if info.ge is not None:
        return f"{noun}, {info.ge} or more"
    if info.gt is not None:
        return f"{noun} above {info.gt}"
    return noun
