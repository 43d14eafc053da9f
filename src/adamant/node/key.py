"""Keys that a machine makes itself, by OpenSSL's program: EC P-256, PEM.

Rare work, in processes that end: no cryptographic library is loaded into the agent (docs/adr/0010). A key is handed to
the program on its standard input and never stands in a file that the program wrote, in an argument, or in the
environment.
"""

from adamant.core import limits, proc

_SUBJECT = "/CN=adamant"


def make() -> bytes:
    """A new private key."""
    return _openssl("make a key", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"")


def request(key: bytes) -> bytes:
    """A request for a certificate (PKCS #10) for the key. It names nobody: who a node is, is for the CA to say."""
    return _openssl("make a request for a certificate", ["req", "-new", *_with_stdin()], key)


def self_signed(key: bytes) -> bytes:
    """A certificate for the key by itself. Whoever sees it knows nothing but the key."""
    extensions = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:adamant"]
    days = ["-days", "36500"]
    return _openssl("make a certificate", ["req", "-x509", *days, *extensions, *_with_stdin()], key)


def _with_stdin() -> list[str]:
    return ["-batch", "-config", "/dev/null", "-sha256", "-subj", _SUBJECT, "-key", "/dev/stdin"]


def _openssl(purpose: str, arguments: list[str], stdin: bytes) -> bytes:
    return proc.run(purpose, ["openssl", *arguments], stdin=stdin, seconds=limits.KEY_SECONDS).stdout
