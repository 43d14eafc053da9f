"""The commands of a TPM 2.0 that a quote takes, over the kernel's resource manager.

Specification: TCG Trusted Platform Module Library, part 3 (Commands), revision 1.59. A library for this (tpm2-tss with
its binding) is ten times the size of what it would do here: eight commands, sent once in a while. Whatever a command
has loaded, the resource manager takes away again when the device is closed.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adamant.core import limits
from adamant.model import tpm
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.model.tpm import Reader, tpm2b

DEVICE = Path("dev/tpmrm0")

TPM_CC_CREATE_PRIMARY = 0x00000131
TPM_CC_ACTIVATE_CREDENTIAL = 0x00000147
TPM_CC_NV_READ = 0x0000014E
TPM_CC_POLICY_SECRET = 0x00000151
TPM_CC_QUOTE = 0x00000158
TPM_CC_NV_READ_PUBLIC = 0x00000169
TPM_CC_START_AUTH_SESSION = 0x00000176
TPM_CC_PCR_READ = 0x0000017E
TPM_RH_OWNER = 0x40000001
TPM_RH_NULL = 0x40000007
TPM_RS_PW = 0x40000009
TPM_RH_ENDORSEMENT = 0x4000000B
TPM_SE_POLICY = 0x01
TPMA_SESSION_CONTINUE = 0x01
EK_CERTIFICATE = 0x01C0000A
"""The NV index of the certificate of an endorsement key on P-256 (TCG EK Credential Profile, section 2.2.1.4)."""

_RC_FMT1 = 0x80
_RC_HANDLE = 0x18B
_RC_INTEGRITY = 0x9F
_RC_BAD_AUTH = (0x8E, 0xA2)
_RC_WARNINGS = frozenset({0x908, 0x921, 0x922})
"""TPM_RC_YIELDED, TPM_RC_LOCKOUT, TPM_RC_RETRY: come again later."""
_HEADER = struct.Struct(">HII")
_PASSWORD = struct.pack(">IHBH", TPM_RS_PW, 0, 0, 0)
_NV_PIECE = 512


class RefusedError(Exception):
    """The TPM has refused a command, with the response code `code`."""

    def __init__(self, command: int, code: int) -> None:
        super().__init__(f"command {command:#x}, response {code:#x}")
        self.command = command
        self.code = code

    @property
    def kind(self) -> int:
        """The code without what says which handle, session or parameter it is about."""
        return self.code & 0xBF if self.code & _RC_FMT1 else self.code


Transmit = Callable[[bytes], bytes]
"""A command goes in, its response comes out. Raises OSError."""


@contextmanager
def open_device(device: Path) -> Iterator[Transmit]:
    """The TPM behind a device of the kernel, open inside of the context.

    Raises AdamantError `tpm-absent`, BusyError `tpm-busy`.
    """
    try:
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise AdamantError(
            "tpm-absent",
            "this machine has no TPM 2.0, so it cannot prove how it was booted",
            hint="machines of adamant up have one with --tpm; others need it switched on in their firmware",
        ) from error
    except OSError as error:
        raise BusyError("tpm-busy", f"the TPM cannot be opened: {error.strerror}", hint="try again later") from error

    def transmit(command: bytes) -> bytes:
        os.write(fd, command)
        return os.read(fd, limits.TPM_RESPONSE)

    try:
        yield transmit
    finally:
        os.close(fd)


class Tpm:
    """A TPM. Keys are made anew each time, and are the same each time.

    Every method may raise RefusedError, BusyError `tpm-busy`, and VerificationError tpm-malformed for a response that
    is none.
    """

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    def create_primary(self, template: bytes) -> tuple[int, bytes]:
        """TPM2_CreatePrimary in the endorsement hierarchy: the handle of the key and its TPMT_PUBLIC.

        It depends on the template and the TPM's seed alone.
        """
        sensitive = tpm2b(tpm2b(b"") + tpm2b(b""))
        parameters = sensitive + tpm2b(template) + tpm2b(b"") + struct.pack(">I", 0)
        answer = self._command(TPM_CC_CREATE_PRIMARY, (TPM_RH_ENDORSEMENT,), (_PASSWORD,), parameters)
        handle = answer.number(4)
        answer.number(4)  # parameterSize
        return handle, answer.sized(limits.TPM_RESPONSE)

    def read_pcrs(self, registers: Sequence[int]) -> dict[int, bytes]:
        """TPM2_PCR_Read: values of registers of the SHA-256 bank."""
        values: dict[int, bytes] = {}
        for index in registers:
            answer = self._command(TPM_CC_PCR_READ, (), (), tpm.pcr_selection((index,)))
            answer.number(4)  # pcrUpdateCounter
            if answer.take(10) != tpm.pcr_selection((index,)) or answer.number(4) != 1:
                raise AdamantError(
                    "tpm-no-sha256",
                    f"the TPM has no register {index} of the SHA-256 bank",
                    hint="switch the SHA-256 bank of the TPM on in the machine's firmware",
                )
            values[index] = answer.sized(32)
        return values

    def quote(self, key: int, nonce: bytes, registers: tuple[int, ...]) -> tuple[bytes, bytes]:
        """TPM2_Quote: a TPMS_ATTEST over registers and a nonce, and the TPMT_SIGNATURE of the key `key`."""
        parameters = tpm2b(nonce) + struct.pack(">H", tpm.TPM_ALG_NULL) + tpm.pcr_selection(registers)
        answer = self._command(TPM_CC_QUOTE, (key,), (_PASSWORD,), parameters)
        size = answer.number(4)
        quoted = answer.sized(limits.TPM_RESPONSE)
        return quoted, answer.take(size - 2 - len(quoted))

    def read_nv(self, index: int) -> bytes:
        """All of an NV index that whoever owns nothing may read; empty when there is no such index."""
        try:
            public = Reader(
                self._command(TPM_CC_NV_READ_PUBLIC, (index,), (), b"").sized(limits.TPM_RESPONSE), "an NV index"
            )
        except RefusedError as error:
            if error.kind == _RC_HANDLE & 0xBF:
                return b""
            raise
        public.take(4 + 2 + 4)  # nvIndex, nameAlg, attributes
        public.sized(64)  # authPolicy
        size, data = public.number(2), b""
        while len(data) < size:
            piece = struct.pack(">HH", min(_NV_PIECE, size - len(data)), len(data))
            answer = self._command(TPM_CC_NV_READ, (index, index), (_PASSWORD,), piece)
            answer.number(4)  # parameterSize
            data += answer.sized(_NV_PIECE)
        return data

    def activate_credential(self, ak: int, ek: int, blob: bytes, secret: bytes) -> bytes:
        """TPM2_ActivateCredential: what was encrypted to the key `ek` for a TPM that also has the key `ak`.

        Raises InputError `credential-refused` when it was for another TPM, or for another key.
        """
        session = self._policy_session()
        policy = struct.pack(">IHBH", session, 0, TPMA_SESSION_CONTINUE, 0)
        try:
            answer = self._command(
                TPM_CC_ACTIVATE_CREDENTIAL, (ak, ek), (_PASSWORD, policy), tpm2b(blob) + tpm2b(secret)
            )
        except RefusedError as error:
            raise InputError(
                "credential-refused",
                "the TPM cannot open the challenge: it was made for another TPM, or for another key",
                context=str(error),
            ) from error
        answer.number(4)  # parameterSize
        return answer.sized(64)

    def _policy_session(self) -> int:
        """A session that satisfies the policy of the endorsement key."""
        parameters = tpm2b(os.urandom(16)) + tpm2b(b"")
        parameters += struct.pack(">BHH", TPM_SE_POLICY, tpm.TPM_ALG_NULL, tpm.TPM_ALG_SHA256)
        session = self._command(TPM_CC_START_AUTH_SESSION, (TPM_RH_NULL, TPM_RH_NULL), (), parameters).number(4)
        nothing = tpm2b(b"") * 3 + struct.pack(">i", 0)
        self._command(TPM_CC_POLICY_SECRET, (TPM_RH_ENDORSEMENT, session), (_PASSWORD,), nothing)
        return session

    def _command(self, code: int, handles: Sequence[int], sessions: Sequence[bytes], parameters: bytes) -> Reader:
        """The response to a command, behind its header. Raises RefusedError."""
        body = b"".join(struct.pack(">I", handle) for handle in handles)
        if sessions:
            area = b"".join(sessions)
            body += struct.pack(">I", len(area)) + area
        tag = tpm.TPM_ST_SESSIONS if sessions else tpm.TPM_ST_NO_SESSIONS
        request = _HEADER.pack(tag, _HEADER.size + len(body) + len(parameters), code) + body + parameters
        try:
            response = self._transmit(request)
        except OSError as error:
            raise BusyError(
                "tpm-busy", f"the TPM takes no command: {error.strerror}", hint="try again later"
            ) from error
        reader = Reader(response, f"the response to command {code:#x}")
        reader.number(2)
        reader.expect(4, len(response), "size")
        result = reader.number(4)
        if result in _RC_WARNINGS:
            raise BusyError("tpm-busy", f"the TPM takes no command now ({result:#x})", hint="try again later")
        if result:
            raise RefusedError(code, result)
        return reader
