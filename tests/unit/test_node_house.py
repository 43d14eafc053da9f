"""What an image gets from Adamant: sound units, no shell, and no more of our sources than the agent needs."""

import ast
import configparser
import re
import sys
import tomllib
from pathlib import Path

import pytest

from adamant.model import encryption
from adamant.model.encryption import Encryption, TangServer
from adamant.model.layout import verity_size
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Kind
from adamant.model.version import ADAMANT
from adamant.node import house
from adamant.node.reset import root

SLOT = 512 << 20
ENTRIES = {entry.path: entry for entry in house.house_files(Posture.GUARDED, SLOT)}
OPEN = {entry.path: entry for entry in house.house_files(Posture.OPEN, SLOT)}
UNITS = {
    path.rpartition("/")[2]: entry
    for path, entry in ENTRIES.items()
    if re.fullmatch(r"(usr/lib|etc)/systemd/system/[^/]+\.(service|mount)", path) and entry.kind is Kind.FILE
}


def _text(entry: Entry) -> str:
    assert entry.content is not None
    return entry.content.decode()


def test_files_lie_below_usr_and_etc_and_belong_to_root() -> None:
    for path, entry in ENTRIES.items():
        assert path.startswith(("usr/", "etc/"))
        assert (entry.uid, entry.gid) == (0, 0)
        assert entry.kind in (Kind.FILE, Kind.SYMLINK)


def test_what_runs_on_a_machine_loads_no_library_that_images_have_not() -> None:
    """Images have no cryptography: what needs it on the way to an answer fails there, and on no computer of ours."""
    allowed = {"adamant", "google", "grpc", "msgspec", "tuf", *sys.stdlib_module_names}
    for path, entry in ENTRIES.items():
        if path.startswith(house.PYTHON) and path.endswith(".py") and not path.endswith("_pb2.py"):
            for node in ast.parse(_text(entry)).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert {name.partition(".")[0] for name in names} <= allowed, path


def test_a_sealed_machine_has_no_message_bus_and_watches_its_button() -> None:
    def off(posture: Posture) -> set[str]:
        return {switch.unit for switch in house.switches(posture, []) if not switch.enable}

    assert off(Posture.SEALED) - off(Posture.GUARDED) == set(house.NO_BUS)
    sealed = {entry.path: entry for entry in house.house_files(Posture.SEALED, SLOT)}
    guarded = {entry.path for entry in house.house_files(Posture.GUARDED, SLOT)}
    (path,) = sealed.keys() - guarded
    assert "DeviceAllow=char-input r" in _text(sealed[path])


def test_two_calls_give_the_same_files() -> None:
    assert house.house_files(Posture.GUARDED, SLOT) == house.house_files(Posture.GUARDED, SLOT)


@pytest.mark.parametrize("name", sorted(UNITS))
def test_no_unit_of_ours_needs_a_shell(name: str) -> None:
    for line in _text(UNITS[name]).splitlines():
        if line.startswith("Exec"):
            program = line.partition("=")[2].lstrip("-+!:@").split()[0]
            assert program.startswith("/usr/")
            assert Path(program).name not in {"sh", "bash", "dash", "env", "busybox"}


def test_every_unit_that_we_start_can_be_enabled_or_is_required() -> None:
    for unit in house.STARTED:
        if unit in UNITS:
            assert "[Install]" in _text(UNITS[unit]), unit


def test_every_unit_of_ours_that_can_be_enabled_is_started() -> None:
    for posture, files in ((Posture.GUARDED, ENTRIES), (Posture.OPEN, OPEN)):
        units = [entry for path, entry in files.items() if path.startswith("usr/lib/systemd/system/")]
        mine = {e.path.rpartition("/")[2] for e in units if e.content is not None and b"\n[Install]\n" in e.content}
        assert mine <= {switch.unit for switch in house.switches(posture, {"systemd-timesyncd"}) if switch.enable}


def test_what_comes_later_is_wanted_by_a_target_of_ours() -> None:
    assert f"usr/lib/systemd/system/{house.LATER_TARGET}" in ENTRIES
    assert f"Unit={house.LATER_TARGET}\n" in _text(ENTRIES["usr/lib/systemd/system/adamant-later.timer"])
    assert not set(house.LATER) & (set(house.NOT_STARTED) | set(house.NO_LOGIN) | set(house.MASKED))


def test_what_the_first_coldplug_leaves_out_comes_in_the_second() -> None:
    first = _text(ENTRIES["usr/lib/systemd/system/systemd-udev-trigger.service.d/10-adamant.conf"])
    second = _text(ENTRIES["usr/lib/systemd/system/adamant-coldplug.service"])
    left = re.findall(r"--subsystem-nomatch=(\S+)", first)
    assert left
    assert left == re.findall(r"--subsystem-match=(\S+)", second)
    assert "adamant-coldplug.service" in _text(ENTRIES[f"usr/lib/systemd/system/{house.LATER_TARGET}"])


def test_no_unit_is_both_started_and_not() -> None:
    assert not set(house.STARTED) & (set(house.NOT_STARTED) | set(house.NO_LOGIN))


def test_a_guarded_machine_offers_no_shell_when_its_boot_fails() -> None:
    assert ENTRIES["etc/systemd/system/rescue.service"].target == "/dev/null"
    assert ENTRIES["etc/systemd/system/debug-shell.service"].target == "/dev/null"
    emergency = _text(UNITS["emergency.service"])
    assert "sulogin" not in emergency
    assert "SuccessAction=reboot" in emergency


def test_a_boot_of_an_open_machine_that_fails_starts_again_and_gives_no_shell() -> None:
    emergency = _text(OPEN["etc/systemd/system/emergency.service"])
    assert "sulogin" not in emergency
    assert "SuccessAction=reboot" in emergency
    assert not any("rescue" in path for path in OPEN)


def test_an_open_machine_has_a_login_and_no_partition_for_var() -> None:
    on = {switch.unit for switch in house.switches(Posture.OPEN, {"systemd-timesyncd"}) if switch.enable}
    guarded = {switch.unit for switch in house.switches(Posture.GUARDED, {"systemd-timesyncd"}) if switch.enable}
    assert on - guarded == {"adamant-sysusers.service", "getty@tty1.service", "ssh.service"}
    assert guarded - on == {"var.mount"}
    assert not any("var.mount" in path for path in OPEN)


def test_ssh_takes_keys_and_nothing_else() -> None:
    settings = _text(OPEN["etc/ssh/sshd_config.d/10-adamant.conf"]).splitlines()
    assert {
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
    } <= set(settings)
    # The first word on a subject counts, and packages' files come after ours.
    assert min(path for path in OPEN if path.startswith("etc/ssh/sshd_config.d/")).endswith("/10-adamant.conf")
    assert not any(path.startswith("etc/ssh") for path in ENTRIES)


def test_a_reset_of_the_root_starts_nothing_else() -> None:
    for name in ("adamant-reset-root.target", "adamant-reset-root.service"):
        assert "DefaultDependencies=no" in _text(OPEN[f"usr/lib/systemd/system/{name}"])
    target = _text(OPEN["usr/lib/systemd/system/adamant-reset-root.target"])
    assert re.findall(r"^(?:Wants|Requires|BindsTo)=(.*)$", target, re.MULTILINE) == ["adamant-reset-root.service"]
    service = _text(OPEN["usr/lib/systemd/system/adamant-reset-root.service"])
    assert "SuccessAction=reboot-force" in service
    assert "FailureAction=reboot-force" in service
    source = (Path(house.__file__).parents[1] / "image/init/init.c").read_text()
    assert '"--unit=adamant-reset-root.target"' in source


def test_root_and_the_initrd_know_the_same_folders_and_links() -> None:
    source = (Path(house.__file__).parents[1] / "image/init/mounts.c").read_text()
    folders = {f"/{name}" for name in re.findall(r'\{ "([a-z/]+)", 0?1?[0-7]{3,4} \}', source)}
    links = {f"/{name}": target for name, target in re.findall(r'\{ "([a-z]+)", "([a-z/]+)" \}', source)}
    assert folders | {"/lost+found"} == root.FOLDERS
    assert links | {"/lib64": "usr/lib64"} == root.LINKS
    assert f'"{root.REQUEST.removeprefix(root.KEPT)}"' in source
    assert f'#define KEPT "{root.KEPT}"' in source


def test_the_second_slot_is_as_large_as_the_first() -> None:
    assert f"SizeMinBytes={SLOT}\nSizeMaxBytes={SLOT}\n" in _text(ENTRIES["usr/lib/repart.d/30-usr-b.conf"])
    assert f"SizeMinBytes={verity_size(SLOT)}\n" in _text(ENTRIES["usr/lib/repart.d/31-usr-b-verity.conf"])


def test_partitions_are_made_in_the_order_of_the_disk() -> None:
    labels = [
        re.findall(r"^Label=(.*)$", _text(ENTRIES[path]), re.MULTILINE)[0]
        for path in sorted(ENTRIES)
        if path.startswith("usr/lib/repart.d/")
    ]
    assert labels == ["esp", "usr-a", "usr-a-verity", "usr-b", "usr-b-verity", "state", "var"]
    assert "usr/lib/repart.d/50-root.conf" in OPEN
    assert "usr/lib/repart.d/50-var.conf" not in OPEN


def test_a_machine_has_only_those_sources_that_the_agent_imports() -> None:
    paths = {path.removeprefix(house.PYTHON + "/") for path in ENTRIES if path.startswith(house.PYTHON)}
    assert {"__init__.py", "node/agent.py", "api/node_pb2.py", "core/limits.py"} <= paths
    rooms = {path.partition("/")[0] for path in paths if "/" in path}
    assert rooms == {"model", "core", "api", "node", "release"}
    # Keys are made, nodes are called and images are built elsewhere.
    assert not paths & {"api/pki.py", "api/client.py", "api/cluster.py", "node/house.py"}


def test_sources_of_a_machine_are_ours_byte_for_byte() -> None:
    source = Path(house.__file__).parents[1]
    for path, entry in ENTRIES.items():
        if path.startswith(house.PYTHON):
            assert entry.content == (source / path.removeprefix(house.PYTHON + "/")).read_bytes()


def test_nobody_is_asked_to_log_in_at_the_console() -> None:
    settings = _text(ENTRIES["usr/lib/systemd/logind.conf.d/10-adamant.conf"]).splitlines()
    assert {"NAutoVTs=0", "ReserveVT=0"} <= set(settings)
    paths = {entry.path for entry in house.house_files(Posture.OPEN, 1 << 30)}
    assert not any("logind.conf.d" in path for path in paths)


def test_the_agent_reads_one_device_writes_to_two_consoles_and_has_one_capability() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(_text(UNITS["adamant-agent.service"]))
    service = parser["Service"]
    assert service["CapabilityBoundingSet"] == "CAP_SYS_ADMIN"
    assert service["DevicePolicy"] == "closed"
    allowed = [line for line in _text(UNITS["adamant-agent.service"]).splitlines() if line.startswith("DeviceAllow=")]
    assert allowed == [f"DeviceAllow=/dev/{device}" for device in ("mapper/control rw", "console w", "tty1 w")]
    assert service["NoNewPrivileges"] == service["MemoryDenyWriteExecute"] == service["RestrictNamespaces"] == "yes"
    assert (service["ProtectSystem"], service["SystemCallFilter"]) == ("strict", "@system-service")


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == ADAMANT


def test_only_an_image_with_the_word_has_an_encrypted_disk() -> None:
    encrypted = {entry.path: entry for entry in house.house_files(Posture.GUARDED, SLOT, Encryption.TPM)}
    assert {path: encrypted[path] for path in ENTRIES} == ENTRIES
    assert {path.rpartition("/")[2] for path in set(encrypted) - set(ENTRIES)} == {
        "10-encryption.conf",
        "20-key.conf",
        "60-tpm-udev.rules",
        "adamant-encryption.socket",
        "adamant-encryption@.service",
        "adamant-open@.service",
        "encryption",
    }
    # Its wait ends as failed, which reboots; a shutdown that ends it does not.
    emergency = "etc/systemd/system/emergency.service"
    assert "SuccessAction=none" in _text(encrypted[f"{emergency}.d/10-encryption.conf"])
    assert "FailureAction=reboot-force" in _text(encrypted[emergency])
    assert "Encrypt=tpm2\n" in _text(encrypted["usr/lib/repart.d/50-var.conf.d/20-key.conf"])
    plain, more = (house.switches(Posture.GUARDED, {}, word) for word in (None, Encryption.TPM))
    assert {switch.unit for switch in more} - {switch.unit for switch in plain} == {"adamant-encryption.socket"}


@pytest.mark.parametrize("how", list(Encryption))
def test_an_image_says_what_gives_the_key_and_has_one_way_to_it(how: Encryption) -> None:
    servers = (TangServer("http://10.0.0.5", "a" * 43),) if how is Encryption.TANG else ()
    found = {entry.path: entry for entry in house.house_files(Posture.SEALED, SLOT, how, servers)}
    assert _text(found[encryption.FILE]) == f"{how.value}\n"
    for unit in ("adamant-open@.service", "adamant-repart.service"):
        texts = [_text(found[path]) for path in found if f"/{unit}" in path]
        used = [line for text in texts for line in text.splitlines() if line.startswith("ExecStart=")][-1]
        assert ("tpm2" in used, f"%d/{encryption.CREDENTIAL}" in used) == (
            how is Encryption.TPM,
            how is not Encryption.TPM,
        )
    kind = "tpm2" if how is Encryption.TPM else "key-file"
    for volume in ("40-state", "50-var"):
        assert f"Encrypt={kind}\n" in _text(found[f"usr/lib/repart.d/{volume}.conf.d/20-key.conf"])
    assert (encryption.SERVERS in found) == (how is Encryption.TANG)
