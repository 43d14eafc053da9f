"""The program that updates: a short-lived process with rights that the agent has not (adamant-update.service).

    /usr/lib/adamant/run update

It reads a request from /run, writes how far it is to /run, and ends. It alone writes slots and the ESP; killed at any
moment it leaves a machine that boots, and done again it goes on (stage.py). It holds a lock: there is one at a time.
"""

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PACKAGES = "/usr/lib/python3/dist-packages"
if _PACKAGES not in sys.path:  # started without `site`, which would load what nobody needs
    sys.path.append(_PACKAGES)

from msgspec.structs import replace  # noqa: E402

from adamant.core import files, pe  # noqa: E402
from adamant.core.source import Source  # noqa: E402
from adamant.model.arch import NAMES  # noqa: E402
from adamant.model.errors import AdamantError, BusyError, InputError  # noqa: E402
from adamant.model.layout import SLOT_LABELS  # noqa: E402
from adamant.model.posture import FILE, Posture  # noqa: E402
from adamant.model.version_order import compare  # noqa: E402
from adamant.node import efivars, encryption, firmware_keys, record  # noqa: E402
from adamant.node.config import wanted  # noqa: E402
from adamant.node.reading import boot_id, read_line, read_release  # noqa: E402
from adamant.node.update import entries, preflight, state, trust  # noqa: E402
from adamant.node.update.devices import BlockDevice, Slot  # noqa: E402
from adamant.node.update.entries import Entry  # noqa: E402
from adamant.node.update.esp import EspFolder  # noqa: E402
from adamant.node.update.origin import HttpOrigin, Limited, Origin, Remote  # noqa: E402
from adamant.node.update.sent import BASE, SOCKET, SentOrigin  # noqa: E402
from adamant.node.update.stage import Progress, Staging  # noqa: E402
from adamant.release import index as releases  # noqa: E402
from adamant.release import patches  # noqa: E402
from adamant.release.index import Index, Machine, Release  # noqa: E402
from adamant.release.patches import Patch  # noqa: E402

_TELL_SECONDS = 0.5


class Host:
    """This machine, as far as an update is concerned. `root` is `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        fields = read_release(root)
        self.image, self.version = fields.get("IMAGE_ID", ""), fields.get("IMAGE_VERSION", "")
        self.posture = Posture(read_line(root / FILE))
        machine = os.uname().machine
        self.arch = next(arch for arch, names in NAMES.items() if names.kernel == machine)
        self.esp = EspFolder(root / "efi")
        self.active = record.read(root).slot

    def entry(self) -> Entry | None:
        """The entry of this boot, as it is named now."""
        return self.esp.started(efivars.uki(self.root))

    def trial(self) -> bool:
        """Whether a config is on trial."""
        return wanted.on_trial(self.root)

    def slot(self, label: str) -> Slot:
        """The devices of a slot."""
        folder = self.root / "dev/disk/by-partlabel"
        return Slot(label, BlockDevice(folder / label), BlockDevice(folder / f"{label}-verity"))

    def other(self) -> str:
        """Label of the slot that is not in use."""
        return next(label for label in SLOT_LABELS if label != self.active)


class Update:
    """One request."""

    def __init__(self, host: Host, request: state.Request) -> None:
        self._host = host
        self._request = request
        self._told = 0.0
        self._version = ""

    def run(self) -> state.Progress:
        """Do it; what is said at the end."""
        if self._request.action == "rollback":
            return self._rollback()
        base = BASE if self._request.sent else self._request.repository
        remote: Remote = SentOrigin(self._host.root / SOCKET) if self._request.sent else HttpOrigin(base)
        try:
            root = trust.carried_root(self._host.root)
            kept = self._host.root / "state/adamant/repository"
            found, patched = trust.read_index(self._host.image, base, root, kept, remote)
            release = self._choose(found)
            self._version = release.version
            origin: Origin = Limited(remote, self._request.bandwidth) if self._request.bandwidth else remote
            return self._stage(found, release, patches.to(patched, release), origin)
        finally:
            remote.close()

    def _choose(self, found: Index) -> Release:
        request, host = self._request, self._host
        if request.version:
            release = releases.find(found, request.version, host.arch)
            if release.withdrawn and not request.force:
                raise BusyError("release-withdrawn", f"{release.version} was withdrawn: {release.withdrawn}")
            if release.posture is not host.posture:
                raise InputError("posture-differs", f"{release.version} has the posture {release.posture.value}")
            if compare(release.version, host.version) <= 0 and not request.force:
                raise BusyError(
                    "version-not-newer",
                    f"{release.version} is not newer than {host.version}, which runs",
                    hint="--force stages it all the same",
                )
            return release
        machine = Machine(host.version, host.arch, host.posture, request.channel, state.seed(host.root))
        choice = releases.choose(found, machine, datetime.now(UTC), ignore_waves=request.ignore_waves)
        if choice.release is None:
            raise BusyError("no-update", f"no update: {choice.why}")
        return choice.release

    def _stage(self, found: Index, release: Release, patched: Sequence[Patch], origin: Origin) -> state.Progress:
        host, esp = self._host, self._host.esp
        running = host.entry()
        kept = self._note_failed()
        free = esp.free(entries.others(esp.entries(), running) if running else ())
        disk_keys = encryption.release_keys(host.root)
        facts = preflight.Facts(running, free, trial=host.trial(), failed=kept.failed, disk_keys=disk_keys)
        preflight.check(facts, release, force=self._request.force)
        assert running is not None  # preflight refused without one
        if self._is_staged(release, kept, esp.entries()):
            return self._done(f"{release.version} is staged already; the next boot tries it", 0, 0)
        old = next((r for r in found.releases if r.key == (host.version, host.arch)), None)
        slot, active = host.slot(host.other()), host.slot(host.active)
        staging = Staging(release, old, slot, active, esp, origin, running, self._watch, patched)
        if self._request.action == "estimate":
            fetched, requests = staging.estimate()
            whole = release.usr.size + release.uki.size
            text = f"{release.version} needs {fetched} bytes in {requests} requests, of {whole} bytes in all"
            text += f", {staging.way}"
            return self._done(text, staging.fetched + fetched, staging.requests + requests)
        if kept.boot:  # what was staged goes away first
            kept = replace(kept, boot="")
            state.write(host.root, kept)
        esp.tidy()
        staging.run(entries.fresh(host.image, release.version))
        failed = tuple(version for version in kept.failed if version != release.version)
        boot = boot_id(host.root)
        state.write(host.root, replace(kept, staged=release.version, before=host.version, failed=failed, boot=boot))
        first = entries.order(esp.entries())[0].version
        then = "the next boot tries it"
        if first != release.version:
            then = f"the newer {first} boots until adamant node rollback"
        text = f"{release.version} is staged in {slot.label}, {staging.way}; {then}"
        return self._done(text, staging.fetched, staging.requests)

    def _is_staged(self, release: Release, kept: state.Record, found: Sequence[Entry]) -> bool:
        """Whether nothing is left to do: staged in this boot, and still the entry of the menu that is tried next."""
        request, host = self._request, self._host
        return (
            request.action == "stage"
            and not request.force
            and state.waiting(host.root, kept) == release.version
            and entries.fresh(host.image, release.version) in found
        )

    def _note_failed(self) -> state.Record:
        """Remember which releases were tried and did not stay, before their entries are removed.

        One that was staged before this boot and does not run had its chance, also when no try was counted: else a
        machine whose firmware refuses it would stage it, and reboot for it, again and again.
        """
        host = self._host
        kept = state.read(host.root)
        used_up = {entry.version for entry in host.esp.entries() if entry.failed}
        if kept.boot not in {"", boot_id(host.root)} and kept.staged != host.version:
            used_up.add(kept.staged)
        if used_up - set(kept.failed):
            kept = replace(kept, failed=tuple(sorted({*kept.failed, *used_up})))
            state.write(host.root, kept)
        return kept

    def _rollback(self) -> state.Progress:
        """Have the next boot start the release before: the running one counts as tried and not found good."""
        esp, running = self._host.esp, self._host.entry()
        others = [entry for entry in entries.order(esp.entries()) if entry != running and not entry.failed]
        if running is None or not others:
            raise BusyError("rollback-nothing", "there is no other release on this machine to go back to")
        program = esp.read(others[0])
        disk_keys = encryption.release_keys(self._host.root)
        if disk_keys is not None:
            preflight.check_disk_key(disk_keys, others[0].version, _disk_key(program))
        why = firmware_keys.refusal(self._host.root, program)
        if why:
            raise BusyError(
                "release-revoked",
                f"the firmware of this machine does not start {others[0].version}: {why}",
                hint="go on to a newer release",
            )
        esp.rename(running, running._replace(left=0, done=entries.TRIES))
        return self._done(f"the next boot starts {others[0].version}", 0, 0)

    def _done(self, message: str, fetched: int, requests: int) -> state.Progress:
        return state.Progress("done", version=self._version, fetched=fetched, requests=requests, message=message)

    def _watch(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told < _TELL_SECONDS and progress.done != progress.total:
            return
        self._told = now
        told = state.Progress("running", progress.step, progress.done, progress.total, self._version)
        state.tell(self._host.root, told)


def _disk_key(program: Source) -> str:
    """Digest of the key that signed a UKI for encrypted disks; empty when it carries none."""
    section = pe.read_sections(program).get(preflight.DISK_KEY)
    return hashlib.sha256(program.exactly(section.offset, section.size)).hexdigest() if section else ""


def main(root: Path = Path("/")) -> int:
    """The program. Its words go to /run and to the journal; to the journal alone while another one has the lock."""
    try:
        with files.locked(root / state.LOCK, "the update of this machine", wait=False):
            return _answer(root)
    except BusyError as error:
        sys.stderr.write(f"<4>{error.message}\n")
        return 1


def _answer(root: Path) -> int:
    try:
        last = Update(Host(root), state.read_request(root)).run()
    except AdamantError as error:
        text = f"{error.message}: {error.context}" if error.context else error.message
        last = state.Progress("failed", message=text, reference=error.reference, hint=error.hint)
    except Exception:
        state.tell(root, state.Progress("failed", message="a bug: the log of adamant-update.service has it"))
        raise
    state.tell(root, last)
    sys.stderr.write(f"<{6 if last.state == 'done' else 4}>{last.message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
