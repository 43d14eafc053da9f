"""What firmware variables hold: read as it was written, and nothing foreign is more than a named error."""

import contextlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model import signature_list
from adamant.model.errors import VerificationError
from adamant.model.signature_list import Signature

signatures = st.lists(st.builds(Signature, st.uuids(), st.uuids(), st.binary(min_size=1, max_size=64)), max_size=6)


@given(signatures)
def test_what_is_written_is_read(made: list[Signature]) -> None:
    assert signature_list.decode(signature_list.encode(made)) == tuple(made)


@given(st.binary(max_size=256), signatures, st.integers(0, 400))
def test_foreign_bytes_are_lists_or_a_named_error(noise: bytes, made: list[Signature], at: int) -> None:
    whole = signature_list.encode(made)
    for data in (noise, whole[:at] + noise + whole[at:], whole[:at]):
        with contextlib.suppress(VerificationError):
            assert sum(len(entry.data) + 16 for entry in signature_list.decode(data)) <= len(data)


def test_a_list_of_the_specification() -> None:
    """UEFI Specification 2.10, 32.4.1, by hand: 28 bytes of head, then two hashes of one owner."""
    owner = UUID("77fa9abd-0359-4d32-bd60-28f4e78f784b")
    head = bytes.fromhex("2616c4c14c509240aca941f936934328") + (124).to_bytes(4, "little") + bytes(4) + b"\x30\0\0\0"
    entry = owner.bytes_le
    data = head + entry + b"a" * 32 + entry + b"b" * 32
    made = [signature_list.program(b"a" * 32, owner), signature_list.program(b"b" * 32, owner)]
    assert signature_list.encode(made) == data
    assert signature_list.decode(data) == tuple(made)


def test_certificates_have_lists_of_their_own() -> None:
    data = signature_list.encode([signature_list.certificate(b"a" * 8), signature_list.certificate(b"b" * 8)])
    assert len(data) == 2 * (28 + 16 + 8)


def test_an_empty_entry_is_none() -> None:
    with pytest.raises(ValueError, match="empty"):
        signature_list.encode([signature_list.certificate(b"")])
