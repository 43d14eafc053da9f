"""Bytes that callers send in place of requests: the agent refuses what it cannot read, and answers the next caller."""

import datetime
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.api import methods, pki
from adamant.api.identity import Role
from adamant.api.methods import Form, Method
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node import server
from adamant.node.calls import Call
from adamant.node.events import Events

NOW = datetime.datetime.now(datetime.UTC)
CA = pki.make_authority("cluster", NOW)
NODE = pki.issue_node(CA, ["m1"], NOW)
_KINDS = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=40),
    FieldDescriptor.TYPE_MESSAGE: st.binary(max_size=40),
}


def _answered(request: Any, call: Call) -> Any:
    """A handler that reads all of its request, and says that it got it."""
    if not hasattr(request, "DESCRIPTOR"):
        list(request)
    str(request)
    raise AdamantError("was-read", "the request was read")


def _stream(request: Any, call: Call) -> Iterator[Any]:
    yield _answered(request, call)


@pytest.fixture(scope="module")
def channels() -> Iterator[dict[Role, grpc.Channel]]:
    """Channels of an admin and a reader to the real server, whose handlers do nothing."""
    table = {method.name: _answered if method.form is Form.UNARY else _stream for method in methods.METHODS}
    running, port = server.start(table, Events(), "127.0.0.1:0", CA.certificate, NODE.certificate, NODE.key)
    made = {}
    for role in (Role.ADMIN, Role.READER):
        pair = pki.issue_client(CA, "mary", role, NOW)
        keys = grpc.ssl_channel_credentials(CA.certificate, pair.key, pair.certificate)
        options = (("grpc.use_local_subchannel_pool", 1),)
        made[role] = grpc.secure_channel(f"127.0.0.1:{port}", keys, options)
    yield made
    for channel in made.values():
        channel.close()
    running.stop(0).wait()


def _send(channel: grpc.Channel, method: Method, data: bytes) -> Any:
    """How a call ends whose request is `data`."""
    try:
        if method.form is Form.UNARY:
            channel.unary_unary(method.path, None, None)(data, timeout=limits.RPC_SECONDS)
        elif method.form is Form.STREAM:
            list(channel.unary_stream(method.path, None, None)(data, timeout=limits.RPC_SECONDS))
        else:
            list(channel.stream_stream(method.path, None, None)(iter([data]), timeout=limits.RPC_SECONDS))
    except grpc.RpcError as error:
        return error
    raise AssertionError("the handler raises")


def _varint(value: int) -> bytes:
    found = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        found.append(low | (0x80 if value else 0))
        if not value:
            return bytes(found)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[Method, bytes]:
    """A method and bytes: fields of its request with right numbers and odd contents, or anything at all."""
    method = draw(st.sampled_from(methods.METHODS))
    if draw(st.booleans()):
        return method, draw(st.binary(max_size=200))
    data = b""
    fields = list(method.request.DESCRIPTOR.fields)
    for field in draw(st.lists(st.sampled_from(fields), max_size=5)) if fields else ():
        kind = _KINDS.get(field.type)
        if kind is None:
            data += _varint(field.number << 3) + _varint(draw(st.integers(0, (1 << 64) - 1)))
        else:
            content = draw(kind)
            data += _varint(field.number << 3 | 2) + _varint(len(content) + draw(st.sampled_from([0, 0, 1]))) + content
    return method, data


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_requests())
def test_any_bytes_are_read_or_refused_by_name(channels: dict[Role, grpc.Channel], sent: tuple[Method, bytes]) -> None:
    method, data = sent
    error = _send(channels[Role.ADMIN], method, data)
    said = error.details()
    assert "[was-read]" in said or "[request-unreadable]" in said, (method.name, data, error)


def test_a_message_nested_without_end_is_refused(channels: dict[Role, grpc.Channel]) -> None:
    group = b"\x0b" * 100_000  # field 1 as a group that begins within itself
    for method in methods.METHODS:
        said = _send(channels[Role.ADMIN], method, group).details()
        assert "[request-unreadable]" in said, method.name


def test_a_request_that_is_too_large_is_refused_with_the_limit(channels: dict[Role, grpc.Channel]) -> None:
    error = _send(channels[Role.ADMIN], methods.BY_NAME["ConfigApply"], b"\0" * (limits.RPC_REQUEST_SIZE + 1))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(limits.RPC_REQUEST_SIZE) in error.details()


def test_bytes_of_a_caller_without_the_role_are_not_read(channels: dict[Role, grpc.Channel]) -> None:
    error = _send(channels[Role.READER], methods.BY_NAME["ConfigApply"], b"\xff" * 50)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
