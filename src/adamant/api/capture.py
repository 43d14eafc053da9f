"""Captures of a node's packets, on the client's side."""

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from adamant.api import capture_pb2 as pb

if TYPE_CHECKING:
    from adamant.api.client import Node


class End(Struct, frozen=True):
    """How a capture ended; capture.proto says what each field means."""

    packets: int
    size: int
    dropped: int
    reason: str


def capture(node: "Node", request: pb.CaptureRequest) -> Generator[bytes | End, None, None]:
    """The pcap file of a capture in pieces, as it comes, and then how it ended."""
    with closing(node.stream("Capture", request)) as found:
        answer: Any
        for answer in found:
            if answer.data:
                yield answer.data
            if answer.end.reason:
                end = answer.end
                yield End(end.packets, end.size, end.dropped, end.reason)
