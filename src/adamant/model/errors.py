"""Errors that a person can act on.

Each carries a kebab-case reference (listed in docs/reference/errors.md, which a test holds against the code), a
message that says what happened, a context that says where, and a hint that says what to do. Library code raises
them; only the command line turns them into text and an exit code.
"""

from enum import IntEnum
from typing import ClassVar

UNTOLD = "untold"
"""Set in what a type says of itself (msgspec.Meta, extra), it keeps a value that does not fit out of the error."""


class ExitCode(IntEnum):
    """Exit codes of every command (docs/design.md, Commands)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    VERIFICATION = 3
    UNREACHABLE = 4
    BUSY = 5
    REBOOT_NEEDED = 6
    BUG = 70
    INTERRUPTED = 130


class AdamantError(Exception):
    """Something failed. `reference` is stable and can be searched for; the texts are for people and may change."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, reference: str, message: str, *, context: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.reference = reference
        self.message = message
        self.context = context
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.message} [{self.reference}]"]
        if self.context:
            parts.append(self.context)
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


class InputError(AdamantError):
    """What a person gave (a definition, an option, a file) is not valid."""

    exit_code = ExitCode.USAGE


class VerificationError(AdamantError):
    """Bytes are not what a digest, a signature or a format says they must be."""

    exit_code = ExitCode.VERIFICATION


class UnreachableError(AdamantError):
    """A mirror, a repository or a node does not answer."""

    exit_code = ExitCode.UNREACHABLE


class BusyError(AdamantError):
    """Somebody else is at it, or the state of things forbids it now."""

    exit_code = ExitCode.BUSY
