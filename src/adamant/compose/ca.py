"""The bundle of CA certificates, as update-ca-certificates(8) makes it.

What stays true: the bytes are those of Debian's tool for the same package: all certificates of
usr/share/ca-certificates in the order of their paths, then those of usr/local/share/ca-certificates. The links by hash
are not made: OpenSSL, GnuTLS, Go and Python here all read the bundle. Imports model only (and `entries`).
"""

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.tree import Entry, Kind, Tree

BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_FOLDERS = ("usr/share/ca-certificates", "usr/local/share/ca-certificates")


def make(tree: Tree) -> list[Entry]:
    """The bundle; nothing when the tree has no certificates. Raises InputError (`certificate-malformed`)."""
    wanted = [e for folder in _FOLDERS for e in entries.below(tree, folder, ".crt") if e.kind is Kind.FILE]
    if not wanted:
        return []
    parts: list[bytes] = []
    for entry in wanted:
        data = entries.read(entry)
        if b"-----BEGIN CERTIFICATE-----" not in data:
            raise InputError("certificate-malformed", f"/{entry.path} is not a certificate in PEM")
        parts.append(data if data.endswith(b"\n") else data + b"\n")
    return [entries.file(BUNDLE, b"".join(parts))]
