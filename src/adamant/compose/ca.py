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
_OPENSSL_DEFAULT = "usr/lib/ssl/cert.pem"
"""Where OpenSSL looks for a bundle when nothing is set (OPENSSLDIR/cert.pem)."""


def make(tree: Tree) -> list[Entry]:
    """The bundle, and OpenSSL's default name for it; nothing when the tree has no certificates."""
    wanted = [e for folder in _FOLDERS for e in entries.below(tree, folder, ".crt") if e.kind is Kind.FILE]
    if not wanted:
        return []
    parts: list[bytes] = []
    for entry in wanted:
        data = entries.read(entry)
        if b"-----BEGIN CERTIFICATE-----" not in data:
            raise InputError("certificate-malformed", f"/{entry.path} is not a certificate in PEM")
        parts.append(data if data.endswith(b"\n") else data + b"\n")
    made = [entries.file(BUNDLE, b"".join(parts))]
    if _OPENSSL_DEFAULT not in tree and "usr/lib/ssl" in tree:
        made.append(entries.link(_OPENSSL_DEFAULT, f"/{BUNDLE}"))
    return made
