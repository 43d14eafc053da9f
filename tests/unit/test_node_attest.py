"""The node's side of a quote: what is said where there is no TPM, and of a TPM that answers nonsense."""

import struct
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, VerificationError
from adamant.node.attest import collect
from adamant.node.attest.tpm import RefusedError, Tpm, open_device

NONCE = bytes(range(16))


def test_a_machine_without_a_tpm_says_so(tmp_path: Path) -> None:
    for ask in (lambda: collect.attest(tmp_path, NONCE), lambda: collect.activate(tmp_path, b"", b"")):
        with pytest.raises(AdamantError) as caught:
            ask()
        assert caught.value.reference == "tpm-absent"


def test_a_device_that_cannot_be_opened_is_busy(tmp_path: Path) -> None:
    with pytest.raises(BusyError, match="tpm-busy"), open_device(tmp_path):
        pass


@pytest.mark.parametrize("size", [0, 7, 33, 64])
def test_a_nonce_has_a_size_that_every_tpm_takes(tmp_path: Path, size: int) -> None:
    with pytest.raises(InputError, match="nonce-size"):
        collect.attest(tmp_path, bytes(size))


def response(code: int, body: bytes = b"") -> bytes:
    return struct.pack(">HII", 0x8001, 10 + len(body), code) + body


def test_a_tpm_that_is_busy_or_refuses_is_told_from_one_that_fails() -> None:
    with pytest.raises(BusyError, match="tpm-busy"):
        collect.quote(Tpm(lambda _command: response(0x922)), NONCE)
    with pytest.raises(RefusedError, match="0x9a2"):
        collect.quote(Tpm(lambda _command: response(0x9A2)), NONCE)

    def broken(_command: bytes) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(BusyError, match="tpm-busy"):
        collect.quote(Tpm(broken), NONCE)


@given(st.binary(max_size=200), st.booleans())
def test_whatever_a_tpm_answers_is_an_error_with_a_name(data: bytes, framed: bool) -> None:
    chip = Tpm(lambda _command: response(0, data) if framed else data)
    with pytest.raises((AdamantError, RefusedError)):
        collect.quote(chip, NONCE)
    with pytest.raises((AdamantError, RefusedError)):
        chip.read_pcrs((0,))
    with pytest.raises((AdamantError, RefusedError)):
        chip.activate_credential(1, 2, b"", b"")


def test_a_log_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(limits.EVENT_LOG_SIZE + 1))
    with pytest.raises(AdamantError, match="event-log-large"):
        collect.log(path)
    path.write_bytes(b"log")
    assert collect.log(path) == b"log"
    assert collect.log(tmp_path / "none") == b""


def test_a_malformed_response_is_no_crash() -> None:
    with pytest.raises(VerificationError, match="tpm-malformed"):
        Tpm(lambda _command: b"\0").read_pcrs((0,))


def unit(name: str) -> list[str]:
    """Lines of a unit of ours."""
    folder = resources.files("adamant.node").joinpath("data/every/usr/lib/systemd/system")
    return folder.joinpath(name).read_text().splitlines()


def test_the_task_may_open_the_tpm_and_the_agent_may_not() -> None:
    task = unit("adamant-attest@.service")
    assert [line for line in task if line.startswith("DeviceAllow=")] == ["DeviceAllow=/dev/tpmrm0 rw"]
    assert {"DevicePolicy=closed", "CapabilityBoundingSet=", "PrivateNetwork=yes", "ProtectSystem=strict"} <= set(task)
    agent = unit("adamant-agent.service")
    assert "DevicePolicy=closed" in agent
    assert not [line for line in agent if "tpm" in line]
