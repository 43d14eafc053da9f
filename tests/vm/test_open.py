"""A machine of the posture open, booted: what it lets people do, what it keeps, and the way back to its release."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adamant.core import places, proc
from adamant.image import gpt, project
from adamant.machine import console, qemu
from adamant.machine.machine import Machine, Machines
from adamant.packages import tools
from tests.image.conftest import adamant, require_program
from tests.vm.conftest import SECONDS, node

NAME = "opened"
DEFINITION = f"""\
kind: Image
name: {NAME}
version: "1"
profile: dev
posture: open
packages: [containerd, runc]
"""
PASSWORD = "swordfish"
HASH = "$6$adamant.test$NYM28qr3DOOkWa5Md.bNq7LRA/JjmDsxUZG498KG.MfTIxHUI4et4c5pg91Zf.9mfQzoFq3AU.R4l/WJUZI.d0"
CHANGES = r"""
set -e
echo hello > /etc/added.conf
echo '127.0.0.9 nine' >> /etc/hosts
rm /etc/issue
mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\nEnvironment=OPEN=yes\n' > /etc/systemd/system/ssh.service.d/10-own.conf
echo kept > /marker
mkdir -p /data /var/lib/etcd/member
echo kept > /data/file
echo kept > /var/lib/etcd/member/db
useradd -m hand
userdel irc
chattr +i /marker
sync
"""


@dataclass(frozen=True)
class Opened:
    """The machine, the folder of its definition, and how a person reaches it by SSH."""

    machine: Machine
    image: Path
    port: int
    key: Path

    def ssh(self, user: str, command: str, *options: str) -> proc.Result:
        words = [
            *("-i", str(self.key), "-p", str(self.port), "-o", "BatchMode=yes", "-o", "ConnectTimeout=60"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"),
            *("-o", "IdentitiesOnly=yes", *options, f"{user}@127.0.0.1", command),
        ]
        return proc.run("log in", ["ssh", "-F", "none", *words], check=False, seconds=300)

    def run(self, command: str) -> str:
        """What a command of root's says; mary may do all."""
        done = self.ssh("mary", f"sudo sh -c '{command}'")
        assert done.code == 0, done.stdout + done.stderr
        return done.stdout.decode()


def config(key: str, *, tom: bool) -> str:
    text = f"kind: Machine\nusers:\n  - {{name: mary, authorizedKeys: ['{key}'], groups: [sudo]}}\n"
    if tom:
        text += f"  - {{name: tom, authorizedKeys: ['{key}'], passwordHash: '{HASH}'}}\n"
    return text + 'files:\n  - {path: /etc/motd, content: "of the config\\n"}\n'


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    home = tmp_path_factory.mktemp("open")
    require_program("ssh", "openssh-client")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADAMANT_STATE", str(home / "state"))
        patch.setenv("ADAMANT_CONFIG", str(home / "config"))
        (home / "image").mkdir()
        (home / "image/adamant.yaml").write_text(DEFINITION)
        keygen = require_program("ssh-keygen", "openssh-client")
        proc.run("make a key", [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "mary", "-f", home / "key"])
        (home / "machine.yaml").write_text(config((home / "key.pub").read_text().strip(), tom=True))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ("--config", home / "machine.yaml", "--forward", f"{port}:22", "--seconds", str(SECONDS), "--json")
        adamant("up", home / "image", *options)
        machines = Machines(places.state() / "machines")
        yield Opened(machines.get(NAME), home / "image", port, home / "key")
        machines.delete(NAME, force=True)


def on(*arguments: str) -> Any:
    return node("-c", NAME, *arguments)


def until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"it never came to hold: {what}"
        time.sleep(1)


def test_a_person_logs_in_with_the_key_of_the_config_and_with_nothing_else(opened: Opened, tmp_path: Path) -> None:
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    assert opened.ssh("mary", "id -nG; pwd; echo $SHELL").stdout.split() == [
        *(b"mary", b"sudo", b"/var/home/mary", b"/bin/bash")
    ]
    assert opened.run("id -u").strip() == "0"
    # No method but a key is even offered, to nobody. Who fails has to wait before the next try (PerSourcePenalties).
    for user in ("mary", "tom", "root", "nobody-known"):
        until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
        refused = opened.ssh(user, "true", "-o", "PubkeyAuthentication=no", "-o", "LogLevel=INFO")
        assert refused.code == 255
        assert b"Permission denied (publickey)." in refused.stderr
    keygen = require_program("ssh-keygen", "openssh-client")
    proc.run("make a key", [keygen, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"])
    for key, user in ((tmp_path / "other", "mary"), (opened.key, "root")):
        until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
        refused = Opened(opened.machine, opened.image, opened.port, key).ssh(user, "true")
        assert (refused.code, b"Permission denied" in refused.stderr) == (255, True)
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)


def test_a_password_of_the_config_opens_the_console_and_not_ssh(opened: Opened) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SECONDS)
        line.connect(str(opened.machine.console_socket))
        line.sendall(b"\r")
        _expect(line, b"login: ")
        line.sendall(b"tom\r")
        _expect(line, b"Password: ")
        line.sendall(PASSWORD.encode() + b"\r")
        _expect(line, b"tom@")
        line.sendall(b"echo IS-$(id -un)\r")
        _expect(line, b"IS-tom")
        line.sendall(b"exit\r")


def _expect(line: socket.socket, words: bytes) -> None:
    seen = b""
    while words not in seen:
        more = line.recv(4096)
        assert more, seen
        seen += more


def test_the_root_is_on_disk_and_usr_cannot_be_written(opened: Opened) -> None:
    types = opened.run("findmnt -no FSTYPE / && findmnt -no FSTYPE /etc && findmnt -no FSTYPE /usr").split()
    assert types == ["ext4", "overlay", "erofs"]
    assert opened.ssh("mary", "sudo touch /usr/x").code != 0
    assert opened.ssh("mary", "sudo mount -o remount,rw /usr").code != 0
    assert int(opened.run("stat -f -c %b /")) * 4096 > 5 << 30, "root did not grow to the end of the disk"
    health = on("health")
    assert health["overall"] == "ok"
    names = {check["name"] for check in health["checks"]}
    assert {"root-writable", "etc-writable"} <= names
    assert not names & {"root-read-only", "etc-read-only", "var-writable"}


def test_a_module_loads_at_run_time(opened: Opened) -> None:
    opened.run("modprobe dummy")
    assert "dummy" in opened.run("lsmod")


def test_what_is_written_stays_and_drift_shows_it(opened: Opened) -> None:
    assert on("drift") == {"entries": [], "more": False, "none": ""}
    assert opened.run("cat /etc/motd") == "of the config\n"
    changed = proc.run("show a script", ["base64", "-w0"], stdin=CHANGES.encode()).stdout.decode()
    opened.run(f"echo {changed} | base64 -d | sh")
    boot = on("get", "boot")
    adamant("node", "-c", NAME, "reboot", "--timeout", str(SECONDS))
    assert on("get", "boot") != boot
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    assert opened.run("cat /etc/added.conf /marker /data/file").split() == ["hello", "kept", "kept"]
    assert "OPEN=yes" in opened.run("systemctl show -p Environment ssh.service")
    assert opened.run("id -un hand").strip() == "hand"
    assert opened.run("id -u irc").strip() == "39", "an account of the release is added to a list that lacks it"
    drift = on("drift", "--diff")
    assert {(entry["path"], entry["change"]) for entry in drift["entries"]} == {
        ("/etc/added.conf", "added"),
        ("/etc/systemd/system/ssh.service.d", "added"),
        ("/etc/systemd/system/ssh.service.d/10-own.conf", "added"),
        ("/etc/hosts", "changed"),
        ("/etc/issue", "removed"),
        *((f"/etc/{name}", "changed") for name in ("group", "gshadow", "passwd", "shadow", "subgid", "subuid")),
    }
    texts = {entry["path"]: entry for entry in drift["entries"]}
    assert "+127.0.0.9 nine" in texts["/etc/hosts"]["diff"]
    assert not texts["/etc/shadow"]["diff"]
    assert "hashes of passwords" in texts["/etc/shadow"]["refused"]


def test_a_user_goes_when_the_config_no_longer_names_it(opened: Opened, tmp_path: Path) -> None:
    assert opened.ssh("tom", "true").code == 0
    given = tmp_path / "machine.yaml"
    given.write_text(config(opened.key.with_suffix(".pub").read_text().strip(), tom=False))
    adamant("node", "-c", NAME, "apply", given)
    assert opened.ssh("tom", "true").code == 255
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    assert opened.ssh("mary", "id -u tom").code != 0
    assert opened.run("id -un hand").strip() == "hand", "a user that was made by hand stays"


def test_a_reset_brings_the_release_back_and_keeps_what_is_named(opened: Opened) -> None:
    keep = ("--keep", "/var/lib/etcd", "--keep", "/etc/added[.]conf")
    shown = on("reset", *keep, "--dry-run")
    assert set(shown["kept"]) == {"/var/lib/etcd", "/etc/added.conf"}
    going = {item["path"] for item in shown["items"]}
    assert {"/marker", "/data", "/etc/hosts", "/etc/issue", "/var/log"} <= going
    assert not {"/var", "/var/lib", "/var/lib/etcd"} & going
    adamant("node", "-c", NAME, "reset", *keep, "--yes", "--no-wait")
    # The power goes while it wipes, if it still does: the next boot goes on with it.
    until("it wipes", lambda: "reset: wiping /" in "\n".join(console.tail(opened.machine.console_log, 1 << 20)))
    Machines(places.state() / "machines").reset(NAME)

    def back() -> bool:
        done = adamant("node", "-c", NAME, "health", "--json", check=False)
        return done.returncode == 0 and json.loads(done.stdout)["overall"] == "ok"

    until("it is back", back)
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    assert [(entry["path"], entry["change"]) for entry in on("drift")["entries"]] == [("/etc/added.conf", "added")]
    assert opened.run("cat /etc/added.conf /var/lib/etcd/member/db").split() == ["hello", "kept"]
    assert opened.run("cat /etc/motd") == "of the config\n", "the config is no part of what is reset"
    for path in ("/marker", "/data", "/.adamant/asked/reset.json"):
        assert opened.ssh("mary", f"sudo test -e {path}").code == 1
    assert opened.ssh("mary", "id -u hand").code != 0
    assert opened.run("cat /etc/issue")


def test_a_damaged_root_is_mended_before_it_is_used_and_a_destroyed_one_starts_nothing(opened: Opened) -> None:
    machines = Machines(places.state() / "machines")
    tree = tools.open_tools(project.read_lock(project.read_project(opened.image)).tools, places.cache())
    disk = opened.machine.folder / qemu.DISK

    def says(words: str) -> bool:
        return words in "\n".join(console.tail(opened.machine.console_log, 1 << 20))

    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    opened.run("echo mine > /etc/mine; sync")
    machines.stop(NAME)
    fd = os.open(disk, os.O_RDONLY)
    try:
        table = gpt.decode(gpt.read_at(fd), disk.stat().st_size)
    finally:
        os.close(fd)
    (root,) = [placed for placed in table.partitions if placed.label == "root"]
    for change in ("set_super_value state 2", "set_super_value free_blocks_count 7"):
        argv = tree.argv("debugfs", "-w", "-R", change, f"{disk}?offset={root.offset}")
        proc.run("damage the file system", argv, environment=tree.environment)
    machines.start(NAME, tree, places.cache())
    until("it is mended", lambda: says("the root file system was damaged, and is mended"))
    until("SSH answers", lambda: opened.ssh("mary", "true").code == 0)
    assert opened.run("cat /etc/mine") == "mine\n"

    machines.stop(NAME)
    with disk.open("r+b") as out:
        out.seek(root.offset)
        out.write(b"\xaa" * (64 << 10))
    machines.start(NAME, tree, places.cache())
    until("it says why", lambda: says("the root file system is damaged, and cannot be mended without a person"))
    until("it tries again", lambda: says("this try has failed, rebooting"))
    assert not says("Welcome to")
