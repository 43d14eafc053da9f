"""The task `capture`: packets of one interface, as a pcap file (IETF draft-ietf-opsawg-pcap, nanosecond times).

Request: interface, snap_length, seconds, size, packets, hosts, ports, protocols, but_port. Data: the file. Trailer:
packets, bytes, dropped (by the kernel, since nobody read them in time), reason (seconds, size or packets). It may open
raw sockets, and nothing else.
"""

import select
import socket
import struct
import time
from array import array
from collections.abc import Mapping
from typing import Any, NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.tasks.answer import Answer
from adamant.node.tasks.bpf import Filter, compile_filter, encode

_MAGIC = 0xA1B23C4D
_ETHERNET = 1
_LIKE_ETHERNET = (1, 772)
"""ARPHRD_ETHER and ARPHRD_LOOPBACK."""
_ETH_P_ALL = 3
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_FLUSH_SIZE = 32 << 10
_FLUSH_SECONDS = 0.25


class Wanted(NamedTuple):
    """A request, checked."""

    interface: str
    snap_length: int
    seconds: float
    size: int
    packets: int
    filter: Filter


def wanted(request: Mapping[str, Any]) -> Wanted:
    """The request as values. Raises InputError for one that asks for too much or for nothing that there is."""
    seconds, size = float(request["seconds"]), int(request["size"])
    snap = int(request["snap_length"])
    if not 0 < seconds <= limits.CAPTURE_SECONDS:
        raise InputError("capture-limit", f"the limit of {limits.CAPTURE_SECONDS:.0f} s for a capture is exceeded")
    if not 0 < size <= limits.CAPTURE_SIZE:
        raise InputError("capture-limit", f"the limit of {limits.CAPTURE_SIZE >> 20} MiB for a capture is exceeded")
    if not 14 <= snap <= 1 << 18:
        raise InputError("capture-limit", f"{snap} bytes of a packet cannot be kept", hint="14 to 262144 can")
    chosen = Filter(
        tuple(str(host) for host in request.get("hosts", ())),
        tuple(int(port) for port in request.get("ports", ())),
        tuple(str(name) for name in request.get("protocols", ())),
        int(request.get("but_port", 0)),
    )
    return Wanted(str(request["interface"]), snap, seconds, size, int(request.get("packets", 0)), chosen)


def header(snap_length: int) -> bytes:
    """The begin of the file."""
    return struct.pack("=IHHiIII", _MAGIC, 2, 4, 0, 0, snap_length, _ETHERNET)


def record(when_nsec: int, data: bytes, length: int) -> bytes:
    """One packet of `length` bytes, of which `data` was kept."""
    seconds, nanoseconds = divmod(when_nsec, 1_000_000_000)
    return struct.pack("=IIII", seconds, nanoseconds, len(data), length) + data


def _listen(what: Wanted) -> socket.socket:
    program = compile_filter(what.filter)
    code = array("B", encode(program))
    try:
        # Protocol 0 receives nothing, so that no packet comes before the filter is there.
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise AdamantError("capture-rights", f"raw sockets may not be opened here: {error.strerror}") from error
    try:
        where = struct.pack("@HP", len(program), code.buffer_info()[0])
        packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, where)
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.CAPTURE_BUFFER)
        packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        packets.bind((what.interface, _ETH_P_ALL))
        if packets.getsockname()[3] not in _LIKE_ETHERNET:
            raise InputError("capture-interface", f"{what.interface} does not carry Ethernet frames")
    except OSError as error:
        packets.close()
        raise InputError(
            "capture-interface",
            f"cannot capture on the interface {what.interface[:40]!r}: {error.strerror}",
            hint="adamant node get links shows which there are",
        ) from error
    except AdamantError:
        packets.close()
        raise
    return packets


def work(request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
    """Capture until the first of the limits is reached, or the agent hangs up."""
    what = wanted(request)
    with _listen(what) as packets:
        found = _copy(what, packets, answer)
        statistics = packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return {**found, "dropped": struct.unpack("=II", statistics)[1]}


def _copy(what: Wanted, packets: socket.socket, answer: Answer) -> dict[str, Any]:
    poll = select.poll()
    poll.register(packets, select.POLLIN)
    poll.register(answer, select.POLLRDHUP)
    begin = flushed = time.monotonic()
    buffer = bytearray(what.snap_length)
    kept = bytearray(header(what.snap_length))
    size, count = len(kept), 0
    reason = ""
    while not reason:
        now = time.monotonic()
        if kept and (len(kept) >= _FLUSH_SIZE or now >= flushed + _FLUSH_SECONDS):
            answer.send(bytes(kept))
            kept.clear()
            flushed = now
        left = begin + what.seconds - now
        if left <= 0:
            reason = "seconds"
            break
        ready = dict(poll.poll(1000 * min(left, _FLUSH_SECONDS if kept else left) + 1))
        if answer.fileno() in ready:
            return {"packets": count, "bytes": size, "reason": "hung up"}
        if packets.fileno() not in ready:
            continue
        length, more, _, _ = packets.recvmsg_into([buffer], 256, socket.MSG_TRUNC | socket.MSG_DONTWAIT)
        entry = record(_when(more), bytes(buffer[: min(length, what.snap_length)]), length)
        if size + len(entry) > what.size:
            reason = "size"
            break
        kept += entry
        size += len(entry)
        count += 1
        if what.packets and count >= what.packets:
            reason = "packets"
    if kept:
        answer.send(bytes(kept))
    return {"packets": count, "bytes": size, "reason": reason}


def _when(more: list[tuple[int, int, bytes]]) -> int:
    """When the packet came, by the kernel, in nanoseconds since the Unix epoch."""
    for level, kind, data in more:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= 16:
            seconds, nanoseconds = struct.unpack("=qq", data[:16])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
