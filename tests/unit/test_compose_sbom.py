"""SBOM and status: what scanners rely on, and no time in them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import sbom, status
from adamant.model.lock import Package

ONE = Package("libx", "1:2.0+b1", "amd64", "x", "1:2.0", "trixie", "pool/x.deb", 5, "a" * 64)
TWO = Package("y", "3", "all", "y", "3", "trixie", "pool/y.deb", 5, "b" * 64)


def test_the_order_of_packages_means_nothing_and_their_contents_do() -> None:
    assert sbom.make("web", "1", [ONE, TWO]) == sbom.make("web", "1", [TWO, ONE])
    names = {
        json.loads(sbom.make(n, v, p))["documentNamespace"]
        for n, v, p in (("web", "1", [ONE]), ("web", "2", [ONE]), ("db", "1", [ONE]), ("web", "1", [TWO]))
    }
    assert len(names) == 4


def test_each_binary_package_has_its_url_its_digest_and_its_source() -> None:
    document = json.loads(sbom.make("web", "1", [ONE, TWO]))
    packages = {p["SPDXID"]: p for p in document["packages"]}
    binary = next(p for p in packages.values() if p["name"] == "libx")
    assert binary["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    assert binary["externalRefs"][0]["referenceLocator"] == (
        "pkg:deb/debian/libx@1%3A2.0%2Bb1?arch=amd64&distro=debian-13&upstream=x%401%3A2.0"
    )
    source = next(r for r in document["relationships"] if r["spdxElementId"] == binary["SPDXID"])
    assert packages[source["relatedSpdxElement"]]["versionInfo"] == "1:2.0"
    assert document["creationInfo"]["created"] == "1970-01-01T00:00:00Z"


def test_a_kernel_that_is_no_package_stands_there_with_its_source() -> None:
    own = sbom.OwnKernel("6.12.1-mine-1", "d" * 64, "6.12.1-1")
    document = json.loads(sbom.make("web", "1", [ONE], own))
    packages = {p["SPDXID"]: p for p in document["packages"]}
    kernel = next(p for p in packages.values() if p["versionInfo"] == own.release)
    assert kernel["checksums"] == [{"algorithm": "SHA256", "checksumValue": own.digest}]
    relations = {
        (r["spdxElementId"], r["relationshipType"]): r["relatedSpdxElement"] for r in document["relationships"]
    }
    source = packages[relations[kernel["SPDXID"], "GENERATED_FROM"]]
    assert (source["name"], source["versionInfo"]) == ("linux", "6.12.1-1")
    assert source["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/debian/linux@6.12.1-1?arch=source")
    plain = json.loads(sbom.make("web", "1", [ONE]))
    assert plain["documentNamespace"] != document["documentNamespace"]
    assert kernel["SPDXID"] not in {p["SPDXID"] for p in plain["packages"]}


@given(st.lists(st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,8}", fullmatch=True), unique=True, max_size=8))
def test_no_two_elements_have_one_identifier(names: list[str]) -> None:
    packages = [Package(n, "1", "all", n, "1", "trixie", n, 1, "c" * 64) for n in names]
    document = json.loads(sbom.make("web", "1", packages))
    identifiers = [p["SPDXID"] for p in document["packages"]]
    assert len(set(identifiers)) == len(identifiers) == 1 + 2 * len(names)
    assert {r["relatedSpdxElement"] for r in document["relationships"]} <= set(identifiers)


def test_a_paragraph_of_the_status_starts_with_name_and_status_and_folds_lines() -> None:
    control = {"Version": "1", "Package": "x", "Description": "short\n long\n .\n end", "Status": "theirs"}
    assert status.paragraph(control).splitlines() == [
        "Package: x",
        "Status: install ok installed",
        "Version: 1",
        "Description: short",
        " long",
        " .",
        " end",
        "",
    ]
    assert status.paragraph({"Package": "x", "A": "b\n\nc"}).splitlines()[2:] == ["A: b", " .", " c", ""]
