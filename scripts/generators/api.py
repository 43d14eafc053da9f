"""The contract's Python module with its types, and docs/reference/api.md: all from src/adamant/api/node.proto.

protoc (of PyPI's grpcio-tools) only parses: the module is written here, so that its bytes do not depend on protoc's
version, and in the form that Debian's protobuf 3.21 on machines loads as well as the current one. A message, field,
method or value without a comment is an error.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from grpc_tools import protoc

from adamant.api.identity import Role

CONTRACT = "adamant/api/node.proto"
MODULE = "src/adamant/api/node_pb2.py"
TYPES = "src/adamant/api/node_pb2.pyi"
PAGE = "docs/reference/api.md"

_MADE = "Made by scripts/generate from node.proto: do not edit."

_MODULE = '''"""Messages of node.proto. {made}"""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
{chunks})

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "adamant.api.node_pb2", globals())
'''

_TYPES = f'''"""Types of the messages of node.proto. {_MADE}"""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor
'''

_PAGE = f"""\
<!-- {_MADE} -->
# The API of a node

gRPC over mutual TLS on one port. The client's certificate says who calls (CN) and with which role (O). A method that
is not listed needs the role admin.
"""

_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: ("string", "str"),
    FieldDescriptorProto.TYPE_BYTES: ("bytes", "bytes"),
    FieldDescriptorProto.TYPE_BOOL: ("bool", "bool"),
    FieldDescriptorProto.TYPE_INT64: ("int64", "int"),
    FieldDescriptorProto.TYPE_UINT64: ("uint64", "int"),
    FieldDescriptorProto.TYPE_INT32: ("int32", "int"),
    FieldDescriptorProto.TYPE_UINT32: ("uint32", "int"),
    FieldDescriptorProto.TYPE_DOUBLE: ("double", "float"),
}


class Undocumented(Exception):
    """A part of the contract that says nothing of itself, or a type that this generator does not know."""


def generate(root: Path) -> Mapping[str, bytes]:
    """The module, its types and the page."""
    contract = parse(root / "src")
    comments = _comments(contract)
    return {
        MODULE: module(contract).encode(),
        TYPES: types(contract).encode(),
        PAGE: page(contract, comments).encode(),
    }


def parse(source: Path) -> FileDescriptorProto:
    """The contract as protoc understands it, with comments."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "contract"
        code = protoc.main(
            ["protoc", f"-I{source}", f"--descriptor_set_out={out}", "--include_source_info", str(source / CONTRACT)]
        )
        if code != 0:
            raise SystemExit(code)
        (contract,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return contract


def module(contract: FileDescriptorProto) -> str:
    """node_pb2.py: the descriptor without what only people read."""
    bare = FileDescriptorProto()
    bare.CopyFrom(contract)
    bare.ClearField("source_code_info")
    for message in bare.message_type:
        for field in message.field:
            field.ClearField("json_name")
    data = bare.SerializeToString(deterministic=True)
    chunks = "".join(f"    {data[at : at + 60]!r}\n" for at in range(0, len(data), 60))
    return _MODULE.format(made=_MADE, chunks=chunks)


def types(contract: FileDescriptorProto) -> str:
    """node_pb2.pyi."""
    parts = [_TYPES]
    for enum in contract.enum_type:
        parts.append(f"\nclass {enum.name}(int, metaclass=EnumTypeWrapper): ...\n\n")
        parts += [f"{value.name}: {enum.name}\n" for value in enum.value]
    for message in contract.message_type:
        parts.append(f"\nclass {message.name}(Message):\n")
        arguments = []
        for field in message.field:
            held, given = _annotations(field)
            parts.append(f"    {field.name}: {held}\n")
            arguments.append(f"{field.name}: {given} | None = ...")
        star = ["self", "*", *arguments] if arguments else ["self"]
        parts.append(f"    def __init__({', '.join(star)}) -> None: ...\n")
    return "".join(parts)


def _annotations(field: FieldDescriptorProto) -> tuple[str, str]:
    """Python types of a field as it is read, and as it is given."""
    name = _SCALARS[field.type][1] if field.type in _SCALARS else field.type_name.rpartition(".")[2]
    if field.label != FieldDescriptorProto.LABEL_REPEATED:
        return name, name
    composite = field.type == FieldDescriptorProto.TYPE_MESSAGE
    container = "RepeatedCompositeFieldContainer" if composite else "RepeatedScalarFieldContainer"
    return f"{container}[{name}]", f"Iterable[{name}]"


def _comments(contract: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Leading comments by the path of descriptor.proto's SourceCodeInfo."""
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in contract.source_code_info.location
        if location.leading_comments.strip()
    }


def page(contract: FileDescriptorProto, comments: Mapping[tuple[int, ...], str]) -> str:
    """docs/reference/api.md."""
    from adamant.api.methods import BY_NAME, PORT  # noqa: PLC0415 - imports the module that is being made

    def said(*path: int) -> str:
        if path not in comments:
            raise Undocumented(f"{CONTRACT}: nothing is said of {path}")
        return comments[path].replace("|", "\\|")

    parts = [_PAGE]
    for index, service in enumerate(contract.service):
        parts.append(f"\n## Service {contract.package}.{service.name}\n\nPort {PORT}. {said(6, index)}\n\n")
        parts.append("| method | roles | request | answer | meaning |\n|---|---|---|---|---|\n")
        for number, method in enumerate(service.method):
            allowed = BY_NAME[method.name].roles
            roles = "all" if allowed == frozenset(Role) else ", ".join(sorted(allowed))
            request, answer = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
            parts.append(f"| `{method.name}` | {roles} | `{request}` | `{answer}` | {said(6, index, 2, number)} |\n")
    for index, message in enumerate(contract.message_type):
        parts.append(f"\n## {message.name}\n\n{said(4, index)}\n")
        parts.append(_fields(message, [said(4, index, 2, number) for number in range(len(message.field))]))
    for index, enum in enumerate(contract.enum_type):
        parts.append(f"\n## {enum.name}\n\n{said(5, index)}\n")
        parts.append(_values(enum, [said(5, index, 2, number) for number in range(len(enum.value))]))
    return "".join(parts)


def _fields(message: DescriptorProto, meanings: list[str]) -> str:
    if not message.field:
        return ""
    rows = ["\n| number | field | type | meaning |\n|---|---|---|---|\n"]
    for field, meaning in zip(message.field, meanings, strict=True):
        kind = _SCALARS[field.type][0] if field.type in _SCALARS else field.type_name.rpartition(".")[2]
        many = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
        rows.append(f"| {field.number} | `{field.name}` | {many}{kind} | {meaning} |\n")
    return "".join(rows)


def _values(enum: EnumDescriptorProto, meanings: list[str]) -> str:
    rows = ["\n| number | value | meaning |\n|---|---|---|\n"]
    for value, meaning in zip(enum.value, meanings, strict=True):
        rows.append(f"| {value.number} | `{value.name}` | {meaning} |\n")
    return "".join(rows)
