"""What apt says when it fails, as errors that a person can act on.

apt ends with 100 for everything, so its English text is what tells the cases apart. Pure functions over text that
already went through `Mirror.redact`: none of these errors names a mirror.
"""

import re

from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError

_UNREACHABLE = re.compile(
    r"Could not (?:resolve|connect)|Unable to connect|Cannot initiate the connection|Temporary failure|timed out"
    r"|Connection (?:failed|refused|reset)|Network is unreachable|No route to host|Failed to connect"
    r"|50[0234] +[A-Z]|407 +Proxy|handshake|[Cc]ertificate verification"
)
_UNSIGNED = re.compile(
    r"is not signed|NO_PUBKEY|couldn't be verified|signatures? (?:was|were) invalid|BADSIG|EXPKEYSIG|REVKEYSIG"
    r"|[Cc]learsigned file isn't valid|NODATA|Sub-process .*(?:sqv|gpgv)"
)
_GONE = re.compile(r"404 +Not Found|410 +Gone|File not found|No such file or directory")
_MISMATCH = re.compile(r"Hash Sum mismatch|File has unexpected size")
_FULL = re.compile(r"No space left on device|[Dd]isk quota exceeded|don't have enough free space")


def _told(text: str) -> str:
    """apt's errors and warnings, without its progress."""
    lines = [line for line in text.splitlines() if line.strip()]
    chosen = [line for line in lines if line.startswith(("E: ", "W: ", "   "))]
    return "\n".join(chosen or lines)[-4000:]


def apt_missing() -> InputError:
    """This computer has no apt."""
    return InputError(
        "apt-missing",
        "this computer has no apt, which solves and downloads the packages",
        hint="build on Debian or Ubuntu, or install apt (Fedora: dnf install apt; Arch: pacman -S apt)",
    )


def too_slow(seconds: float) -> UnreachableError:
    """apt did not end in time."""
    return UnreachableError(
        "mirror-unreachable",
        f"the Debian mirror did not send everything within {seconds:.0f} s",
        hint="check the network and the host's apt proxy, or name another mirror in ADAMANT_MIRROR",
    )


def common(text: str) -> AdamantError | None:
    """Errors that any call of apt may end with: a full disk, a lock, a network that does not answer."""
    if _FULL.search(text):
        return AdamantError(
            "disk-full", "apt cannot write: the disk is full", context=_told(text), hint="free some space, try again"
        )
    if "Could not get lock" in text:
        return BusyError("locked", "another apt works in Adamant's apt state", hint="try again when it is done")
    if _UNREACHABLE.search(text):
        return UnreachableError(
            "mirror-unreachable",
            "the Debian mirror does not answer",
            context=_told(text),
            hint="check the network and the host's apt proxy, or name another mirror in ADAMANT_MIRROR and "
            "ADAMANT_SECURITY_MIRROR",
        )
    return None


def of_update(text: str) -> AdamantError:
    """The error for an `apt-get update` that failed with `text`."""
    if "is expired" in text:
        return VerificationError(
            "release-expired",
            "the mirror's Release file is no longer valid: the mirror is old, or this computer's clock is wrong",
            context=_told(text),
            hint="take another mirror; for a snapshot, say so in the definition: base: {snapshot: true}",
        )
    if "is not valid yet" in text:
        return VerificationError(
            "release-from-future",
            "the mirror's Release file is not valid yet: this computer's clock is slow",
            context=_told(text),
            hint="set the clock",
        )
    if _UNSIGNED.search(text):
        return VerificationError(
            "release-not-signed",
            "the mirror's Release file is not signed by a key of Debian 13",
            context=_told(text),
            hint="is this a mirror of Debian, and does nothing in between change what it sends?",
        )
    if (error := common(text)) is not None:
        return error
    if _MISMATCH.search(text):
        return VerificationError(
            "index-hash-mismatch",
            "an index of the mirror is not the one that its signed Release file names",
            context=_told(text),
            hint="the mirror may be in the middle of an update: try again in some minutes, or take another mirror",
        )
    if "does not have a Release file" in text or _GONE.search(text):
        return InputError(
            "suite-missing",
            "the mirror does not have a suite of the definition",
            context=_told(text),
            hint="check base.suite and base.pockets, and that the mirror is a whole mirror of Debian",
        )
    return AdamantError("apt-failed", "apt could not read the mirror's lists", context=_told(text))


def of_solve(text: str) -> AdamantError:
    """The error for a solve that failed with `text`, which holds apt's reasons."""
    missing = re.findall(r"Unable to locate package (\S+)", text)
    missing += re.findall(r"Version '[^']*' for '([^']+)' was not found", text)
    missing += re.findall(r"Package '?([^\s']+)'? has no installation candidate", text)
    if missing:
        return package_missing(sorted(set(missing)), {})
    if (error := common(text)) is not None:
        return error
    if "unmet dependencies" in text or "held broken packages" in text or "Unsatisfied dependencies" in text:
        return InputError(
            "set-unsatisfiable",
            "these packages cannot be together",
            context=_reasons(text),
            hint="take one of the packages that are named here out of the definition",
        )
    return AdamantError("apt-failed", "apt could not solve the packages", context=_told(text))


def _reasons(text: str) -> str:
    """The part of apt's answer that says which dependencies cannot be met."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if "unmet dependencies" in line or "Unsatisfied dependencies" in line:
            return "\n".join(line for line in lines[index:] if line.strip())[:4000]
    return _told(text)


def package_missing(names: list[str], near: dict[str, list[str]]) -> InputError:
    """Packages that the suite does not have; `near` has names that look like them."""
    hints = [f"instead of {name}: {', '.join(near[name])}" for name in names if near.get(name)]
    return InputError(
        "package-missing",
        f"there is no package {', '.join(names)}" if len(names) == 1 else f"there are no packages {', '.join(names)}",
        hint="; ".join(hints) or "check the spelling of its name in Debian 13",
    )


def of_fetch(text: str, packages: dict[str, str]) -> AdamantError:
    """The error for a download that failed with `text`. `packages` are their names by the path in the archive."""
    failed = [line for line in text.splitlines() if "Failed to fetch" in line] or text.splitlines()
    named = sorted({name for path, name in packages.items() if any(path in line for line in failed)})
    which = ", ".join(named) or "a package"
    if (error := common(text)) is not None:
        return error
    if _MISMATCH.search(text):
        return package_mismatch(which)
    if _GONE.search(text):
        return package_gone(which)
    return AdamantError("apt-failed", f"apt could not download {which}", context=_told(text))


def package_gone(which: str) -> AdamantError:
    """The mirror no longer has a locked package."""
    return AdamantError(
        "package-gone",
        f"the mirror no longer has {which}, which the lock names",
        hint="two ways out: name a snapshot mirror in ADAMANT_MIRROR and ADAMANT_SECURITY_MIRROR "
        "(it keeps every version), or make a new lock: adamant lock --update",
    )


def package_mismatch(which: str) -> VerificationError:
    """A downloaded package is not the locked one."""
    return VerificationError(
        "package-hash-mismatch",
        f"what the mirror sent as {which} does not have the SHA-256 that the lock names",
        hint="it was thrown away. Try another mirror; if all send this, the lock is wrong or was tampered with",
    )
