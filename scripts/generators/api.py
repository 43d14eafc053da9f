"""docs/reference/api.md: the contract of src/adamant/api as a page, with the roles of each method.

A message, field, method or value without a comment is an error.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

from adamant.core import limits
from scripts.generators.contract import SCALARS, entry, parse

PAGE = "docs/reference/api.md"

_PAGE = """\
<!-- Made by scripts/generate from the .proto files of src/adamant/api: do not edit. -->
# The API of a node

gRPC over mutual TLS on one port. The client's certificate says who calls (CN) and with which role (O). A method that
is not listed needs the role admin. A method marked with * stands in the audit log each time it is called.
"""

_LIMITS = """
## Limits

| limit | of | who meets it is told |
|---|---|---|
| {calls} | calls under way or waiting, by node | `RESOURCE_EXHAUSTED`, by gRPC: `call-limit` in our client |
| {connection} | calls under way, by connection | nothing: gRPC waits, or fails with `REFUSED_STREAM`: `call-limit` |
| {streams} | streams open, by node | `call-limit` |
| {streams_of_client} | streams open, by the name in the certificate | `call-limit` |
| {debug} | debug sessions, by node | `debug-limit` |
| {request} bytes | a message to the node | `RESOURCE_EXHAUSTED`, by gRPC: `message-size` |
| {message} bytes | a message from the node | the same |
| {silence} s | from the begin of a call to its request, or the first message of a dialogue | `client-silent` |
| {archive} s | without a piece of a debug session's archive | `client-silent` |
| {piece} s | without a piece of a release that the node asked for | `origin-failed`, by the update |
| {stall} s | in which a client takes no message of a stream | `CANCELLED`: no words reach who takes none |
| {ask} s, then {answer} s | silence of a connection, then until a ping is answered | nobody: it is closed |

A node that waits to be enrolled has {enrolment} calls under way, and waits {enrolment_silence} s for the request of
each. It asks its TPM for one at a time, {proofs} times in {proof_seconds} s: `call-limit`.
"""


def _limits() -> str:
    return _LIMITS.format(
        calls=limits.RPC_CALLS,
        connection=limits.RPC_STREAMS,
        streams=limits.RPC_STREAMS_OPEN,
        streams_of_client=limits.RPC_STREAMS_OF_CLIENT,
        debug=limits.DEBUG_SESSIONS,
        request=limits.RPC_REQUEST_SIZE,
        message=limits.RPC_MESSAGE_SIZE,
        silence=f"{limits.RPC_REQUEST_SECONDS:.0f}",
        archive=f"{limits.DEBUG_ARCHIVE_SECONDS:.0f}",
        piece=f"{limits.ORIGIN_SECONDS:.0f}",
        stall=f"{limits.RPC_STALL_SECONDS:.0f}",
        ask=f"{limits.KEEPALIVE_SECONDS:.0f}",
        answer=f"{limits.KEEPALIVE_ANSWER_SECONDS:.0f}",
        enrolment=limits.ENROLMENT_CALLS,
        proofs=limits.ENROLMENT_PROOFS,
        proof_seconds=f"{limits.ENROLMENT_PROOF_SECONDS:.0f}",
        enrolment_silence=f"{limits.ENROLMENT_REQUEST_SECONDS:.0f}",
    )


class Undocumented(Exception):
    """A part of the contract that says nothing of itself, or stands in no table."""


class _Comments:
    """Leading comments of one file by the path of descriptor.proto's SourceCodeInfo."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file.name
        self._comments = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
            if location.leading_comments.strip()
        }

    def __call__(self, *path: int) -> str:
        if path not in self._comments:
            raise Undocumented(f"{self._file}: nothing is said of {path}")
        return self._comments[path].replace("|", "\\|")


def generate(root: Path) -> Mapping[str, bytes]:
    """The page. The modules of the contract must be there: scripts/generators/contract.py makes them."""
    return {PAGE: page(parse(root / "src")).encode()}


def page(files: Sequence[FileDescriptorProto]) -> str:
    """docs/reference/api.md: the services first, then every message and enumeration in the order of the files."""
    parts = [_PAGE]
    for file in files:
        parts += _services(file, _Comments(file))
    parts.append(_limits())
    for file in files:
        said = _Comments(file)
        for index, message in enumerate(file.message_type):
            parts.append(f"\n## {message.name}\n\n{said(4, index)}\n")
            parts.append(_fields(message, [said(4, index, 2, number) for number in range(len(message.field))]))
        for index, enum in enumerate(file.enum_type):
            parts.append(f"\n## {enum.name}\n\n{said(5, index)}\n")
            parts.append(_values(enum, [said(5, index, 2, number) for number in range(len(enum.value))]))
    return "".join(parts)


def _services(file: FileDescriptorProto, said: _Comments) -> list[str]:
    from adamant.api.methods import PORT  # noqa: PLC0415 - imports modules that the generator before this one makes

    parts = []
    for index, service in enumerate(file.service):
        parts.append(f"\n## Service {file.package}.{service.name}\n\nPort {PORT}. {said(6, index)}\n\n")
        parts.append("| method | roles | request | answer | meaning |\n|---|---|---|---|---|\n")
        name = f"{file.package}.{service.name}"
        parts += [_method(name, method, said(6, index, 2, number)) for number, method in enumerate(service.method)]
    return parts


def _method(service: str, method: MethodDescriptorProto, meaning: str) -> str:
    from adamant.api.identity import Role  # noqa: PLC0415
    from adamant.api.methods import ENROLMENT, METHODS, RECOVERY  # noqa: PLC0415

    table = {(row.service, row.name): row for row in (*METHODS, *ENROLMENT, *RECOVERY)}
    if (service, method.name) not in table:
        raise Undocumented(f"{method.name} does not stand in adamant.api.methods")
    found = table[service, method.name]
    allowed, star = found.roles, " \\*" if found.changes else ""
    roles = "all" if allowed == frozenset(Role) else ", ".join(sorted(allowed)) or "anybody"
    request, answer = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
    sent, got = "stream of " * method.client_streaming, "stream of " * method.server_streaming
    return f"| `{method.name}`{star} | {roles} | {sent}`{request}` | {got}`{answer}` | {meaning} |\n"


def _fields(message: DescriptorProto, meanings: list[str]) -> str:
    if not message.field:
        return ""
    rows = ["\n| number | field | type | meaning |\n|---|---|---|---|\n"]
    for field, meaning in zip(message.field, meanings, strict=True):
        rows.append(f"| {field.number} | `{field.name}` | {kind(message, field)} | {meaning} |\n")
    return "".join(rows)


def kind(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    """The type of a field in words."""
    pair = entry(message, field)
    if pair is not None:
        key, value = (kind(pair, part) for part in pair.field)
        return f"map of {key} to {value}"
    many = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return many + (SCALARS[field.type][0] if field.type in SCALARS else field.type_name.rpartition(".")[2])


def _values(enum: EnumDescriptorProto, meanings: list[str]) -> str:
    rows = ["\n| number | value | meaning |\n|---|---|---|\n"]
    for value, meaning in zip(enum.value, meanings, strict=True):
        rows.append(f"| {value.number} | `{value.name}` | {meaning} |\n")
    return "".join(rows)
