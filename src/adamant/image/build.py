"""The chain of a build: from a locked definition to the output folder.

It owns the order of the steps and what each one's identity holds; how a step is done is for the modules it calls. What
stays true: the bytes of the unsigned parts depend on the definition, the lock and our sources, and on nothing else.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from adamant.compose import compose as composing
from adamant.compose import entries
from adamant.compose.check import Finding
from adamant.compose.compose import ComposeRequest, Composition
from adamant.compose.identity import tree_identity
from adamant.compose.sbom import OwnKernel
from adamant.core import events, verity_tree
from adamant.core.sources import sources_digest
from adamant.core.store import Step, Store
from adamant.image import (
    artifacts,
    enrolment,
    erofs,
    esp,
    initrd,
    keys,
    own_kernel,
    policy,
    runner_program,
    uki,
    verity,
)
from adamant.image.output import Output
from adamant.image.project import Project, read_lock
from adamant.kernel import artifact
from adamant.model import boot_loader, definition, derive, lock, manifest
from adamant.model.authenticated_variable import UPDATES
from adamant.model.definition import parse_size
from adamant.model.digest import Identity, identity, sha256
from adamant.model.encryption import OPENINGS
from adamant.model.errors import InputError
from adamant.model.manifest import Manifest
from adamant.model.measured import MeasuredKeys
from adamant.model.posture import POLICY, RULES
from adamant.model.switch import Switch
from adamant.model.tree import Entry, Tree
from adamant.node import house
from adamant.packages import base, fetch, layer, tools
from adamant.packages import lock as solver
from adamant.packages.layer import Layer
from adamant.packages.scripts.review import require_reviewed, review
from adamant.packages.tools import ToolsTree

_LIBPYTHON = re.compile(r"libpython3\.\d+\.so\.1\.0")
_ROOMS = ("api", "compose", "core", "image", "kernel", "model", "node", "packages")


@dataclass(frozen=True, slots=True)
class Built:
    """A finished build.

    `steps` say of each step whether it was done or reused, why, and how long it took. `findings` are what the lints
    found that is no error; none when the whole output was reused.
    """

    output: Path
    manifest: Manifest
    steps: tuple[events.Finished, ...]
    findings: tuple[Finding, ...]


def build(project: Project, cache: Path, now: datetime, watch: events.Watch = events.silent, workers: int = 2) -> Built:
    """Build a locked definition into its output folder. `now` (with a time zone) is what signing keys are checked at.

    Raises InputError (lock-missing, lock-stale, what the definition gets wrong), VerificationError, BusyError (another
    build writes the same output) and the errors of the tools.
    """
    recorder = events.Recorder(watch)
    locked = read_lock(project)
    stale = [*solver.is_stale(locked, project.image), *own_kernel.is_stale(project, locked)]
    if stale:
        raise InputError(
            "lock-stale", f"the lock does not fit: {'; '.join(stale)}", hint="make a new one with: adamant lock"
        )
    image = project.image
    if losing := definition.lost(image):
        recorder(events.Noted(losing))
    whole = _whole_identity(project, locked)
    output = Output(project.output, cache)
    findings: tuple[Finding, ...] = ()
    if output.fits(whole):
        recorder(events.Finished("build", True, "same definition, lock and sources", 0.0))
    else:
        chain = _Chain(project, locked, cache, recorder, workers, now)
        project.output.parent.mkdir(exist_ok=True)
        output.replace(whole, chain.write)
        findings = chain.findings
    found = manifest.decode((project.output / "manifest.json").read_bytes())
    return Built(project.output, found, tuple(recorder.finished), findings)


def _whole_identity(project: Project, locked: lock.Lock) -> Identity:
    image = project.image
    sources = [*(file.source for file in image.files), *(unit.source for unit in image.units)]
    named = [source for source in sources if source is not None]
    named += [*image.secure_boot.updates, *(f"{image.secure_boot.enroll}/{v}.auth" for v in _enrolled(project))]
    pair, policy_key = image.signing.secure_boot, image.signing.pcr
    return identity(
        "build",
        {
            "definition": msgspec.to_builtins(image),
            "lock": sha256(lock.encode(locked)),
            "files": {name: sha256(project.source(name, "file of the definition")) for name in named},
            "certificate": sha256(project.source(pair.certificate, "certificate")) if pair else "",
            **({"pcr": sha256(keys.load_public(policy_key, project.folder))} if policy_key else {}),
            "sources": sources_digest(*_ROOMS),
        },
    )


def _enrolled(project: Project) -> tuple[str, ...]:
    return enrolment.ENROLLED if project.image.secure_boot.enroll is not None else ()


class _Chain:
    """One build under way."""

    def __init__(
        self, project: Project, locked: lock.Lock, cache: Path, watch: events.Recorder, workers: int, now: datetime
    ) -> None:
        self.project = project
        self.image = project.image
        self.locked = locked
        self.cache = cache
        self.watch = watch
        self.workers = workers
        self.store = Store(cache, watch)
        self.scope = str(project.folder)
        self.findings: tuple[Finding, ...] = ()
        pair = project.image.signing.secure_boot
        self.pair = keys.load_pair(pair, project.folder, now) if pair else None
        how = project.image.disk.encryption
        bound = project.image.signing.pcr if how is not None and OPENINGS[how].signed else None
        self.policy_key = keys.load_policy_key(bound, project.folder) if bound else None
        self.policy_public = keys.load_public(bound, project.folder) if bound else None
        told = project.image.secure_boot
        self.updates = enrolment.read_updates([project.folder / name for name in told.updates])
        self.enrolment: esp.Enrolment | None = None
        self.keys: tuple[MeasuredKeys, ...] = ()
        if told.enroll is not None:
            trusted = self.pair.certificate if self.pair else None
            variables = enrolment.read_enrolled(project.folder / told.enroll, trusted)
            self.enrolment = esp.Enrolment(variables, told.enroll_on)
            self.keys = tuple(enrolment.measured_keys(variables, self.updates, trusted)) if trusted else ()

    def write(self, out: Path) -> None:
        """Do all steps and fill the folder `out`."""
        image = self.image
        tree_of_tools = tools.open_tools(self.locked.tools, self.cache, self.watch)
        debs = fetch.fetch(self.locked.image.packages, self.cache, self.watch)
        layers = layer.unpack_layers(self.locked.image.packages, debs, self.cache, self.watch, self.workers)
        found = review(layers, image.scripts, self.locked.recordings)
        require_reviewed(found)
        with events.timed(self.watch, "compose", "a tree is composed in memory each time"):
            ours = self._made(layers, tree_of_tools)
            own = own_kernel.open_kernel(self.project, self.locked)
            kernel = artifact.tree_of(own) if own else {}
            request = replace(self._request(ours), kernel=tuple(kernel.values()))
            composed = composing.compose(request, layers, found, tree_of_tools, self.store, self.workers)
        if own is not None:
            own_kernel.require_for(own, restricts_file_systems=composed.restricts_file_systems)
        self.findings = composed.findings
        with ThreadPoolExecutor(1, thread_name_prefix="initrd") as pool:
            system = _system(composed.tree)
            packed = pool.submit(
                initrd.make_initrd,
                system,
                image.arch,
                composed.kernel,
                tree_of_tools,
                self.store,
                root_on_disk=RULES[image.posture].persistent_root,
            )
            usr = self._usr(composed.tree, tree_of_tools)
            program = packed.result()
        root_hash = verity_tree.read_root_hash(usr.path / artifacts.VERITY)
        line = uki.command_line(
            image.arch,
            root_hash,
            image.kernel.arguments,
            image.posture,
            bpf=composed.restricts_file_systems,
        )
        boot = self._uki(composed, program, line, tree_of_tools)
        enrolment.check_updates(self.updates, boot.path / "uki.efi", self.pair.certificate if self.pair else None)
        made = artifacts.Made(
            usr=usr.path / artifacts.USR,
            verity=usr.path / artifacts.VERITY,
            uki=boot.path / "uki.efi",
            loader=boot.path / "loader",
            kernel=composed.kernel,
            command_line=line,
            steps={step.name: step.identity for step in (usr, boot)},
            parts=self._uki_parts(boot.path, composed.kernel, program, line),
            own=OwnKernel(own.manifest.release, own.manifest.digest, own.manifest.linux) if own else None,
            enrolment=self.enrolment,
            keys=self.keys,
        )
        with events.timed(self.watch, "output", "an output is written as a whole"):
            packages = self.locked.image.packages
            keyring = artifacts.Keys(self.pair, self.policy_key)
            artifacts.write(image, packages, made, keyring, tree_of_tools, out, workers=self.workers)

    def _made(self, layers: Sequence[Layer], tools_tree: ToolsTree) -> list[Entry]:
        """What tools make of our sources: the agent's runner, for the image's Python, and the policy of the posture."""
        names = [Path(entry.path).name for each in layers for entry in each.entries]
        soname = max(name for name in names if _LIBPYTHON.fullmatch(name))
        runner = runner_program.make_runner(self.image.arch, soname, house.programs(), tools_tree, self.store)
        found = [entries.file(runner_program.PATH, runner.read_bytes(), 0o755)]
        if RULES[self.image.posture].policy:
            found.append(entries.file(POLICY, policy.make_policy(tools_tree, self.store).read_bytes()))
        return found

    def _request(self, made: Sequence[Entry]) -> ComposeRequest:
        image = self.image
        extra, switches = [], []
        for file in image.files:
            data = self._contents(file.content, file.source)
            extra.append(entries.file(file.path.lstrip("/"), data, int(file.mode, 8)))
        for unit in image.units:
            if unit.content is not None or unit.source is not None:
                path = f"usr/lib/systemd/system/{unit.name}"
                extra.append(entries.file(path, self._contents(unit.content, unit.source)))
            switches.append(Switch(unit.name, unit.enable, "definition"))
        extra += [entries.file(f"{UPDATES}/{name}", data) for name, data in sorted(self.updates.items())]
        return ComposeRequest(
            name=image.name,
            version=image.version,
            arch=image.arch,
            posture=image.posture,
            listed=(*image.packages, *(base.ENCRYPTED_PROGRAMS if image.disk.encryption else ())),
            modules=image.kernel.modules,
            house=(
                *house.house_files(image.posture, parse_size(image.disk.slot), image.disk.encryption, image.disk.tang),
                *made,
            ),
            extra=tuple(extra),
            switches=(
                *house.switches(image.posture, lock.by_name(self.locked.image), image.disk.encryption),
                *switches,
            ),
            later=tuple(house.LATER),
            later_target=house.LATER_TARGET,
            programs=tuple(house.programs().values()),
        )

    def _contents(self, content: str | None, source: str | None) -> bytes:
        return content.encode() if content is not None else self.project.source(source or "", "file of the definition")

    def _usr(self, tree: Tree, tools_tree: ToolsTree) -> Step:
        """The step that makes the usr image and its verity tree, as files of the names in `artifacts`."""
        image = self.image
        uuid = derive.guid("usr", image.name, image.version, image.arch.value)
        salt = derive.salt(image.name)

        def make(folder: Path) -> None:
            erofs.make_erofs(tree, image.profile, uuid, tools_tree, folder / artifacts.USR, workers=self.workers)
            verity.make_verity(folder / artifacts.USR, salt, uuid, tools_tree, folder / artifacts.VERITY)

        inputs = {
            "tree": tree_identity(tree),
            "profile": image.profile.value,
            "flags": erofs.flags(image.profile),
            "uuid": str(uuid),
            "salt": salt,
            "tools": tools_tree.identity,
        }
        return self.store.step("usr", inputs, make, scope=self.scope)

    def _uki(self, composed: Composition, packed: Path, line: str, tools_tree: ToolsTree) -> Step:
        """The step that makes the unsigned UKI, `uki.efi`, with the boot loader beside it as `loader`."""
        arch = self.image.arch
        system = _system(composed.tree)
        parts = {
            "kernel": composed.vmlinuz,
            "stub": system[uki.stub_path(arch)],
            "loader": system[boot_loader.source_path(arch)],
            "os-release": system["usr/lib/os-release"],
        }

        def make(folder: Path) -> None:
            for name, entry in parts.items():
                (folder / name).write_bytes(entries.read(entry))
            if self.policy_public is not None:
                (folder / "pcr.pub").write_bytes(self.policy_public)
            uki.make_uki(self._uki_parts(folder, composed.kernel, packed, line), tools_tree, folder / "uki.efi")

        inputs = {
            "parts": {name: entry.sha256 for name, entry in parts.items()},
            "initrd": packed.parent.name,
            "line": line,
            "tools": tools_tree.identity,
        }
        if self.policy_public is not None:
            inputs["pcr"] = sha256(self.policy_public)
        return self.store.step("uki", inputs, make, scope=self.scope)

    def _uki_parts(self, folder: Path, release: str, packed: Path, line: str) -> uki.UkiParts:
        """The parts of the UKI, of which the step `uki` has all but the initrd in `folder`."""
        return uki.UkiParts(
            self.image.arch,
            release,
            folder / "kernel",
            packed,
            folder / "stub",
            line,
            folder / "os-release",
            folder / "pcr.pub" if self.policy_public is not None else None,
        )


def _system(usr: Tree) -> Tree:
    """The tree of the usr image with the paths of the whole system."""
    return {f"usr/{path}": entry for path, entry in usr.items()}
