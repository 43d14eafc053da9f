"""From the bytes of a YAML document to a typed value, once and strictly.

An error names the line, the path in the document, what stood there and what may. The YAML is a plain subset: one
document, no anchors, no tags, no key twice; a value that YAML reads as a number where a text is wanted is an error
with the cure, because `version: 1.10` silently becomes 1.1.
"""

import bisect
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_type_hints

import msgspec
import yaml
from msgspec import inspect

from adamant.model.errors import UNTOLD, InputError

T = TypeVar("T")

_DEPTH = 32
_AT = re.compile(r"^(?P<what>.*?)(?: - at (?P<key>`key` in )?`(?P<path>\$[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]*)`")
_SHOWN = 80
"""Characters of what a person wrote that an error shows."""
_TEXT_TAG = "tag:yaml.org,2002:str"
_NUMBER_LENGTH = 64
"""Characters of a number. Long ones take PyYAML minutes (in base 60) or cannot be shown (in base 16)."""
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


class Located:
    """A document as plain Python values, and the line of each path (`$.kernel.flavour`), counted from 1."""

    def __init__(self, value: Any, lines: dict[str, int]) -> None:
        self.value = value
        self.lines = lines

    def line(self, path: str) -> int:
        """Line of `path`, or of the nearest part of the document that holds it."""
        while path not in self.lines and path != "$":
            path = re.sub(r"(\.[^.\[]*|\[[^\]]*\])$", "", path) or "$"
        return self.lines.get(path, 1)


def parse_yaml(data: bytes, name: str) -> Located:
    """Read YAML of the plain subset. `name` stands for the document in errors ("adamant.yaml")."""
    try:
        text = data.decode("utf-8")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
    except UnicodeDecodeError as error:
        raise InputError("document-encoding", f"{name} is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError("yaml-malformed", f"{name}, line {line}: {error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise InputError("yaml-malformed", f"{name}: {error}") from error
    except RecursionError as error:
        raise InputError("yaml-malformed", f"{name}: nested too deeply") from error
    if node is None:
        raise InputError("document-empty", f"{name} is empty", hint="adamant init writes one to start from")
    lines: dict[str, int] = {}
    seen: set[int] = set()

    def check_text(node: yaml.ScalarNode, path: str) -> None:
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            line = node.start_mark.line + 1
            raise InputError("yaml-malformed", f"{name}, line {line}: half a surrogate pair is no text", context=path)

    def plain(node: yaml.Node, path: str, depth: int) -> Any:
        line = node.start_mark.line + 1
        lines.setdefault(path, line)
        if depth > _DEPTH:
            raise InputError("yaml-malformed", f"{name}, line {line}: nested too deeply", context=path)
        if id(node) in seen:
            raise InputError("yaml-alias", f"{name}, line {line}: anchors and aliases are not allowed", context=path)
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            check_text(node, path)
        if isinstance(node, yaml.MappingNode):
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key_line = key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    raise InputError("yaml-key", f"{name}, line {key_line}: a key must be plain text", context=path)
                check_text(key_node, path)
                key = key_node.value
                if key in result:
                    raise InputError("yaml-key-twice", f"{name}, line {key_line}: {key} stands twice", context=path)
                lines[f"{path}.{key}"] = key_line
                result[key] = plain(value_node, f"{path}.{key}", depth + 1)
            return result
        if isinstance(node, yaml.SequenceNode):
            return [plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        if node.tag not in _PLAIN_TAGS:
            return node.value  # a date, for one, is text here
        if node.tag != _TEXT_TAG and len(node.value) > _NUMBER_LENGTH:
            raise InputError("yaml-malformed", f"{name}, line {line}: a number of too many digits", context=path)
        try:
            return loader.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            raise InputError("yaml-malformed", f"{name}, line {line}: {error}", context=path) from error

    return Located(plain(node, "$", 0), lines)


def decode(data: bytes, kind: type[T], name: str, overrides: Sequence[str] = ()) -> tuple[T, Located]:
    """A value of `kind` (a msgspec Struct) from YAML, with `overrides` such as `kernel.flavour=generic` applied.

    Raises InputError; its context is the path in the document and the line, its hint says what is allowed.
    """
    located = parse_yaml(data, name)
    if not isinstance(located.value, dict):
        raise InputError("document-not-a-mapping", f"{name} must be keys and values, such as `kind: Image`")
    for override in overrides:
        _override(located.value, kind, override)
    try:
        return msgspec.convert(located.value, type=kind, strict=True), located
    except msgspec.ValidationError as error:
        raise _explain(str(error), kind, name, located) from error


def checked(data: bytes, kind: type[T], name: str, check: Callable[[T], None], overrides: Sequence[str] = ()) -> T:
    """As `decode`, and then what `check` says, which raises InputError with a path of the document as its context."""
    value, located = decode(data, kind, name, overrides)
    try:
        check(value)
    except InputError as error:
        raise locate(error, name, located) from error
    return value


def locate(error: InputError, name: str, located: Located) -> InputError:
    """An error whose context is a path of the document, with the line in front of its message."""
    if not error.context.startswith("$"):
        return error
    line = located.line(error.context)
    return InputError(
        error.reference, f"{name}, line {line}: {error.message}", context=f"at {error.context[2:]}", hint=error.hint
    )


def _override(document: dict[str, Any], kind: type[Any], text: str) -> None:
    path, separator, value = text.partition("=")
    keys = path.split(".")
    if not separator or not all(keys):
        raise InputError("override-malformed", f"not an override: {text!r}", hint="write it as in --set version=2")
    shape = _shape_at("$." + path, kind)
    here: Any = document
    for key in keys[:-1]:
        here = here.setdefault(key, {})
        if not isinstance(here, dict):
            raise InputError("override-malformed", f"{path}: {key} holds no keys", hint="only keys can be overridden")
    takes_text = isinstance(shape, inspect.StrType | inspect.EnumType)
    here[keys[-1]] = value if takes_text else parse_yaml(value.encode() or b"''", "--set").value


def _shape_at(path: str, kind: type[Any]) -> inspect.Type | None:
    """What msgspec knows of the type at `path`."""
    shape: inspect.Type | None = _bare(_annotated_at(path, kind))
    return shape


def _annotated_at(path: str, kind: type[Any]) -> inspect.Type | None:
    """The same, with what its annotation says of it."""
    shape: inspect.Type = inspect.type_info(kind)
    for part in re.findall(r"\.([^.\[]+)|\[([^\]]*)\]", path):
        shape = _bare(shape)
        if part[0] and isinstance(shape, inspect.StructType):
            field = next((f for f in shape.fields if f.encode_name == part[0]), None)
            if field is None:
                return None
            shape = field.type
        elif isinstance(shape, inspect.CollectionType):
            shape = shape.item_type
        elif isinstance(shape, inspect.DictType):
            shape = shape.value_type
        else:
            return None
    return shape


def _bare(shape: inspect.Type | None) -> Any:
    """The type without its metadata and without None."""
    while isinstance(shape, inspect.Metadata):
        shape = shape.type
    if isinstance(shape, inspect.UnionType):
        rest = [t for t in shape.types if not isinstance(t, inspect.NoneType)]
        return _bare(rest[0]) if len(rest) == 1 else shape
    return shape


def _tag(kind: type[Any]) -> str:
    shape = inspect.type_info(kind)
    return str(shape.tag) if isinstance(shape, inspect.StructType) else ""


def _value_at(path: str, value: Any) -> Any:
    for key, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        try:
            value = value[key] if key else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _allowed(annotated: inspect.Type | None) -> str:
    """What may stand where a type is wanted, in words."""
    shape: Any = _bare(annotated)
    if isinstance(annotated, inspect.Metadata) and isinstance(shape, inspect.StrType):
        description = (annotated.extra_json_schema or {}).get("description")
        if description:
            return f"allowed: {description}"
    if isinstance(shape, inspect.EnumType):
        return "allowed: " + ", ".join(str(member.value) for member in shape.cls)
    if isinstance(shape, inspect.LiteralType):
        return "allowed: " + ", ".join(str(value) for value in shape.values)
    if isinstance(shape, inspect.StructType):
        keys = [f.encode_name for f in shape.fields]
        return "allowed keys: " + ", ".join([shape.tag_field, *keys] if shape.tag_field else keys)
    if isinstance(shape, inspect.StrType):
        return f"allowed: a text that matches {shape.pattern}" if shape.pattern else "allowed: a text"
    if isinstance(shape, inspect.BoolType):
        return "allowed: true, false"
    if isinstance(shape, inspect.IntType | inspect.FloatType):
        bounds = {"from": shape.ge, "above": shape.gt, "up to": shape.le, "below": shape.lt}
        words = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " ".join(["allowed: a number", *words])
    if isinstance(shape, inspect.CollectionType):
        return "allowed: a list"
    return ""


def _explain(message: str, kind: type[Any], name: str, located: Located) -> InputError:
    match = _AT.match(message)
    assert match is not None
    what, path = match["what"], match["path"] or "$"
    shape = _shape_at(path, kind)
    hint = _allowed(_annotated_at(path, kind))
    where, value = _resolve(message, path, kind, located.value)
    unknown = _UNKNOWN.search(what)
    if match["key"] and isinstance(shape, inspect.DictType):
        where, key = _failing_key(message, path, kind, located.value)
        what, hint = f"{key[:_SHOWN]!r} cannot be a key here", _allowed(shape.key_type)
    elif unknown and isinstance(shape, inspect.StructType):
        field = unknown["field"]
        where = f"{where}.{field}"
        near = difflib.get_close_matches(field, [f.encode_name for f in shape.fields], n=1)
        what = f"there is no key {field}"
        hint = f"did you mean {near[0]}? {hint}" if near else hint
    elif _takes_text(shape):
        if isinstance(value, bool | int | float):
            shown = "the value" if _untold(_annotated_at(path, kind)) else repr(value)
            what = f"{shown} is read as a {type(value).__name__} here, and a text is wanted"
            hint = f"put it in quotes; {hint}".removesuffix("; ")
        elif isinstance(value, str):
            what = f"{value[:_SHOWN]!r} is not allowed"
    elif isinstance(shape, inspect.StructType) and isinstance(value, str):
        what = "a text stands where keys are wanted"
        meant = _key_for(value, shape)
        hint = f"did you mean {meant}: {value}? {hint}" if meant else hint
    elif path == "$.kind":
        what, hint = f"kind {value!r} does not belong here", f"allowed: {_tag(kind)}"
    elif match := re.fullmatch(r"Object missing required field `([^`]*)`", what):
        what = f"the key {match[1]} is missing"
    line = located.line(where)
    return InputError(
        "document-invalid", f"{name}, line {line}: {what}", context=f"at {where[2:] or 'the top'}", hint=hint
    )


def _key_for(value: str, shape: inspect.StructType) -> str:
    """The first key of the mapping that takes `value`, which stood in its place; empty where it may be a secret."""
    if any(_untold(field.type) for field in shape.fields) or not value.isprintable() or len(value) > _SHOWN:
        return ""
    types = get_type_hints(shape.cls, include_extras=True)
    for field in shape.fields:
        try:
            msgspec.convert(value, type=types[field.name], strict=True)
        except msgspec.ValidationError:
            continue
        return field.encode_name
    return ""


def _takes_text(shape: inspect.Type | None) -> bool:
    if isinstance(shape, inspect.UnionType):
        return any(_takes_text(_bare(one)) for one in shape.types)
    return isinstance(shape, inspect.StrType | inspect.EnumType)


def _untold(shape: inspect.Type | None) -> bool:
    """Whether a value of the type is never told."""
    if isinstance(shape, inspect.Metadata):
        return bool(shape.extra and shape.extra.get(UNTOLD)) or _untold(shape.type)
    return isinstance(shape, inspect.UnionType) and any(_untold(one) for one in shape.types)


def _resolve(message: str, path: str, kind: type[Any], document: Any) -> tuple[str, Any]:
    """A path of msgspec's as the document has it, with the value there: `[...]` becomes the key that it stands for."""
    prefix, found, rest = path.partition("[...]")
    if not found:
        return path, _value_at(path, document)
    where, key = _failing_key(message, prefix, kind, document)
    return where + rest, _value_at(f"${rest}", _value_at(prefix, document)[key])


def _failing_key(message: str, path: str, kind: type[Any], document: Any) -> tuple[str, str]:
    """The path and the key of what is wrong in the mapping at `path`: the last of the fewest that give the error."""
    mapping = _value_at(path, document)
    items = list(mapping.items())

    def fails(count: int) -> bool:
        mapping.clear()
        mapping.update(items[:count])
        try:
            msgspec.convert(document, type=kind, strict=True)
        except msgspec.ValidationError as error:
            return str(error) == message
        return False

    try:
        count = bisect.bisect_left(range(1, len(items)), True, key=fails) + 1
    finally:
        mapping.clear()
        mapping.update(items)
    key = items[count - 1][0]
    return f"{path}.{key}", key
