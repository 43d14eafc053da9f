"""The review: no script is skipped unseen, and a decision counts for exactly the lines it was made for."""

import json
from importlib import resources

import msgspec
import pytest
import yaml

from adamant.model.definition import AcceptedScript, Image, ScriptName
from adamant.model.errors import AdamantError
from adamant.model.lock import Package, Recording
from adamant.packages.layer import Layer
from adamant.packages.scripts import reviewed
from adamant.packages.scripts.effects import (
    Alternative,
    Capability,
    Copy,
    EnableUnit,
    File,
    Link,
    Mechanism,
    Mode,
    Nothing,
    Replaced,
    TmpfilesLine,
)
from adamant.packages.scripts.review import Basis, acceptance, require_reviewed, review
from adamant.packages.scripts.reviewed import Reviewed
from adamant.packages.scripts.snippets import parse_script

FOO = "#!/bin/sh\nset -e\ntouch /etc/foo\n"
FOO_HASH = parse_script(FOO).sha256
ENABLE = """#!/bin/sh
# Automatically added by dh_installsystemd/13.24.2
if [ "$1" = "configure" ]; then
	if deb-systemd-helper --quiet was-enabled 'a.service'; then
		deb-systemd-helper enable 'a.service' >/dev/null || true
	else
		deb-systemd-helper update-state 'a.service' >/dev/null || true
	fi
fi
# End automatically added section
"""


def layer(name: str, **scripts: str) -> Layer:
    package = Package(name, "1", "all", name, "1", "trixie", f"pool/{name}.deb", 1, "0" * 64)
    return Layer(package, [], {}, scripts, (), ())


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ScriptName, str], Reviewed]:
    """An empty table, to be filled."""
    entries: dict[tuple[str, ScriptName, str], Reviewed] = {}
    monkeypatch.setattr(reviewed, "reviewed", lambda: entries)
    return entries


def entry(package: str, sha256: str, **more: object) -> Reviewed:
    fields = {"package": package, "script": "postinst", "sha256": [sha256], "verdict": "nothing", "reason": "because"}
    return msgspec.convert(fields | more, Reviewed)


@pytest.mark.usefixtures("table")
def test_a_script_that_nobody_read_stops_the_build_and_names_both_ways_out() -> None:
    found = review([layer("foo", postinst=FOO), layer("bar", preinst="#!/bin/sh\nexit 0\n")])
    assert [(u.package, u.script, u.sha256, u.lines) for u in found.unreviewed] == [
        ("foo", ScriptName.POSTINST, FOO_HASH, ("touch /etc/foo",))
    ]
    with pytest.raises(AdamantError) as error:
        require_reviewed(found)
    assert error.value.reference == "script-unreviewed"
    assert "touch /etc/foo" in error.value.context
    assert FOO_HASH in error.value.hint
    assert "adamant lock --record foo" in error.value.hint


@pytest.mark.usefixtures("table")
def test_the_yaml_of_the_hint_accepts_the_script_once_it_stands_in_the_definition() -> None:
    layers = [layer("foo", postinst=FOO)]
    document = yaml.safe_load(acceptance(review(layers).unreviewed))
    image = msgspec.convert({"kind": "Image", "name": "x", "version": "1", "packages": ["foo"], **document}, Image)
    found = review(layers, image.scripts)
    require_reviewed(found)
    assert [d.basis for d in found.decisions] == [Basis.ACCEPTED]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "word",
    [
        AcceptedScript("foo", ScriptName.PREINST, FOO_HASH, "because"),
        AcceptedScript("bar", ScriptName.POSTINST, FOO_HASH, "because"),
        AcceptedScript("foo", ScriptName.POSTINST, "0" * 64, "because"),
    ],
)
def test_an_acceptance_counts_for_one_script_of_one_package_with_one_hash(word: AcceptedScript) -> None:
    assert len(review([layer("foo", postinst=FOO)], [word]).unreviewed) == 1


@pytest.mark.usefixtures("table")
def test_a_recording_counts_for_the_lines_it_was_made_of() -> None:
    record = Recording("foo", ScriptName.POSTINST, FOO_HASH, "")
    found = review([layer("foo", postinst=FOO)], (), [record])
    assert found.recordings == (record,)
    assert found.unreviewed == ()
    changed = review([layer("foo", postinst=FOO + "touch /etc/bar\n")], (), [record])
    assert changed.recordings == ()
    assert len(changed.unreviewed) == 1


def test_a_reviewed_script_has_the_effects_of_its_entry_after_those_that_are_generated(
    table: dict[tuple[str, ScriptName, str], Reviewed],
) -> None:
    text = ENABLE + "touch /etc/foo\n"
    sha256 = parse_script(text).sha256
    effect = {"kind": "file", "path": "/etc/foo", "content": ""}
    table["foo", ScriptName.POSTINST, sha256] = entry("foo", sha256, verdict="replaced", effects=[effect])
    found = review([layer("foo", postinst=text)])
    assert found.effects == {"foo": (EnableUnit("a.service"), File("/etc/foo", ""))}
    assert found.units == {"foo": (EnableUnit("a.service"),)}


def test_sections_that_do_not_run_at_an_installation_have_no_effect(
    table: dict[tuple[str, ScriptName, str], Reviewed],
) -> None:
    text = "#!/bin/sh\n[ -x /usr/bin/wget ] || exit 0\n" + ENABLE.partition("\n")[2]
    sha256 = parse_script(text).sha256
    table["foo", ScriptName.POSTINST, sha256] = entry("foo", sha256, skips_generated=True)
    found = review([layer("foo", postinst=text, preinst=ENABLE)])
    # those of the other script, which is generated as a whole, stay
    assert found.effects == {"foo": (EnableUnit("a.service"), Nothing("because"))}


def test_the_order_of_the_layers_does_not_matter(table: dict[tuple[str, ScriptName, str], Reviewed]) -> None:
    assert not table
    layers = [layer("b", postinst=ENABLE), layer("a", postinst=FOO), layer("c", preinst=FOO, postinst=ENABLE)]
    assert review(layers) == review(layers[::-1])


@pytest.mark.usefixtures("table")
def test_a_script_that_holds_control_characters_cannot_change_the_terminal() -> None:
    text = "#!/bin/sh\nreboot \x1b[2K\x1b[1A echo fine\n"
    with pytest.raises(AdamantError) as error:
        require_reviewed(review([layer("foo", postinst=text)]))
    assert "\x1b" not in str(error.value)
    assert "reboot" in str(error.value)


def test_each_kernel_is_reviewed_by_its_family() -> None:
    text = (
        "#!/bin/sh -e\nversion=6.12.999+deb13-amd64\nimage_path=/boot/vmlinuz-$version\n\n"
        'if [ "$1" = abort-upgrade ]; then\n    exit 0\nfi\n\nif [ "$1" = install ]; then\n'
        "    mkdir -p /lib/modules/$version\n    touch /lib/modules/$version/.fresh-install\nfi\n\n"
        'linux-run-hooks image preinst $version $image_path -- "$@"\nexit 0\n'
    )
    assert review([layer("linux-image-6.12.999+deb13-amd64", preinst=text)]).unreviewed == ()
    assert len(review([layer("linux-image-6.12.998+deb13-amd64", preinst=text)]).unreviewed) == 1
    assert len(review([layer("linux-image-6.12.999+deb13-amd64", preinst=text + "reboot\n")]).unreviewed) == 1


# The table itself


def test_the_table_is_valid_and_sorted() -> None:
    entries = list(reviewed.reviewed().values())
    assert entries
    order = [(e.package, e.script, e.sha256) for e in dict.fromkeys(entries)]
    assert order == sorted(order)


def test_an_entry_that_says_nothing_and_does_something_is_refused() -> None:
    def decode(**more: object) -> None:
        reviewed.decode(msgspec.json.encode({"script": [msgspec.to_builtins(entry("foo", FOO_HASH)) | more]}))

    decode()
    with pytest.raises(ValueError, match="nothing is to be done"):
        decode(mechanism=["kernel"])
    with pytest.raises(ValueError, match="replaced by what"):
        decode(verdict="replaced")
    with pytest.raises(ValueError, match="twice"):
        decode(sha256=[FOO_HASH, FOO_HASH])
    with pytest.raises(ValueError, match="unknown field"):
        decode(because="x")


def test_every_entry_has_a_reason_of_its_own_words() -> None:
    for found in reviewed.reviewed().values():
        assert len(found.reason) >= 10, found.package
        assert "to do" not in found.reason.lower()


def test_effects_stay_where_an_image_has_a_place_for_them() -> None:
    for found in reviewed.reviewed().values():
        for effect in found.effects:
            match effect:
                case TmpfilesLine(text=text):
                    assert text.split()[1].startswith(("/var/", "/run/", "/etc/")), found.package
                case Copy(target=path) | File(path=path) | Link(path=path) | Mode(path=path) | Capability(path=path):
                    assert path.startswith(("/etc/", "/usr/")), (found.package, path)
                    assert not path.startswith(("/usr/local/", "/etc/alternatives/")), (found.package, path)
                case Alternative(link=link, path=path):
                    assert link.startswith(("/usr/", "/etc/")), found.package
                    assert path.startswith("/usr/"), found.package
                case Replaced() | Nothing():
                    pytest.fail(f"{found.package}: the verdict says so already")


def test_setuid_and_capabilities_are_only_those_that_were_decided_on() -> None:
    """What gives rights stands here a second time, so that a slip in the table is seen."""
    rights = {
        effect.path
        for found in reviewed.reviewed().values()
        for effect in found.effects
        if isinstance(effect, Capability) or (isinstance(effect, Mode) and int(effect.mode, 8) & 0o6000)
    }
    assert rights == {
        "/usr/bin/arping",
        "/usr/bin/crontab",
        "/usr/bin/fusermount3",
        "/usr/bin/mtr-packet",
        "/usr/bin/ssh-agent",
        "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
        "/usr/lib/polkit-1/polkit-agent-helper-1",
        "/usr/libexec/sssd/krb5_child",
        "/usr/libexec/sssd/ldap_child",
        "/usr/libexec/sssd/selinux_child",
        "/usr/libexec/sssd/sssd_pam",
        "/usr/sbin/lldpcli",
    }


def test_a_capability_is_written_as_the_kernel_reads_it() -> None:
    name, value = Capability("/usr/bin/x", ("cap_net_raw",)).xattr()
    assert name == "security.capability"
    assert value.hex() == "0100000200200000000000000000000000000000"
    both = Capability("/usr/bin/x", ("cap_setuid", "cap_setgid", "cap_bpf"), effective=False).xattr()[1]
    assert both.hex() == "00000002c0000000000000008000000000000000"


def test_the_file_of_the_table_is_written_as_it_is_formatted() -> None:
    """One key a line, so that a change of one entry is a change of a few lines."""
    text = resources.files("adamant.packages.scripts").joinpath("data/reviewed.json").read_text()
    assert len(text.splitlines()) > 5 * len(json.loads(text)["script"])


def test_what_replaces_a_script_stands_before_its_further_effects() -> None:
    link = {"kind": "link", "path": "/etc/x", "target": "y"}
    found = reviewed.effects(entry("foo", FOO_HASH, verdict="replaced", mechanism=["kernel"], effects=[link]))
    assert found == (Replaced(Mechanism.KERNEL, "because"), Link("/etc/x", "y"))
    assert reviewed.effects(entry("foo", FOO_HASH)) == (Nothing("because"),)
