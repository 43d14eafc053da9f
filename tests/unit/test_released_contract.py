"""What a release has promised of the API is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from scripts.generators import released
from scripts.generators.contract import parse

ROOT = Path(__file__).parents[2]
CONTRACT = parse(ROOT / "src")


def test_every_promise_of_a_release_is_kept() -> None:
    assert released.broken(ROOT) == []
    assert "field BootResponse.slot = 1 string" in (ROOT / released.PAGE).read_text()


def _message(files: list[FileDescriptorProto], name: str) -> DescriptorProto:
    return next(message for file in files for message in file.message_type if message.name == name)


def _field(files: list[FileDescriptorProto], message: str, name: str) -> FieldDescriptorProto:
    return next(field for field in _message(files, message).field if field.name == name)


def _renumbered(files: list[FileDescriptorProto]) -> None:
    _field(files, "BootResponse", "slot").number = 99


def _retyped(files: list[FileDescriptorProto]) -> None:
    _field(files, "BootResponse", "slot").type = FieldDescriptorProto.TYPE_BYTES


def _relabelled(files: list[FileDescriptorProto]) -> None:
    _field(files, "BootResponse", "slot").label = FieldDescriptorProto.LABEL_REPEATED


def _removed(files: list[FileDescriptorProto]) -> None:
    del _message(files, "BootResponse").field[0]


def _value_renumbered(files: list[FileDescriptorProto]) -> None:
    next(enum for file in files for enum in file.enum_type if enum.name == "Verity").value[1].number = 9


def _method_streams(files: list[FileDescriptorProto]) -> None:
    service = next(service for file in files for service in file.service if service.name == "Node")
    next(method for method in service.method if method.name == "Boot").server_streaming = True


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_renumbered, "field BootResponse.slot = 1 string"),
        (_retyped, "field BootResponse.slot = 1 string"),
        (_relabelled, "field BootResponse.slot = 1 string"),
        (_removed, "field BootResponse.slot = 1 string"),
        (_value_renumbered, "value Verity.VERITY_ABSENT = 1"),
        (_method_streams, "method adamant.node.v1.Node/Boot BootRequest returns BootResponse"),
    ],
)
def test_a_change_of_what_was_released_is_named(change: Callable[[list[FileDescriptorProto]], None], line: str) -> None:
    text = (ROOT / released.PAGE).read_text()
    changed = []
    for file in CONTRACT:
        copy = FileDescriptorProto()
        copy.CopyFrom(file)
        changed.append(copy)
    assert released.lost(text, changed) == []
    change(changed)
    assert released.lost(text, changed) == [line]


def test_what_is_new_breaks_no_promise() -> None:
    assert released.lost("# only words\n", CONTRACT) == []
    assert released.lost("message Gone\n", CONTRACT) == ["message Gone"]
