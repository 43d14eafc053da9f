"""What a firmware is told: the owner's keys at the first boot, and later signed changes of them.

A folder of keys (`image.keys`) gets folders of variables, `variables` and `variables-2` and so on after rotations: PK,
KEK and db, each as `.auth` (what a firmware in setup mode enrols), `.esl` (signature lists) and, for what is one
certificate, `.der`: what clouds take. Changes stand in `updates`, one file each. All is signed by files of the folder;
nothing is ever overwritten. Imports model and core.
"""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adamant.core import files, limits, pe, pkcs7, variable_change
from adamant.core.source import open_source
from adamant.image import keys
from adamant.model import authenticated_variable, measured, signature_list
from adamant.model.authenticated_variable import Change, Variable
from adamant.model.definition import KeyPair
from adamant.model.digest import Sha256
from adamant.model.errors import InputError
from adamant.model.measured import MeasuredKeys
from adamant.model.signature_list import Signature

VARIABLES = "variables"
UPDATES = "updates"
ENROLLED = (Variable.PK, Variable.KEK, Variable.DB)
_PURPOSES = {Variable.PK: keys.PLATFORM, Variable.KEK: keys.EXCHANGE}
_NUMBERED = re.compile(rf"{keys.SECURE_BOOT}(?:-(?P<number>[0-9]+))?\.crt")


def make_variables(folder: Path, now: datetime.datetime, also: Sequence[Path] = ()) -> list[Path]:
    """Write the variables that trust the folder's Secure Boot certificates, and those in the files `also`.

    `now` (with a time zone) is the time in them: a later one replaces an earlier one. Equal keys and times give equal
    bytes. Returns the files written, in a folder that was not there. Raises as `keys.load_pair`, and InputError
    certificate-malformed.
    """
    mine = [keys.read_certificate(path) for path in _certificates(folder)]
    trusted = [certificate.public_bytes(Encoding.DER) for certificate in mine] + [_foreign(path) for path in also]
    return _write_variables(folder, now, trusted)


def _write_variables(folder: Path, now: datetime.datetime, trusted: Sequence[bytes]) -> list[Path]:
    """Write the variables of a db with the certificates `trusted` (DER), in their order."""
    found: dict[str, bytes] = {}
    for variable in ENROLLED:
        certificates = trusted if variable is Variable.DB else [_own(folder, variable).public_bytes(Encoding.DER)]
        payload = signature_list.encode([signature_list.certificate(der) for der in certificates])
        found[f"{variable.value}.auth"] = _signed(folder, variable, now, payload, append=False)
        found[f"{variable.value}.esl"] = payload
        if len(certificates) == 1:
            found[f"{variable.value}.der"] = certificates[0]
    out = next(place for place in _places(folder / VARIABLES) if not place.exists())
    out.mkdir()
    for name, data in found.items():
        files.write_new(out / name, data)
    return [out / name for name in found]


def rotate(folder: Path, product: str, now: datetime.datetime) -> list[Path]:
    """Make a new Secure Boot pair and the change that adds its certificate to db, signed by KEK.

    The pair before stays as it is, and trusted. Returns the files written: the pair, the change, and variables for new
    machines, which have in db what a machine has that got the change: all that was trusted, then the new one.
    """
    known = _known(folder)
    number = max(_numbers(folder), default=0) + 1
    name = f"{keys.SECURE_BOOT}-{number}"
    made = keys.make_keys(folder, product, now, {name: f"{keys.PURPOSES[keys.SECURE_BOOT]} {number}"})
    der = keys.read_certificate(keys.certificate_path(folder, name)).public_bytes(Encoding.DER)
    change = _add(folder, Variable.DB, now, [signature_list.certificate(der)])
    variables = _write_variables(folder, now, [*known, der]) if known else make_variables(folder, now)
    return [*made, change, *variables]


def revoke(folder: Path, ukis: Sequence[Path], now: datetime.datetime) -> Path:
    """Write the change that adds the UKIs (or outputs of builds, folders that hold one) to dbx, signed by KEK.

    Raises InputError not-a-uki: releases are revoked, and boot loaders with the key that has signed them (`retire`).
    """
    return _add(folder, Variable.DBX, now, [signature_list.program(bytes.fromhex(_uki_digest(path))) for path in ukis])


def retire(folder: Path, now: datetime.datetime) -> list[Path]:
    """Make the change by which firmware refuses all that the folder's Secure Boot keys but the newest have signed.

    It adds their certificates to dbx, which counts more than db, and is signed by KEK. Returns the files written: the
    change, and variables for new machines, whose db has the newest key and what others' certificates were trusted.
    Raises InputError key-is-the-only-one.
    """
    *old, newest = (keys.read_certificate(path).public_bytes(Encoding.DER) for path in _certificates(folder))
    if not old:
        raise InputError(
            "key-is-the-only-one",
            f"{folder} has one Secure Boot key: without it, machines would start nothing",
            hint="make a newer one with adamant keys rotate, and have a release bring it to the machines first",
        )
    others = [der for der in _known(folder) if der not in {*old, newest}]
    change = _add(folder, Variable.DBX, now, [signature_list.certificate(der) for der in old])
    return [change, *_write_variables(folder, now, [newest, *others])]


def read_enrolled(folder: Path, trusted: Path | None) -> dict[str, bytes]:
    """PK.auth, KEK.auth and db.auth of a folder of variables, by name, for an image signed by the pair of `trusted`.

    Raises InputError enrolment-unsigned, enrolment-untrusted when a machine with these keys would not start the image,
    and what reading raises.
    """
    if trusted is None:
        raise InputError(
            "enrolment-unsigned",
            "an image that enrols keys must be signed, or its machine never starts again",
            context="$.secureBoot.enroll",
            hint="name a pair under signing.secureBoot",
        )
    found = {f"{variable.value}.auth": _read(folder / f"{variable.value}.auth") for variable in ENROLLED}
    owner, exchange, db = (_payload(found, variable) for variable in ENROLLED)
    for variable, signers in ((Variable.PK, owner), (Variable.KEK, owner), (Variable.DB, exchange)):
        variable_change.verify(variable, found[f"{variable.value}.auth"], signers, append=False)
    mine = keys.read_certificate(trusted).public_bytes(Encoding.DER)
    if not any(entry.kind == signature_list.X509 and entry.data == mine for entry in db):
        raise InputError(
            "enrolment-untrusted",
            f"{folder / 'db.auth'} does not trust {trusted.name}, which signs the image",
            context="$.secureBoot.enroll",
            hint="name the folder of variables that adamant keys init or rotate wrote last",
        )
    return found


def read_updates(paths: Sequence[Path]) -> dict[str, bytes]:
    """The changes in the files `paths`, by name. Raises VerificationError variable-update-malformed."""
    found = {path.name: _read(path) for path in paths}
    for name, data in found.items():
        authenticated_variable.variable_of(name)
        signature_list.decode(authenticated_variable.decode(data).payload)
    return found


def measured_keys(enrolled: Mapping[str, bytes], updates: Mapping[str, bytes], trusted: Path) -> Iterator[MeasuredKeys]:
    """PCR 7 of machines with the variables `enrolled`: as they are, then with one more of `updates` each time.

    `trusted` is the certificate that signs the image. A change that adds nothing, which machines pass over, is no state
    of its own: a firmware appends what is not there yet (UEFI Specification 2.10, section 8.2.2).
    """
    contents = {each: authenticated_variable.decode(enrolled[f"{each.value}.auth"]).payload for each in ENROLLED}
    mine = keys.read_certificate(trusted).public_bytes(Encoding.DER)
    signer = next(entry for entry in signature_list.decode(contents[Variable.DB]) if entry.data == mine)
    yield measured.measured_keys(0, contents, signer)
    for count, name in enumerate(sorted(updates), 1):
        variable = authenticated_variable.variable_of(name)
        there = contents.get(variable, b"")
        known = signature_list.decode(there)
        added = signature_list.decode(authenticated_variable.decode(updates[name]).payload)
        missing = [entry for entry in added if entry not in known]
        if missing:
            contents[variable] = there + signature_list.encode(missing)
            yield measured.measured_keys(count, contents, signer)


def check_updates(updates: Mapping[str, bytes], uki: Path, trusted: Path | None) -> None:
    """Raise InputError update-revokes-itself when one of `updates` would end the release whose UKI is `uki`.

    `trusted` is the certificate that signs it, None when nothing does.
    """
    with open_source(uki) as source:
        own = {bytes.fromhex(pe.authenticode(source)): "the release that carries it"}
    if trusted is not None:
        own[keys.read_certificate(trusted).public_bytes(Encoding.DER)] = "the key that signs its release"
    for name, data in updates.items():
        if authenticated_variable.variable_of(name) is not Variable.DBX:
            continue
        for entry in signature_list.decode(authenticated_variable.decode(data).payload):
            if entry.data in own:
                raise InputError(
                    "update-revokes-itself",
                    f"{name} revokes {own[entry.data]}",
                    context="$.secureBoot.updates",
                    hint="carry it in a later release, signed by a key that stays",
                )


def _add(folder: Path, variable: Variable, now: datetime.datetime, entries: Sequence[Signature]) -> Path:
    data = _signed(folder, variable, now, signature_list.encode(entries), append=True)
    out = folder / UPDATES / authenticated_variable.file_name(variable, now)
    keys.check_free([out])
    out.parent.mkdir(exist_ok=True)
    files.write_new(out, data)
    return out


def _signed(folder: Path, variable: Variable, now: datetime.datetime, payload: bytes, *, append: bool) -> bytes:
    time = now.astimezone(datetime.UTC).replace(microsecond=0)
    purpose = _PURPOSES[variable.signer]
    pair = KeyPair(str(keys.key_path(folder, purpose)), str(keys.certificate_path(folder, purpose)))
    loaded = keys.load_pair(pair, Path(), now)
    message = authenticated_variable.message(variable, time, payload, append=append)
    signature = pkcs7.sign(message, keys.read_key(loaded), keys.read_certificate(loaded.certificate))
    return authenticated_variable.encode(Change(time, signature, payload))


def _own(folder: Path, variable: Variable) -> x509.Certificate:
    return keys.read_certificate(keys.certificate_path(folder, _PURPOSES[variable]))


def _foreign(path: Path) -> bytes:
    """A certificate of somebody else, such as the one of Microsoft's that signs option ROMs: DER or PEM."""
    data = files.read_limited(path, limits.PEM_SIZE, "certificate")
    try:
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        return load(data).public_bytes(Encoding.DER)
    except ValueError as error:
        raise InputError("certificate-malformed", f"{path} is no certificate in DER or PEM") from error


def _known(folder: Path) -> list[bytes]:
    """The certificates (DER) that the variables which were written last trust; none when there are no variables."""
    last = [place for place in _places(folder / VARIABLES) if place.exists()][-1:]
    return [entry.data for place in last for entry in signature_list.decode(_read(place / "db.esl"))]


def _numbers(folder: Path) -> list[int]:
    matches = [_NUMBERED.fullmatch(path.name) for path in folder.iterdir()]
    return sorted(int(match["number"] or 1) for match in matches if match)


def _certificates(folder: Path) -> list[Path]:
    names = [keys.SECURE_BOOT if number == 1 else f"{keys.SECURE_BOOT}-{number}" for number in _numbers(folder)]
    return [keys.certificate_path(folder, name) for name in names]


def _places(first: Path) -> Sequence[Path]:
    return [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 1000))]


def _uki_digest(path: Path) -> Sha256:
    found = sorted(path.glob("*.efi")) if path.is_dir() else [path]
    if len(found) != 1:
        raise InputError("not-a-uki", f"{path} holds no UKI, or several", hint="name the .efi file")
    with open_source(found[0]) as source:
        if pe.read_program(source).section(".linux") is None:
            raise InputError(
                "not-a-uki",
                f"{found[0]} is an EFI program and no UKI",
                hint="only releases are revoked; boot loaders go with their key: adamant keys retire",
            )
        return pe.authenticode(source)


def _read(path: Path) -> bytes:
    return files.read_limited(path, limits.EFI_VARIABLE_SIZE, "signed change of an EFI variable")


def _payload(found: Mapping[str, bytes], variable: Variable) -> tuple[Signature, ...]:
    return signature_list.decode(authenticated_variable.decode(found[f"{variable.value}.auth"]).payload)
