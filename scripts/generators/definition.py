"""docs/reference/image.schema.json and image.md: the definition, from the types of model/definition.py.

The page has a table for each type. What a key means is the docstring under it; what may stand there is the description
of its type. A key without either is an error, so that none goes undocumented.
"""

import ast
import inspect as python
import textwrap
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from adamant.model import definition

SCHEMA = "docs/reference/image.schema.json"
PAGE = "docs/reference/image.md"

_HEAD = """\
<!-- Made by scripts/generate from src/adamant/model/definition.py: do not edit. -->
# The definition

A definition is a YAML file, `adamant.yaml`. `adamant init DIR` writes a commented one. The
[JSON Schema](image.schema.json) is for editors.

The YAML is a plain subset: one document, no anchors, no tags, no key twice. A number where a text is wanted is an
error: put it in quotes. An unknown key is an error. `--set KEY=VALUE` overrides a key, as in `--set version=2` or
`--set kernel.flavour=generic`.
"""


class Undocumented(Exception):
    """A key of the definition that says nothing of itself."""


def generate(_root: Path) -> Mapping[str, bytes]:
    """The schema and the page."""
    return {SCHEMA: definition.json_schema().rstrip(b"\n") + b"\n", PAGE: page(definition.Image).encode()}


def page(kind: type[msgspec.Struct]) -> str:
    """The reference page of `kind` and of all types that it holds, in the order in which they are met."""
    parts, queue, seen = [_HEAD], [kind], {kind}
    while queue:
        here = queue.pop(0)
        parts.append(_section(here))
        for held in _structs(here):
            if held not in seen:
                seen.add(held)
                queue.append(held)
    return "".join(parts)


def _section(kind: type[msgspec.Struct]) -> str:
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    texts = field_texts(kind)
    lines = [f"\n## {kind.__name__}\n\n{_paragraph(kind)}\n\n"]
    lines += ["| key | what may stand there | if left out | meaning |\n", "|---|---|---|---|\n"]
    if shape.tag_field:
        lines.append(f"| `{shape.tag_field}` | `{shape.tag}` | required | what kind of document this is |\n")
    for item in shape.fields:
        allowed = describe(item.type)
        meaning = texts.get(item.name, "")
        if not meaning:
            raise Undocumented(f"{kind.__name__}.{item.name} needs a docstring")
        default = "required" if item.required else _default(item)
        lines.append(f"| `{item.encode_name}` | {_cell(allowed)} | {_cell(default)} | {_cell(meaning)} |\n")
    return "".join(lines)


def field_texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Docstrings under the fields of `kind`, by the field's name in Python."""
    tree = ast.parse(textwrap.dedent(python.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts = {}
    for node, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    texts[node.target.id] = " ".join(text.split())
    return texts


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
        case inspect.StructType():
            return f"keys of [{shape.cls.__name__}](#{shape.cls.__name__.lower()})"
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list of: {describe(shape.item_type)}"
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.StrType():
            return described or (f"a text that matches `{shape.pattern}`" if shape.pattern else _text(shape))
        case _:
            raise Undocumented(f"no words for {shape}")


def _text(shape: inspect.StrType) -> str:
    return f"a text of at most {shape.max_length} characters" if shape.max_length else "a text"


def _default(item: inspect.Field) -> str:
    value: Any = item.default
    if value is msgspec.NODEFAULT:
        value = item.default_factory()
    match value:
        case None:
            return "nothing"
        case msgspec.Struct():
            return "their defaults"
        case ():
            return "none"
        case tuple():
            return ", ".join(f"`{_plain(v)}`" for v in value)
        case _:
            return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value if isinstance(value, Enum) else value)


def _structs(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    def inside(shape: inspect.Type) -> list[type[msgspec.Struct]]:
        match shape:
            case inspect.Metadata():
                return inside(shape.type)
            case inspect.UnionType():
                return [found for t in shape.types for found in inside(t)]
            case inspect.VarTupleType() | inspect.ListType():
                return inside(shape.item_type)
            case inspect.StructType():
                return [shape.cls]
            case _:
                return []

    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    return [found for item in shape.fields for found in inside(item.type)]


def _paragraph(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
