"""What apt prints: each failure is its own error, and packages are read whole or not at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError
from adamant.packages import complaint, records

DIGEST = "a" * 64


@pytest.mark.parametrize(
    ("said", "kind", "reference"),
    [
        ("E: The repository 'MIRROR trixie InRelease' is not signed.", VerificationError, "release-not-signed"),
        ("W: GPG error: The following signatures were invalid: BADSIG 1", VerificationError, "release-not-signed"),
        ("E: Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)", VerificationError,
         "release-not-signed"),
        ("Sub-process /usr/bin/sqv returned an error code (1), error message is: Missing key", VerificationError,
         "release-not-signed"),
        ("E: Release file for MIRROR is expired (invalid since 3d 1h). Updates will not be applied.",
         VerificationError, "release-expired"),
        ("E: Release file for MIRROR is not valid yet (invalid for another 3h).", VerificationError,
         "release-from-future"),
        ("E: Failed to fetch MIRROR  Could not resolve 'MIRROR'", UnreachableError, "mirror-unreachable"),
        ("E: Failed to fetch MIRROR  Could not connect to MIRROR", UnreachableError, "mirror-unreachable"),
        ("E: Failed to fetch MIRROR  Connection timed out", UnreachableError, "mirror-unreachable"),
        ("E: Failed to fetch MIRROR  503  Service Unavailable", UnreachableError, "mirror-unreachable"),
        ("E: Failed to fetch MIRROR  Hash Sum mismatch", VerificationError, "index-hash-mismatch"),
        ("E: Failed to fetch MIRROR  File has unexpected size (1 != 2). Mirror sync in progress?", VerificationError,
         "index-hash-mismatch"),
        ("E: The repository 'MIRROR nosuite Release' does not have a Release file.", InputError, "suite-missing"),
        ("E: Could not get lock P. It is held by process 1", BusyError, "locked"),
        ("E: Write error - write (28: No space left on device)", AdamantError, "disk-full"),
        ("E: something new", AdamantError, "apt-failed"),
        ("", AdamantError, "apt-failed"),
    ],
)  # fmt: skip
def test_a_failed_update_is_told_apart(said: str, kind: type[AdamantError], reference: str) -> None:
    error = complaint.of_update(said)
    assert (type(error), error.reference) == (kind, reference)
    assert error.hint or reference == "apt-failed"


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("E: Unable to locate package nosuch", "package-missing"),
        ("E: Version '5' for 'nosuch' was not found", "package-missing"),
        ("E: Package 'nosuch' has no installation candidate", "package-missing"),
        ("The following packages have unmet dependencies:\n nosuch : Conflicts: b\nE: Unable to correct problems, you "
         "have held broken packages.", "set-unsatisfiable"),
    ],
)  # fmt: skip
def test_a_failed_solve_names_the_package(said: str, reference: str) -> None:
    error = complaint.of_solve(said)
    assert error.reference == reference
    assert "nosuch" in f"{error.message}{error.context}"


def test_an_unsatisfiable_set_keeps_apts_reasons_and_drops_its_talk() -> None:
    error = complaint.of_solve(
        "Reading package lists...\nThe following packages have unmet dependencies:\n a : Conflicts: b\n\nE: broken"
    )
    assert "a : Conflicts: b" in error.context
    assert "Reading package lists" not in error.context


PATHS = {"pool/main/g/g++/g++_1_amd64.deb": "g++ 1", "pool/main/m/mawk/mawk_1_amd64.deb": "mawk 1"}


def test_a_package_that_is_gone_is_named_with_both_ways_out() -> None:
    said = (
        "Get:1 MIRROR/pool/main/m/mawk/mawk_1_amd64.deb\n"
        "E: Failed to fetch MIRROR/pool/main/g/g++/g++_1_amd64.deb  404  Not Found"
    )
    error = complaint.of_fetch(said, PATHS)
    assert error.reference == "package-gone"
    assert "g++ 1" in error.message
    assert "mawk" not in error.message
    assert "snapshot" in error.hint
    assert "adamant lock" in error.hint


@pytest.mark.parametrize(
    ("said", "kind", "reference"),
    [
        ("Hash Sum mismatch", VerificationError, "package-hash-mismatch"),
        ("File has unexpected size (1 != 2)", VerificationError, "package-hash-mismatch"),
        ("Could not resolve 'MIRROR'", UnreachableError, "mirror-unreachable"),
        ("404  Not Found", AdamantError, "package-gone"),
        ("File not found - /x (2: No such file or directory)", AdamantError, "package-gone"),
        ("No space left on device", AdamantError, "disk-full"),
        ("strange", AdamantError, "apt-failed"),
    ],
)
def test_a_failed_download_is_told_apart(said: str, kind: type[AdamantError], reference: str) -> None:
    error = complaint.of_fetch(f"E: Failed to fetch MIRROR/pool/main/m/mawk/mawk_1_amd64.deb  {said}", PATHS)
    assert (type(error), error.reference) == (kind, reference)


@given(st.text())
def test_whatever_apt_says_is_an_error_of_ours(text: str) -> None:
    for error in (complaint.of_update(text), complaint.of_solve(text), complaint.of_fetch(text, PATHS)):
        assert len(error.context) <= 4100
        assert error.reference


RECORD = f"""\
Package: libc6
Source: glibc (2.41-12)
Version: 2.41-12+b1
Architecture: amd64
Filename: pool/main/g/glibc/libc6_2.41-12+b1_amd64.deb
Size: 12
SHA256: {DIGEST}
Description: a library
 Package: not a field
"""


def test_a_binary_rebuild_keeps_its_sources_version() -> None:
    package = records.package_of(records.parse_records(RECORD)[0], "trixie")
    assert (package.source, package.source_version, package.version) == ("glibc", "2.41-12", "2.41-12+b1")
    assert (package.name, package.size, package.sha256, package.suite) == ("libc6", 12, DIGEST, "trixie")


def test_without_a_source_field_the_package_is_its_own_source() -> None:
    package = records.package_of(records.parse_records(RECORD.replace("Source: glibc (2.41-12)\n", ""))[0], "trixie")
    assert (package.source, package.source_version) == ("libc6", "2.41-12+b1")


@pytest.mark.parametrize("field", ["Version", "Architecture", "Filename", "Size", "SHA256"])
def test_a_record_that_lacks_a_field_is_refused(field: str) -> None:
    text = "\n".join(line for line in RECORD.split("\n") if not line.startswith(f"{field}:"))
    with pytest.raises(VerificationError):
        records.package_of(records.parse_records(text)[0], "trixie")


@pytest.mark.parametrize(
    ("old", "new"),
    [("pool/", "../pool/"), ("pool/", "/pool/"), ("Size: 12", "Size: -1"), ("Size: 12", "Size: x"), (DIGEST, "A" * 64)],
)
def test_a_record_with_a_hostile_field_is_refused(old: str, new: str) -> None:
    with pytest.raises(VerificationError):
        records.package_of(records.parse_records(RECORD.replace(old, new))[0], "trixie")


@given(st.text())
def test_any_index_gives_packages_or_an_error(text: str) -> None:
    for record in records.parse_records(text):
        try:
            records.package_of(record, "trixie")
        except VerificationError:
            continue


def test_epoch_and_plus_are_read_from_apts_escapes() -> None:
    line = "'http://m/debian/pool/main/g/g%2b%2b/g%2b%2b_14_amd64.deb' g++_4%3a14_amd64.deb 1 SHA256:0\n"
    (one,) = records.parse_uris(f"NOTE: talk\n{line}")
    assert (one.name, one.version) == ("g++", "4:14")


@given(st.text())
def test_any_list_of_uris_is_read_or_refused(text: str) -> None:
    with suppress(AdamantError):
        assert all(one.name and one.version and one.uri for one in records.parse_uris(text))


def test_providers_are_read_once_each() -> None:
    text = "Package: mta\nVersions: \n\nReverse Provides: \npostfix 2 (= )\npostfix 1 (= )\ndma 1 (= )\nPackage: x\n"
    assert records.parse_providers(text) == {"mta": ["postfix", "dma"]}
