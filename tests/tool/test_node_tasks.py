"""Tasks: the conversation over a real socket, what becomes of either side's end, and packets of this computer."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adamant.core import limits
from adamant.model.encryption import FILE, Encryption
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node import encrypting
from adamant.node.tasks import run, task
from adamant.node.tasks.answer import Answer
from adamant.node.tasks.bpf import Filter, compile_filter, encode
from tests.tool.task import served

SOURCE = Path(run.__file__).parents[3]


def test_bytes_come_as_they_are_and_then_the_trailer(tmp_path: Path) -> None:
    data = os.urandom(3 * limits.TASK_FRAME + 17)

    def work(request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        answer.send(data)
        return {"asked": request["n"]}

    with served(tmp_path / "try", work), task.start("try", {"n": 5}, folder=tmp_path) as running:
        assert b"".join(running) == data
        assert running.trailer == {"asked": 5}


def test_an_error_of_the_task_is_the_same_error_here(tmp_path: Path) -> None:
    def work(_request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        answer.send(b"some")
        raise InputError("capture-filter", "not so", context="here", hint="do that")

    with (
        served(tmp_path / "try", work),
        task.start("try", {}, folder=tmp_path) as running,
        pytest.raises(InputError) as caught,
    ):
        list(running)
    error = caught.value
    assert (error.reference, error.message, error.context, error.hint) == (
        "capture-filter",
        "not so",
        "here",
        "do that",
    )


def test_a_task_that_ends_without_a_word_has_failed(tmp_path: Path) -> None:
    def work(_request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        answer.send(b"some")
        raise ZeroDivisionError

    with (
        served(tmp_path / "try", work),
        task.start("try", {}, folder=tmp_path) as running,
        pytest.raises(AdamantError) as caught,
    ):
        list(running)
    assert caught.value.reference == "task-failed"


def test_a_task_ends_with_its_caller(tmp_path: Path) -> None:
    ended = threading.Event()

    def work(_request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        while not answer.gone():
            time.sleep(0.01)
        ended.set()
        return {}

    with served(tmp_path / "try", work):
        with task.start("try", {}, folder=tmp_path):
            assert not ended.is_set()
        assert ended.wait(20)


def test_a_task_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    release = threading.Event()

    def work(_request: Mapping[str, Any], _answer: Answer) -> Mapping[str, Any]:
        release.wait(20)
        return {}

    with served(tmp_path / "try", work), task.start("try", {}, folder=tmp_path, silence=0.1) as running:
        with pytest.raises(AdamantError) as caught:
            list(running)
        release.set()
    assert "said nothing" in caught.value.message


def test_a_call_for_disks_waits_until_the_one_before_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / FILE
    image.parent.mkdir(parents=True)
    image.write_text(f"{Encryption.TPM.value}\n")

    def work(_request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
        answer.send(b"{}")
        return {}

    with served(tmp_path / "encryption", work, refused=3):
        with monkeypatch.context() as patch:
            patch.setattr(limits, "ENCRYPTION_TURN_SECONDS", 0.0)
            with pytest.raises(BusyError) as caught:
                encrypting.volumes(tmp_path, tmp_path)
        assert caught.value.reference == "task-busy"
        assert not encrypting.volumes(tmp_path, tmp_path).volumes


def test_a_task_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdamantError) as caught:
        task.start("try", {}, folder=tmp_path)
    assert caught.value.reference == "task-missing"


def _task(name: str, connection: socket.socket) -> "subprocess.Popen[bytes]":
    """The task as systemd starts it, but for its rights."""
    program = SOURCE / "adamant" / "node" / "tasks" / "run.py"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen([sys.executable, str(program), name], stdin=connection.fileno(), env=environment)


def _capture(request: Mapping[str, Any], send: Mapping[int, bytes]) -> tuple[bytes, Mapping[str, Any]]:
    here, there = socket.socketpair()
    with here, there:
        process = _task("capture", there)
        there.close()
        here.settimeout(60)
        here.sendall(json.dumps(request).encode() + b"\n")
        running = task.Task(here, "capture")
        pieces = iter(running)
        data = next(pieces)  # the head of the file: from here on it listens
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for port, words in send.items():
                sender.sendto(words, ("127.0.0.1", port))
        data += b"".join(pieces)
        assert process.wait(20) == 0
        return data, running.trailer


needs_raw = pytest.mark.skipif(os.geteuid() != 0, reason="packets are for root")


@needs_raw
def test_packets_that_were_asked_for_are_in_the_file_and_no_others() -> None:
    request = {"interface": "lo", "snap_length": 60, "seconds": 30, "size": 1 << 20, "packets": 1, "ports": [47_113]}
    data, trailer = _capture(request, {47_112: b"no" * 100, 47_113: b"yes" * 100})
    assert trailer["packets"] == 1
    assert trailer["reason"] == "packets"
    assert trailer["bytes"] == len(data)
    magic, major, minor, _, _, snap, link = struct.unpack("=IHHiIII", data[:24])
    assert (magic, major, minor, snap, link) == (0xA1B23C4D, 2, 4, 60, 1)
    seconds, nanoseconds, kept, length = struct.unpack("=IIII", data[24:40])
    assert abs(seconds - time.time()) < 600
    assert nanoseconds < 1_000_000_000
    assert (kept, length) == (60, 14 + 20 + 8 + 300)
    assert len(data) == 24 + 16 + 60
    assert data[40:].endswith(b"yesyes")


@needs_raw
def test_a_capture_ends_before_the_file_is_too_large() -> None:
    request = {"interface": "lo", "snap_length": 200, "seconds": 30, "size": 150, "ports": [47_113]}
    data, trailer = _capture(request, {47_113: b"x" * 150})
    assert trailer["reason"] == "size"
    assert len(data) == 24


def test_an_interface_that_is_not_there_is_named() -> None:
    here, there = socket.socketpair()
    with here, there:
        process = _task("capture", there)
        there.close()
        here.sendall(b'{"interface": "none0", "snap_length": 60, "seconds": 1, "size": 1000}\n')
        with pytest.raises(InputError) as caught:
            list(task.Task(here, "capture"))
        assert process.wait(20) == 0
    assert caught.value.reference == "capture-interface"


def test_the_kernel_takes_the_largest_program() -> None:
    hosts = tuple(f"fd00::{n}" for n in range(1, 9))
    program = compile_filter(Filter(hosts, tuple(range(1, 9)), ("tcp", "udp", "icmp6", "arp"), 4510))
    code = encode(program)
    held = array("B", code)
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        other.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", len(program), held.buffer_info()[0]))
        one.send(bytes(12) + b"\x08\x06" + bytes(60))  # ARP of no host that is wanted
        with pytest.raises(BlockingIOError):
            other.recv(100, socket.MSG_DONTWAIT)
