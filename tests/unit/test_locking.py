"""Locks: what is asked for has an identity, what differs is said, and nothing of a mirror is in one."""

from pathlib import Path
from typing import Any

import msgspec

from adamant.model.arch import Arch
from adamant.model.definition import Base, Disk, Image, Kernel, KernelFlavour, ScriptName
from adamant.model.encryption import Encryption
from adamant.model.lock import Lock, Package, PackageSet, Recording, Release, decode, encode
from adamant.model.posture import Posture
from adamant.node import house
from adamant.packages import base, lock
from adamant.packages.apt import configuration, shipped_keys, sources, status
from adamant.packages.mirror import Mirror

IMAGE = Image(name="example", version="1", packages=("containerd", "runc"))


def package(name: str, version: str = "1", digest: str = "0") -> Package:
    return Package(name, version, "amd64", name, version, "trixie", f"pool/{name}.deb", 1, digest * 64)


def a_lock(*packages: Package, image: Image = IMAGE, release: str = "1", host: Arch | None = None) -> Lock:
    arch = host or lock.this_arch()
    return Lock(
        image=PackageSet(image.arch, lock.request_identity(image), (Release("trixie", release * 64),), tuple(packages)),
        tools=PackageSet(arch, lock.tools_identity(arch, image), (), ()),
    )


def changed(**fields: Any) -> Image:
    return msgspec.structs.replace(IMAGE, **fields)


def test_a_lock_answers_to_its_own_definition() -> None:
    assert lock.is_stale(a_lock(), IMAGE) == []
    assert lock.is_stale(decode(encode(a_lock())), IMAGE) == []


def test_what_does_not_touch_the_solve_keeps_the_lock() -> None:
    for same in (
        changed(version="2"),
        changed(packages=("runc", "containerd")),
        changed(base=Base(snapshot=True)),
        changed(packages=("runc", "containerd", "systemd")),  # it is in the base anyway
    ):
        assert lock.is_stale(a_lock(), same) == []


def test_what_touches_the_solve_makes_the_lock_stale_and_says_how() -> None:
    assert "nftables" in lock.is_stale(a_lock(), changed(packages=("containerd", "nftables", "runc")))[0]
    assert "arm64" in lock.is_stale(a_lock(), changed(arch=Arch.ARM64))[0]
    for other in (
        changed(packages=("runc",)),
        changed(base=Base(pockets=())),
        changed(base=Base(pins=True)),
        changed(kernel=Kernel(flavour=KernelFlavour.GENERIC)),
    ):
        assert lock.is_stale(a_lock(), other)


def test_a_lock_with_tools_for_another_computer_is_stale() -> None:
    other = next(a for a in Arch if a != lock.this_arch())
    assert "tools" in lock.is_stale(a_lock(host=other), IMAGE)[0]


def test_a_difference_names_each_change_once() -> None:
    old = a_lock(package("a"), package("b"), package("c"))
    new = a_lock(package("a"), package("b", "2"), package("d"), release="2")
    found = [(c.name, c.kind, c.old, c.new, c.release) for c in lock.difference(old, new)]
    assert found == [
        ("trixie", lock.ChangeKind.CHANGED, "1" * 64, "2" * 64, True),
        ("b", lock.ChangeKind.CHANGED, "1", "2", False),
        ("c", lock.ChangeKind.REMOVED, "1", "", False),
        ("d", lock.ChangeKind.ADDED, "", "1", False),
    ]
    assert lock.difference(old, old) == []


def test_other_bytes_under_the_same_version_are_a_change() -> None:
    (change,) = lock.difference(a_lock(package("a", digest="1")), a_lock(package("a", digest="2")))
    assert change.kind == lock.ChangeKind.CHANGED
    assert "1" * 64 in change.old
    assert "2" * 64 in change.new


def test_recordings_stay_with_their_package() -> None:
    kept = Recording("a", ScriptName.POSTINST, "0" * 64, "")
    gone = Recording("z", ScriptName.POSTINST, "0" * 64, "")
    assert lock.recordings_of((package("a"),), (kept, gone)) == (kept,)


def test_names_of_the_tables_are_disjoint_where_they_must_be() -> None:
    for host in Arch:
        for target in Arch:
            assert not set(base.TARGET_FILES) & set(base.tools_request(host, target))
    assert not set(base.PROVIDED) & set(base.BASE)
    assert {(a, f) for a in Arch for f in KernelFlavour} == set(base.KERNELS)
    for table in (base.BASE, base.TOOLS, base.PROVIDED, base.TARGET_FILES):
        assert all(len(reason) > 3 for reason in table.values())


def test_the_configuration_has_the_last_word_on_every_check(tmp_path: Path) -> None:
    text = configuration(tmp_path, Arch.ARM64, Base())
    for line in (
        'Acquire::Check-Valid-Until "true";',
        'Acquire::Check-Date "true";',
        'Acquire::AllowInsecureRepositories "false";',
        'Acquire::AllowWeakRepositories "false";',
        'APT::Get::AllowUnauthenticated "false";',
        "#clear APT::Update::Post-Invoke-Success;",
        'APT::Architecture "arm64";',
    ):
        assert line in text.splitlines()
    assert 'Acquire::Check-Valid-Until "false";' in configuration(tmp_path, Arch.ARM64, Base(snapshot=True))
    assert "Dir::Etc::preferencesparts" not in configuration(tmp_path, Arch.ARM64, Base(pins=True))


def test_sources_use_the_security_archive_for_its_suite_only() -> None:
    mirror = Mirror("http://a/debian/", "http://b/security/")
    assert sources(Arch.AMD64, ["trixie", "trixie-updates", "trixie-security"], mirror).splitlines() == [
        "deb [arch=amd64 target=Packages] http://a/debian/ trixie main",
        "deb [arch=amd64 target=Packages] http://a/debian/ trixie-updates main",
        "deb [arch=amd64 target=Packages] http://b/security/ trixie-security main",
    ]


def test_the_keys_of_debian_13_come_with_the_product() -> None:
    keys = shipped_keys()
    assert len(keys) == 3
    assert all(data.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") for data in keys.values())


def test_the_status_is_one_paragraph_that_provides_what_adamant_does() -> None:
    assert status().count("Package:") == 1
    for name in base.PROVIDED:
        assert name in status()


def test_a_package_that_does_the_same_takes_the_place_of_one_of_the_base() -> None:
    plain = Image(name="a", version="1", packages=("containerd",))
    other = Image(name="a", version="1", packages=("chrony", "containerd"))
    assert "systemd-timesyncd" in base.image_request(plain)
    assert "systemd-timesyncd" not in base.image_request(other)
    assert "systemd-timesyncd.service" not in {s.unit for s in house.switches(Posture.GUARDED, other.packages)}


def test_libraries_for_a_tpm_are_in_images_whose_disk_one_opens() -> None:
    plain, *others = (set(base.image_request(changed(disk=Disk(encryption=how)))) for how in (None, *Encryption))
    tpm, credential, tang = others
    assert credential == tang == {*plain, *base.ENCRYPTED}
    assert tpm - credential == {*base.TPM_LIBRARIES}


def test_the_posture_alone_says_what_is_in_the_base() -> None:
    guarded, opened = (set(base.image_request(changed(posture=p))) for p in (Posture.GUARDED, Posture.OPEN))
    assert opened - guarded == {*base.ROOT_ON_DISK, *base.HOST_SHELL}
    assert {"openssh-server", "bash", "dash", "login", "sudo", "e2fsck-static"} <= opened - guarded
    assert guarded <= opened
    assert lock.is_stale(a_lock(), changed(posture=Posture.OPEN)), "another posture needs another lock"
