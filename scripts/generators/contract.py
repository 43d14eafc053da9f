"""The Python modules of the API's contract, with their types: from the .proto files of src/adamant/api.

protoc (of PyPI's grpcio-tools) only parses: the modules are written here, so that their bytes do not depend on protoc's
version, and in the form that Debian's protobuf 3.21 on machines loads as well as the current one.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

FOLDER = "adamant/api"
FOLDERS = (FOLDER, "adamant/node/containerd")
"""Where .proto files are: the contract itself, and what the agent asks of others."""

_MODULE = '''"""Messages of {name}.proto. Made by scripts/generate from {name}.proto: do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder
{imports}
DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
{chunks})

_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "{package}.{name}_pb2", globals())
'''

_TYPES = '''"""Types of the messages of {name}.proto. Made by scripts/generate from {name}.proto: do not edit."""

from collections.abc import Iterable, Mapping, MutableMapping

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
{imports}
DESCRIPTOR: FileDescriptor
'''

SCALARS = {
    FieldDescriptorProto.TYPE_STRING: ("string", "str"),
    FieldDescriptorProto.TYPE_BYTES: ("bytes", "bytes"),
    FieldDescriptorProto.TYPE_BOOL: ("bool", "bool"),
    FieldDescriptorProto.TYPE_INT64: ("int64", "int"),
    FieldDescriptorProto.TYPE_UINT64: ("uint64", "int"),
    FieldDescriptorProto.TYPE_INT32: ("int32", "int"),
    FieldDescriptorProto.TYPE_UINT32: ("uint32", "int"),
    FieldDescriptorProto.TYPE_DOUBLE: ("double", "float"),
}


def generate(root: Path) -> Mapping[str, bytes]:
    """A module and its types for each .proto file."""
    made = {}
    for folder in FOLDERS:
        files = parse(root / "src", folder)
        homes = {f".{file.package}.{thing.name}": _name(file) for file in files for thing in _things(file)}
        for file in files:
            made[f"src/{folder}/{_name(file)}_pb2.py"] = _module(file).encode()
            made[f"src/{folder}/{_name(file)}_pb2.pyi"] = _types(file, homes).encode()
    return made


def parse(source: Path, folder: str = FOLDER) -> list[FileDescriptorProto]:
    """The .proto files of a folder as protoc understands them, with comments: each after those that it imports."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "contract"
        contracts = sorted(str(path) for path in (source / folder).glob("*.proto"))
        code = protoc.main(
            ["protoc", f"-I{source}", f"--descriptor_set_out={out}", "--include_source_info", *contracts]
        )
        if code != 0:
            raise SystemExit(code)
        return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def entry(message: DescriptorProto, field: FieldDescriptorProto) -> DescriptorProto | None:
    """The message that holds one pair of a map, or None for a field that is no map (descriptor.proto, map_entry)."""
    name = field.type_name.rpartition(".")[2]
    return next((n for n in message.nested_type if n.name == name and n.options.map_entry), None)


def _name(file: FileDescriptorProto) -> str:
    return Path(file.name).stem


def _package(file: FileDescriptorProto) -> str:
    """The Python package of a file's module, which is that of the files that it imports."""
    return file.name.rpartition("/")[0].replace("/", ".")


def _things(file: FileDescriptorProto) -> Sequence[DescriptorProto]:
    return [*file.message_type, *file.enum_type]  # type: ignore[list-item]  # both have names, and that is all


def _imports(file: FileDescriptorProto) -> list[str]:
    return sorted(f"{Path(name).stem}_pb2" for name in file.dependency)


def _module(file: FileDescriptorProto) -> str:
    """The descriptor without what only people read."""
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    for message in bare.message_type:
        for field in message.field:
            field.ClearField("json_name")
    data = bare.SerializeToString(deterministic=True)
    chunks = "".join(f"    {data[at : at + 60]!r}\n" for at in range(0, len(data), 60))
    package = _package(file)
    imports = "".join(f"from {package} import {name} as _{name}\n" for name in _imports(file))
    return _MODULE.format(name=_name(file), package=package, imports=imports and f"\n{imports}", chunks=chunks)


def _types(file: FileDescriptorProto, homes: Mapping[str, str]) -> str:
    imports = "".join(f"from {_package(file)} import {name}\n" for name in _imports(file))
    parts = [_TYPES.format(name=_name(file), imports=imports and f"\n{imports}")]
    for enum in file.enum_type:
        parts.append(f"\nclass {enum.name}(int, metaclass=EnumTypeWrapper): ...\n\n")
        parts += [f"{value.name}: {enum.name}\n" for value in enum.value]
    for message in file.message_type:
        parts.append(f"\nclass {message.name}(Message):\n")
        arguments = []
        for field in message.field:
            held, given = _annotations(message, field, _name(file), homes)
            parts.append(f"    {field.name}: {held}\n")
            arguments.append(f"{field.name}: {given} | None = ...")
        star = ["self", "*", *arguments] if arguments else ["self"]
        parts.append(f"    def __init__({', '.join(star)}) -> None: ...\n")
    return "".join(parts)


def _annotations(
    message: DescriptorProto, field: FieldDescriptorProto, module: str, homes: Mapping[str, str]
) -> tuple[str, str]:
    """Python types of a field as it is read, and as it is given."""
    pair = entry(message, field)
    if pair is not None:
        key, value = (_type(part, module, homes) for part in pair.field)
        return f"MutableMapping[{key}, {value}]", f"Mapping[{key}, {value}]"
    name = _type(field, module, homes)
    if field.label != FieldDescriptorProto.LABEL_REPEATED:
        return name, name
    composite = field.type == FieldDescriptorProto.TYPE_MESSAGE
    container = "RepeatedCompositeFieldContainer" if composite else "RepeatedScalarFieldContainer"
    return f"{container}[{name}]", f"Iterable[{name}]"


def _type(field: FieldDescriptorProto, module: str, homes: Mapping[str, str]) -> str:
    if field.type in SCALARS:
        return SCALARS[field.type][1]
    home = homes[field.type_name]
    name = field.type_name.rpartition(".")[2]
    return name if home == module else f"{home}_pb2.{name}"
