"""src/adamant/api/released.txt: what a release has promised of the API, one promise a line, and whether it is kept.

A released field keeps its number, its type and its label; an enumeration's value its number; a method its messages and
its form. A promise that is missing from the contract of today is broken: `scripts/generate` fails then. With
`--release-contract` it writes the promises of today, which is done at a release and only adds.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
)

from scripts.generators.api import kind
from scripts.generators.contract import parse

PAGE = "src/adamant/api/released.txt"

_HEAD = """\
# What releases of Adamant have promised of the API. Made by scripts/generate --release-contract: do not edit.
"""


def promises(files: Sequence[FileDescriptorProto]) -> list[str]:
    """Every promise of a contract, sorted."""
    found = [line for file in files for line in _of_file(file)]
    return sorted(found)


def _of_file(file: FileDescriptorProto) -> Iterator[str]:
    for service in file.service:
        for method in service.method:
            sent, got = "stream " * method.client_streaming, "stream " * method.server_streaming
            name = f"{file.package}.{service.name}/{method.name}"
            yield f"method {name} {sent}{_last(method.input_type)} returns {got}{_last(method.output_type)}"
    for message in file.message_type:
        yield from _of_message(message)
    for enum in file.enum_type:
        yield from _of_enum(enum)


def _of_message(message: DescriptorProto) -> Iterator[str]:
    yield f"message {message.name}"
    for field in message.field:
        oneof = f" oneof {message.oneof_decl[field.oneof_index].name}" if field.HasField("oneof_index") else ""
        yield f"field {message.name}.{field.name} = {field.number} {kind(message, field)}{oneof}"


def _of_enum(enum: EnumDescriptorProto) -> Iterator[str]:
    for value in enum.value:
        yield f"value {enum.name}.{value.name} = {value.number}"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def lost(released: str, files: Sequence[FileDescriptorProto]) -> list[str]:
    """The promises in the text of a released.txt that the contract `files` does not keep."""
    kept = set(promises(files))
    lines = [line for line in released.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if line not in kept]


def broken(root: Path) -> list[str]:
    """The promises that the contract of this repository does not keep."""
    return lost((root / PAGE).read_text(encoding="utf-8"), parse(root / "src"))


def frozen(root: Path) -> bytes:
    """The promises of today, as released.txt holds them. Raises ValueError when an earlier one is broken."""
    missing = broken(root)
    if missing:
        raise ValueError(f"the contract has lost what was released: {missing[0]}")
    return (_HEAD + "".join(f"{line}\n" for line in promises(parse(root / "src")))).encode()
