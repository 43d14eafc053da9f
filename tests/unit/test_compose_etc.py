"""/etc, /var and their tables: complete before PID 1 starts, and nothing of one machine in them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import accounts, ca, entries, etc, nsswitch, pam, relocate, tmpfiles, var
from adamant.model.errors import AdamantError, InputError
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.scripts.effects import NssDatabase, NssService

PEOPLE = accounts.Accounts(
    {"root": accounts.User("root", 0, 0, "", "/root", "/bin/sh"), "web": accounts.User("web", 33, 33, "", "/", "")},
    {"root": accounts.Group("root", 0), "web": accounts.Group("web", 33)},
)


def reference(call: Callable[[], object]) -> str:
    """Reference of the error that a call ends with, or an empty text."""
    try:
        call()
    except AdamantError as error:
        return error.reference
    return ""


def tree(*made: Entry, **files: str) -> Tree:
    found = [*made, *(entries.file(path, text) for path, text in files.items())]
    return {entry.path: entry for entry in [*entries.parents({}, found), *found]}


def contents(made: list[Entry], path: str) -> str:
    return next((e.content or b"").decode() for e in made if e.path == path)


def test_the_machine_id_is_empty_and_there_is_no_host_name() -> None:
    made = etc.complete(tree())
    assert contents(made, "etc/machine-id") == ""
    assert "etc/hostname" not in {e.path for e in made}
    assert "etc/hostname" in etc.ABSENT


def test_what_a_package_or_a_person_has_stays() -> None:
    there = tree(
        entries.file("etc/hosts", "mine"),
        entries.file("etc/profile", "mine"),
        entries.file("usr/share/base-files/profile", "template"),
        entries.file("usr/share/libc-bin/nsswitch.conf", "template"),
    )
    made = {e.path: e for e in etc.complete(there)}
    assert "etc/hosts" not in made
    assert "etc/profile" not in made
    assert made["etc/nsswitch.conf"].sha256 == there["usr/share/libc-bin/nsswitch.conf"].sha256


def test_shells_are_those_that_are_there() -> None:
    there = tree(
        entries.file("usr/share/debianutils/shells", "# c\n/bin/sh\n"),
        entries.file("usr/bin/bash", "", 0o755),
        entries.link("bin", "usr/bin"),
    )
    assert contents(etc.complete(there, ["/bin/bash"]), "etc/shells").splitlines()[1:] == ["/bin/bash", "/usr/bin/bash"]


def test_os_release_names_the_image_and_keeps_what_debian_says_of_itself() -> None:
    there = tree(
        entries.file("usr/lib/os-release", 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nHOME_URL="x"\n')
    )
    found = etc.parse_os_release(contents(etc.os_release(there, etc.Release("web", "1.2~rc1")), "usr/lib/os-release"))
    assert found["ID"] == "adamant"
    assert found["ID_LIKE"] == "debian"
    assert (found["IMAGE_ID"], found["IMAGE_VERSION"], found["VERSION_ID"]) == ("web", "1.2~rc1", "1.2~rc1")
    assert found["VERSION_CODENAME"] == "trixie"
    assert "HOME_URL" not in found


@given(st.text(max_size=200))
def test_any_text_is_read_as_os_release(text: str) -> None:
    etc.parse_os_release(text)


@given(st.text(max_size=200))
def test_any_text_is_tmpfiles_lines_or_an_error(text: str) -> None:
    assert reference(lambda: tmpfiles.parse(text, "x.conf")) in {"", "line-malformed"}


def test_lines_for_etc_are_done_at_build_and_no_other() -> None:
    there = tree(entries.directory("etc/credstore"), entries.file("usr/share/a", "text", 0o600))
    text = (
        "d /etc/credstore 0700 root root\nL+ /etc/mtab - - - - ../proc/self/mounts\nf /etc/new 0640 root web - a\\nb\n"
        "C /etc/copy 0644 - - - /usr/share/a\nd /run/x 0755\nd /var/x\nf^ /etc/hosts - - - - credential\nd /etc/%m\n"
        "L? /etc/none - - - - /usr/share/none\n"
    )
    made = {e.path: e for e in tmpfiles.apply(there, tmpfiles.parse(text, "x"), PEOPLE)}
    assert sorted(made) == ["etc/copy", "etc/credstore", "etc/mtab", "etc/new"]
    assert made["etc/credstore"].mode == 0o700
    assert (made["etc/new"].mode, made["etc/new"].gid, made["etc/new"].content) == (0o640, 33, b"a\nb")
    assert made["etc/copy"].sha256 == there["usr/share/a"].sha256


def test_a_second_run_changes_nothing() -> None:
    lines = tmpfiles.parse("d /etc/a 0700 web web\nL /etc/b - - - - c\nz /etc/a 0750\n", "x")
    there = tree()
    there |= {e.path: e for e in tmpfiles.apply(there, lines[:2], PEOPLE)}
    assert tmpfiles.apply(there, lines[:2], PEOPLE) == []
    assert [e.mode for e in tmpfiles.apply(there, lines, PEOPLE)] == [0o750]


def test_an_unknown_owner_of_a_line_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        tmpfiles.apply(tree(), tmpfiles.parse("d /etc/a 0700 nobody-knows\n", "x"), PEOPLE)
    assert caught.value.reference == "account-unknown"
    assert caught.value.context == "x:1"


def test_folders_of_packages_below_var_are_made_at_boot_with_mode_and_owner() -> None:
    there = tree(
        entries.directory("var/lib/web app", 0o2750, uid=33, gid=33),
        entries.directory("var/lib/theirs"),
        entries.directory("var/lib/dpkg/info"),
        entries.file("var/lib/web app/seed", "x", 0o600),
        entries.link("var/spool/a", "../b"),
    )
    lines = tmpfiles.parse("d /var/lib/theirs 0700\nd /var/lib\n", "x")
    made = var.make(there, lines, ["d /var/lib/theirs 0755", "d /var/lib/own 0700 root root -"])
    conf = contents(made, var.CONF).splitlines()
    assert 'd "/var/lib/web app" 2750 33 33 -' in conf
    assert 'C "/var/lib/web app/seed" 0600 0 0 - /usr/share/factory/var/lib/web app/seed' in conf
    assert "L /var/spool/a - - - - ../b" in conf
    assert "d /var/lib/own 0700 root root -" in conf
    assert not any("theirs" in line or "dpkg" in line for line in conf)
    assert any(e.path == "usr/share/factory/var/lib/web app/seed" for e in made)
    for line in conf[1:]:
        tmpfiles.parse_line(line, "ours")


def test_a_folder_stands_before_what_is_in_it() -> None:
    conf = contents(var.make(tree(entries.directory("var/z/a"), entries.directory("var/z")), [], []), var.CONF)
    assert conf.index("/var/z ") < conf.index("/var/z/a ")


def test_the_usr_image_has_the_contents_of_usr_and_the_factory_etc() -> None:
    there = tree(
        entries.file("usr/bin/a", "x"),
        Entry("etc/b", Kind.HARDLINK, 0o644, target="etc/a"),
        entries.file("etc/a", "y"),
        entries.link("bin", "usr/bin"),
        entries.directory("srv"),
        entries.directory("var/lib/x"),
    )
    moved = relocate.relocate(there)
    assert sorted(p for p, e in moved.items() if e.kind is not Kind.DIRECTORY) == [
        "bin/a",
        "share/factory/etc/a",
        "share/factory/etc/b",
    ]
    assert moved["share/factory/etc/b"].target == "share/factory/etc/a"
    assert moved["share/factory"].kind is Kind.DIRECTORY
    assert all(path == entry.path for path, entry in moved.items())


@pytest.mark.parametrize("path", ["opt/x/bin", "srv/a", "boot/x", "lib/x.so"])
def test_a_file_elsewhere_is_an_error_that_names_it(path: str) -> None:
    with pytest.raises(AdamantError) as caught:
        relocate.relocate(tree(entries.file(path, "")))
    assert caught.value.reference == "path-outside"
    assert f"/{path}" in caught.value.context


DEFAULT = "passwd:         files\nhosts:          files dns\n"


def test_a_service_stands_where_its_package_asked_for() -> None:
    resolve = NssService("hosts", "resolve [!UNAVAIL=return]", "before", ("dns",))
    assert "hosts:          files resolve [!UNAVAIL=return] dns" in nsswitch.change(DEFAULT, [resolve])
    last = NssService("passwd", "systemd")
    assert nsswitch.change(DEFAULT, [last]).splitlines()[0] == "passwd:         files systemd"
    assert nsswitch.change(DEFAULT, [NssService("hosts", "mdns", "after", ("gone",))]) == DEFAULT
    assert nsswitch.change(DEFAULT, [NssService("hosts", "x", "first", (), ("dns",))]) == DEFAULT


@given(st.sampled_from(["first", "last", "before", "after"]), st.sampled_from(["dns", "files", "gone"]))
def test_a_service_stands_there_once(position: str, anchor: str) -> None:
    effects: list[NssService | NssDatabase] = [
        NssDatabase("sudoers"),
        NssService("hosts", "resolve [!UNAVAIL=return]", position, (anchor,)),
    ]
    once = nsswitch.change(DEFAULT, effects)
    assert nsswitch.change(once, effects) == once
    assert once.count("sudoers:") == 1


UNIX = """Name: Unix
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\tpam_unix.so nullok try_first_pass
Auth-Initial:
\t[success=end default=ignore]\tpam_unix.so nullok
Session-Type: Additional
Session:
\trequired\tpam_unix.so
"""
OTHER = UNIX.replace("Unix", "Other").replace("256", "300").replace("pam_unix", "pam_other")
TEMPLATE = "# top\n$auth_primary\nauth\trequisite\t\t\tpam_deny.so\n$auth_additional\n# end\n"


def test_a_profile_jumps_over_the_line_that_denies() -> None:
    profiles = pam.order({"unix": pam.parse(UNIX, "unix"), "other": pam.parse(OTHER, "other")})
    assert pam.render(TEMPLATE, "auth", profiles).splitlines() == [
        "# top",
        "auth\t[success=2 default=ignore]\tpam_other.so nullok",
        "auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass",
        "auth\trequisite\t\t\tpam_deny.so",
        "# end",
    ]


def test_without_a_profile_the_stack_denies_nothing_it_did_not_ask() -> None:
    assert "auth\t[default=1]\t\t\tpam_permit.so" in pam.render(TEMPLATE, "auth", [])


def test_profiles_that_are_off_or_in_conflict_stay_out() -> None:
    off = pam.parse(OTHER.replace("Default: yes", "Default: no"), "off")
    against = pam.parse(OTHER.replace("Priority: 300", "Priority: 1\nConflicts: unix"), "against")
    unix = pam.parse(UNIX, "unix")
    assert pam.order({"off": off, "against": against, "unix": unix}) == [unix]


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_an_error(text: str) -> None:
    assert reference(lambda: pam.order({"x": pam.parse(text, "x")})) in {"", "pam-profile-malformed"}


def certificate(letter: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{letter}\n-----END CERTIFICATE-----"


def test_the_bundle_has_the_certificates_in_the_order_of_their_paths() -> None:
    there = tree(
        entries.file("usr/share/ca-certificates/mozilla/b.crt", certificate("b") + "\n"),
        entries.file("usr/share/ca-certificates/mozilla/a.crt", certificate("a")),
        entries.file("usr/local/share/ca-certificates/own.crt", certificate("o") + "\n"),
    )
    bundle = contents(ca.make(there), ca.BUNDLE)
    assert bundle == "".join(certificate(letter) + "\n" for letter in "abo")


def test_a_file_that_is_no_certificate_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        ca.make(tree(entries.file("usr/local/share/ca-certificates/x.crt", b"\x30\x82")))
    assert caught.value.reference == "certificate-malformed"
