"""Makes small kernels as a build leaves them: real keys, real signatures, modules that hold nothing."""

import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from adamant.kernel import artifact, signature
from adamant.kernel.artifact import About, Kernel, Made
from adamant.kernel.project import own_configs
from adamant.kernel.signature import MAGIC
from adamant.model.arch import Arch
from adamant.model.digest import Identity
from adamant.model.kernel import config, hardening
from adamant.model.kernel.definition import OwnKernel

RELEASE = "6.12.1-mine-1"
INPUTS = Identity("1" * 64)


class Signer:
    """A key of modules, and its certificate."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP384R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "key of a test")])
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        builder = builder.serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=36500))
        self.certificate = builder.sign(self.key, hashes.SHA512())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, module: bytes) -> bytes:
        """The module with its signature, as scripts/sign-file makes it."""
        options = [
            pkcs7.PKCS7Options.DetachedSignature,
            pkcs7.PKCS7Options.Binary,
            pkcs7.PKCS7Options.NoAttributes,
            pkcs7.PKCS7Options.NoCerts,
        ]
        builder = pkcs7.PKCS7SignatureBuilder().set_data(module)
        message = builder.add_signer(self.certificate, self.key, hashes.SHA512()).sign(
            serialization.Encoding.DER, options
        )
        return module + message + struct.pack(">BBBBB3xI", 0, 0, 2, 0, 0, len(message)) + MAGIC


def to_refuse(module: bytes, signer: Signer) -> dict[str, bytes]:
    """The signed `module` as its kernel must not take it: one bit turned, not signed, and signed by another key."""
    content = signature.read(module).content
    altered = bytearray(module)
    altered[len(content) // 2] ^= 1
    return {"altered": bytes(altered), "unsigned": content, "foreign": signer.sign(content)}


def finished_config(arch: Arch = Arch.AMD64) -> str:
    """A config as a build of Adamant's own would leave it: what is wanted, and what the table asks for."""
    options = {ask.option: ask.values[0] for ask in hardening.asks(arch) if not ask.off}
    options |= {option: value for option, (value, _) in config.merge(own_configs(arch)).items()}
    return "".join(f"{config.line(option, value)}\n" for option, value in options.items())


def made(folder: Path, signer: Signer, modules: dict[str, bytes], text: str | None = None) -> Made:
    """What a build leaves in the new folder `folder`."""
    home = folder / "root/lib/modules" / RELEASE
    home.mkdir(parents=True)
    for path, data in modules.items():
        place = home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    (home / "modules.order").write_text("".join(f"{path}\n" for path in modules))
    (home / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    (home / "build").symlink_to("/obj")
    (folder / "vmlinuz").write_bytes(b"MZ kernel")
    (folder / "config").write_text(text or finished_config())
    (folder / "signing.x509").write_bytes(signer.der)
    return Made(folder / "root", folder / "vmlinuz", folder / "config", folder / "signing.x509", b"{}\n")


def about(kernel: OwnKernel | None = None, inputs: Identity = INPUTS) -> About:
    """What a build knows of a kernel."""
    found = kernel or OwnKernel(name="mine", version="1")

    def sbom(release: str, licenses: Mapping[str, str]) -> bytes:
        return json.dumps([release, dict(licenses)]).encode()

    return About(found, "6.12.1-1", inputs, sbom, lambda _subjects: b"{}")


def make(folder: Path, signer: Signer | None = None, kernel: OwnKernel | None = None) -> Kernel:
    """A whole kernel in the new folder `folder`, with a module of Linux's and one of a person's own."""
    signer = signer or Signer()
    modules = {
        "kernel/net/bridge/bridge.ko": signer.sign(b"bridge"),
        "updates/greeting/greeting.ko": signer.sign(b"greeting"),
    }
    folder.mkdir(parents=True)
    work = folder.parent / f"{folder.name}.work"
    artifact.write(made(work, signer, modules), about(kernel), folder)
    return artifact.read(folder)
