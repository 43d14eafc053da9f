"""What a document may hold, made from its types: the JSON Schema for editors, and words for people.

What a key means is the docstring under it; what may stand there is the description of its type. So a page, a schema
and an explanation cannot say different things. Imports no types of documents: they are handed in.
"""

import ast
import inspect as python
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, inspect


class Key(NamedTuple):
    """A key of a document: its meaning, what may stand there, what holds when it is left out; all in words.

    `kinds` are the types whose keys stand below it.
    """

    name: str
    meaning: str
    allowed: str
    default: str
    kinds: tuple[type[Struct], ...]
    listed: bool


class Undocumented(Exception):
    """A key that says nothing of itself: a bug of the types."""


def json_schema(kind: type[Struct]) -> bytes:
    """JSON Schema (2020-12) of a document. The bytes do not depend on the version of msgspec."""
    return msgspec.json.format(msgspec.json.encode(_settled(msgspec.json.schema(kind))), indent=2)


def _settled(schema: Any) -> Any:
    """The schema with its alternatives in an order of their own: msgspec has changed its order before."""
    if isinstance(schema, dict):
        settled = {key: _settled(value) for key, value in schema.items()}
        if "anyOf" in settled:
            settled["anyOf"].sort(key=msgspec.json.encode)
        return settled
    return [_settled(item) for item in schema] if isinstance(schema, list) else schema


def keys(kind: type[Struct]) -> list[Key]:
    """The keys of a type, in their order. Raises Undocumented."""
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    texts = _texts(kind)
    found = []
    for item in shape.fields:
        if not texts.get(item.name):
            raise Undocumented(f"{kind.__name__}.{item.name} needs a docstring")
        default = "required" if item.required else _default(item)
        listed = isinstance(_bare(item.type), inspect.VarTupleType)
        kinds = tuple(_kinds(item.type))
        found.append(Key(item.encode_name, texts[item.name], describe(item.type), default, kinds, listed))
    return found


def tag(kind: type[Struct]) -> str:
    """The value of `kind` in documents of that type; empty when it has none."""
    shape = inspect.type_info(kind)
    return str(shape.tag or "") if isinstance(shape, inspect.StructType) else ""


def paths(kind: type[Struct], path: str = "") -> Iterator[tuple[str, Key]]:
    """Every path below a type with its key: `network.interfaces[].mtu`."""
    for key in keys(kind):
        here = f"{path}.{key.name}" if path else key.name
        yield here, key
        for below in key.kinds:
            yield from paths(below, f"{here}[]" if key.listed else here)


def plain_path(path: str) -> str:
    """A path without what it chooses in lists: `network.interfaces[eth0].mtu` is `network.interfaces[].mtu`."""
    return re.sub(r"\[[^\]]*\]", "[]", path)


def describe(shape: inspect.Type, described: str = "") -> str:
    """What may stand where `shape` is wanted, in Markdown."""
    match shape:
        case inspect.Metadata():
            own = str((shape.extra_json_schema or {}).get("description", ""))
            return describe(shape.type, described or own)
        case inspect.UnionType():
            return " or ".join(describe(t) for t in shape.types if not isinstance(t, inspect.NoneType))
        case inspect.EnumType():
            return ", ".join(f"`{member.value}`" for member in shape.cls)
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in shape.values)
        case inspect.StructType():
            return f"keys of [{shape.cls.__name__}](#{shape.cls.__name__.lower()})"
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list of: {describe(shape.item_type)}"
        case inspect.DictType():
            return f"a map of names to: {describe(shape.value_type)}"
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.IntType() | inspect.FloatType():
            return f"a number{_bounds(shape)}"
        case inspect.StrType():
            return described or (f"a text that matches `{shape.pattern}`" if shape.pattern else _text(shape))
        case _:
            raise Undocumented(f"no words for {shape}")


def _bounds(shape: inspect.IntType | inspect.FloatType) -> str:
    low = f" from {shape.ge}" if shape.ge is not None else f" above {shape.gt}" if shape.gt is not None else ""
    return low + (f" to {shape.le}" if shape.le is not None else "")


def _text(shape: inspect.StrType) -> str:
    return f"a text of at most {shape.max_length} characters" if shape.max_length else "a text"


def _bare(shape: inspect.Type) -> inspect.Type:
    return _bare(shape.type) if isinstance(shape, inspect.Metadata) else shape


def _texts(kind: type[Struct]) -> dict[str, str]:
    """Docstrings under the fields of `kind` and of what it is a kind of, by the field's name in Python."""
    bases = [base for base in kind.__bases__ if base is not Struct and issubclass(base, Struct)]
    texts = {name: text for base in bases for name, text in _texts(base).items()}
    tree = ast.parse(textwrap.dedent(python.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    texts[node.target.id] = " ".join(text.split())
    return texts


def _default(item: inspect.Field) -> str:
    value: Any = item.default
    if value is msgspec.NODEFAULT:
        value = item.default_factory()
    match value:
        case None:
            return "nothing"
        case Struct():
            return "their defaults"
        case () | {}:
            return "none"
        case tuple():
            return ", ".join(f"`{_plain(v)}`" for v in value)
        case _:
            return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, Enum) else value)


def _kinds(shape: inspect.Type) -> list[type[Struct]]:
    """The types of documents that `shape` holds."""
    match shape:
        case inspect.Metadata():
            return _kinds(shape.type)
        case inspect.UnionType():
            return [found for t in shape.types for found in _kinds(t)]
        case inspect.VarTupleType() | inspect.ListType():
            return _kinds(shape.item_type)
        case inspect.DictType():
            return _kinds(shape.value_type)
        case inspect.StructType():
            return [shape.cls]
        case _:
            return []
