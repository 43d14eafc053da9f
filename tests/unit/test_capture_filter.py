"""Filters of packets: what passes is what was asked for, by a second reading of the same terms in plain Python."""

import socket
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import InputError
from adamant.node.tasks.bpf import PROTOCOLS, Filter, Instruction, compile_filter, encode

HOSTS = ("10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2")
PORTS = (22, 80, 4510)


def run(program: Sequence[Instruction], packet: bytes) -> int:
    """The machine of classic BPF, as far as filters here use it (Linux, networking/filter.rst)."""
    at = accumulator = index = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x05:
            at += value
        elif code == 0x15:
            at += if_true if accumulator == value else if_false
        elif code == 0x45:
            at += if_true if accumulator & value else if_false
        elif code == 0xB1:
            if value >= len(packet):
                return 0
            index = 4 * (packet[value] & 15)
        else:
            width, where = {0x20: (4, value), 0x28: (2, value), 0x30: (1, value), 0x48: (2, value + index)}[code]
            data = packet[where : where + width]
            if len(data) < width:
                return 0
            accumulator = int.from_bytes(data, "big")


def four(
    sender: str, receiver: str, protocol: int, ports: tuple[int, int], *, fragment: int = 0, words: int = 5
) -> bytes:
    ip = struct.pack(">BBHHHBBH", 0x40 | words, 0, 40, 0, fragment, 64, protocol, 0)
    ip += socket.inet_aton(sender) + socket.inet_aton(receiver) + bytes(4 * (words - 5))
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HH", *ports) + bytes(16)


def six(sender: str, receiver: str, protocol: int, ports: tuple[int, int]) -> bytes:
    ip = struct.pack(">IHBB", 6 << 28, 20, protocol, 64)
    ip += socket.inet_pton(socket.AF_INET6, sender) + socket.inet_pton(socket.AF_INET6, receiver)
    return bytes(12) + b"\x86\xdd" + ip + struct.pack(">HH", *ports) + bytes(16)


def arp(sender: str, receiver: str) -> bytes:
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + bytes(6) + socket.inet_aton(sender)
    return bytes(12) + b"\x08\x06" + body + bytes(6) + socket.inet_aton(receiver)


def expected(
    wanted: Filter, kind: str, hosts: tuple[str, str], number: int, ports: tuple[int, int], later: bool
) -> bool:
    has_ports = number in {6, 17, 132} and not later and kind != "arp"
    if has_ports and number == 6 and wanted.but_port and wanted.but_port in ports:
        return False
    if wanted.hosts and not set(wanted.hosts) & set(hosts):
        return False
    if wanted.protocols:
        name = "arp" if kind == "arp" else next((n for n, v in PROTOCOLS.items() if v == number), "")
        if name not in wanted.protocols:
            return False
    return not wanted.ports or (has_ports and bool(set(wanted.ports) & set(ports)))


filters = st.builds(
    Filter,
    hosts=st.lists(st.sampled_from(HOSTS), max_size=3, unique=True).map(tuple),
    ports=st.lists(st.sampled_from(PORTS), max_size=2, unique=True).map(tuple),
    protocols=st.lists(st.sampled_from([*PROTOCOLS, "arp"]), max_size=3, unique=True).map(tuple),
    but_port=st.sampled_from([0, 4510]),
)
numbers = st.sampled_from([1, 6, 17, 58, 132, 50])
ports_of = st.tuples(st.sampled_from([*PORTS, 9]), st.sampled_from([*PORTS, 9]))


@given(filters, st.tuples(*[st.sampled_from(HOSTS[:2])] * 2), numbers, ports_of, st.booleans(), st.integers(5, 15))
def test_packets_of_ip_4_pass_as_their_terms_say(
    wanted: Filter, hosts: tuple[str, str], number: int, ports: tuple[int, int], later: bool, words: int
) -> None:
    packet = four(*hosts, number, ports, fragment=100 if later else 0x4000, words=words)
    assert (run(compile_filter(wanted), packet) > 0) == expected(wanted, "4", hosts, number, ports, later)


@given(filters, st.tuples(*[st.sampled_from(HOSTS[2:])] * 2), numbers, ports_of)
def test_packets_of_ip_6_pass_as_their_terms_say(
    wanted: Filter, hosts: tuple[str, str], number: int, ports: tuple[int, int]
) -> None:
    packet = six(*hosts, number, ports)
    assert (run(compile_filter(wanted), packet) > 0) == expected(wanted, "6", hosts, number, ports, False)


@given(filters, st.tuples(*[st.sampled_from(HOSTS[:2])] * 2))
def test_questions_of_arp_pass_as_their_terms_say(wanted: Filter, hosts: tuple[str, str]) -> None:
    assert (run(compile_filter(wanted), arp(*hosts)) > 0) == expected(wanted, "arp", hosts, 0, (0, 0), False)


def test_without_terms_every_frame_passes_whole() -> None:
    program = compile_filter(Filter())
    for packet in (arp("10.0.0.1", "10.0.0.2"), bytes(12) + b"\x88\xcc" + bytes(50)):
        assert run(program, packet) > 65_535


@given(filters, st.binary(max_size=80), st.booleans())
def test_a_packet_of_any_bytes_is_decided_by_every_program(wanted: Filter, tail: bytes, is_six: bool) -> None:
    packet = bytes(12) + (b"\x86\xdd" if is_six else b"\x08\x00") + tail
    program = compile_filter(wanted)
    assert max(max(line.if_true, line.if_false) for line in program) < 256
    assert len(encode(program)) == 8 * len(program)
    assert run(program, packet) in {0, 0x40000}


def test_the_largest_filter_fits_into_the_jumps() -> None:
    wanted = Filter(tuple(f"fd00::{n}" for n in range(1, 9)), tuple(range(1, 9)), (*PROTOCOLS, "arp"), but_port=4510)
    program = compile_filter(wanted)
    encode(program)
    assert run(program, six("fd00::8", "fd00::99", 17, (8, 99)))
    assert not run(program, six("fd00::9", "fd00::99", 17, (8, 99)))


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(hosts=("example.org",)),
        Filter(hosts=("10.0.0.1\0",)),
        Filter(ports=(65_536,)),
        Filter(ports=(-1,)),
        Filter(protocols=("gre",)),
        Filter(ports=tuple(range(9))),
    ],
)
def test_what_is_no_term_is_refused(wanted: Filter) -> None:
    with pytest.raises(InputError) as caught:
        compile_filter(wanted)
    assert caught.value.reference == "capture-filter"
