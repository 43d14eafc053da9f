"""The keys of a repository's roles: Ed25519, in PEM files of one folder that stays with the person.

`root-1.key` to `root-N.key` sign the root and belong offline, each in another place; `targets.key` says which products
there are; `NAME.key` signs the releases of the product NAME; `online.key` signs the snapshot and the timestamp, and is
the one that a job which refreshes them may hold. A passphrase encrypts all files that one call makes.
"""

from collections.abc import Collection
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from adamant.core import files, limits
from adamant.model.errors import InputError

TARGETS = "targets"
ONLINE = "online"


def root_name(number: int) -> str:
    """Name of the root key `number`, counted from 1."""
    return f"root-{number}"


class Signers:
    """The folder of keys. Nothing of a key is ever in an error."""

    def __init__(self, folder: Path, passphrase: bytes | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase

    def make(self, name: str) -> CryptoSigner:
        """A new key in a file of its own (mode 0600). Raises InputError `file-exists` rather than replace one."""
        key = Ed25519PrivateKey.generate()
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if self._passphrase:
            how = serialization.BestAvailableEncryption(self._passphrase)
        data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_new(self.path(name), data, mode=0o600)
        return _signer(key)

    def load(self, name: str, allowed: Collection[str] | None = None) -> CryptoSigner:
        """The key of that name, whose id must be one of `allowed`: the new one of a replacement, once it counts.

        Raises InputError `repository-key` that says what is wrong, or what is missing.
        """
        key = self._read(name)
        if allowed is None or public(key).keyid in allowed:
            return key
        if self.path(_new(name)).exists():
            new = self._read(_new(name))
            if public(new).keyid in allowed:
                return new
        raise InputError(
            "repository-key",
            f"{name}.key is not a key that the repository knows for this",
            context=str(self.path(name)),
            hint="was it replaced, or is it that of another repository?",
        )

    def successor(self, name: str) -> CryptoSigner:
        """The key that is to replace the one of that name: a new one, or that of a replacement which was cut short."""
        return self._read(_new(name)) if self.path(_new(name)).exists() else self.make(_new(name))

    def succeed(self, name: str) -> None:
        """Put the successor in the place of the key, which is kept as NAME.old-N.key."""
        number = 1
        while self.path(f"{name}.old-{number}").exists():
            number += 1
        self.path(name).rename(self.path(f"{name}.old-{number}"))
        self.path(_new(name)).rename(self.path(name))
        files.sync_folder(self._folder)

    def _read(self, name: str) -> CryptoSigner:
        path = self.path(name)
        if not path.exists():
            raise InputError(
                "repository-key",
                f"there is no {path.name} in the folder of keys",
                context=str(self._folder),
                hint="name the folder that adamant repo init made with --keys; for this step this key is needed",
            )
        data = files.read_limited(path, limits.PEM_SIZE, "key of the repository")
        try:
            key = serialization.load_pem_private_key(data, self._passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            hint = "it is encrypted: put its passphrase into ADAMANT_REPO_PASSPHRASE" if b"ENCRYPTED" in data else ""
            raise InputError("repository-key", f"{path.name} cannot be read", context=str(path), hint=hint) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("repository-key", f"{path.name} is not an Ed25519 key", context=str(path))
        return _signer(key)

    def path(self, name: str) -> Path:
        """Where the key of that name lies."""
        return self._folder / f"{name}.key"

    def there(self) -> list[str]:
        """Names of the keys that the folder holds, without those that were replaced."""
        return sorted(path.stem for path in self._folder.glob("*.key") if "." not in path.stem)


def _new(name: str) -> str:
    return f"{name}.new"


def _signer(key: Ed25519PrivateKey) -> CryptoSigner:
    return CryptoSigner(key, SSlibKey.from_crypto(key.public_key()))


def public(signer: CryptoSigner) -> Key:
    """The public half, as the metadata of TUF holds it."""
    return signer.public_key
