"""Small images made by the tests themselves: EFI programs, FAT32, qcow2, partition tables, EROFS, whole builds."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from adamant.core.source import Source
from adamant.image import gpt
from adamant.model import layout, manifest
from adamant.model.arch import Arch
from adamant.model.definition import Profile
from adamant.model.digest import RootHash, Salt
from adamant.model.layout import BLOCK
from adamant.model.manifest import Artifact, ArtifactKind, Manifest
from adamant.model.posture import Posture

SALT = Salt("5a" * 32)
UUID_ = UUID("11111111-2222-3333-4444-555555555555")


def source(data: bytes, name: str = "image") -> Source:
    """The bytes as a reader of images gets them."""
    return Source(name, len(data), lambda offset, length: data[offset : offset + length])


def efi(sections: Mapping[str, bytes], signatures: tuple[bytes, ...] = (), machine: int = 0x8664) -> bytes:
    """An EFI program of PE32+ with the sections and signature blobs."""
    headers = 1024
    body = b""
    table = b""
    for name, data in sections.items():
        padded = data + bytes(-len(data) % 512)
        fields = (name.encode(), len(data), 0x1000, len(padded), headers + len(body) if padded else 0, 0, 0, 0, 0, 0)
        table += struct.pack("<8sIIIIIIHHI", *fields)
        body += padded
    certificates = b""
    for blob in signatures:
        certificates += struct.pack("<IHH", len(blob) + 8, 0x200, 2) + blob + bytes(-len(blob) % 8)
    optional = bytearray(240)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<I", optional, 60, headers)
    struct.pack_into("<I", optional, 108, 16)
    if certificates:
        struct.pack_into("<II", optional, 144, headers + len(body), len(certificates))
    coff = struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, len(optional), 0)
    start = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    return (start + b"PE\0\0" + coff + bytes(optional) + table).ljust(headers, b"\0") + body + certificates


def authenticode(program: bytes) -> bytes:
    """Digest of an unsigned program of `efi`, by the definition: all but checksum and directory entry."""
    optional = 0x40 + 4 + 20
    return hashlib.sha256(
        program[: optional + 64] + program[optional + 68 : optional + 144] + program[optional + 152 :]
    ).digest()


def uki(root_hash: str, version: str = "1", **more: bytes) -> bytes:
    """A UKI that names `root_hash`."""
    return efi(
        {
            ".text": b"code",
            ".osrel": f'ID=adamant\nIMAGE_ID=ex\nIMAGE_VERSION={version}\nNAME="Adamant"\n'.encode(),
            ".cmdline": f"quiet adamant.usrhash={root_hash}\0".encode(),
            ".uname": b"6.12.1-cloud",
            ".linux": b"kernel" * 300,
            ".initrd": b"initrd" * 100,
            **{f".{name}": data for name, data in more.items()},
        }
    )


_ROOT_CLUSTERS = 8


def fat32(contents: Mapping[str, bytes], clusters: int = 400) -> bytes:
    """A FAT32 file system of clusters of 512 bytes with long names."""
    reserved, table_sectors = 32, -(-(clusters + 2) * 4 // 512)
    table = [0x0FFFFFF8, 0x0FFFFFFF, *range(3, 2 + _ROOT_CLUSTERS), 0x0FFFFFFF]
    data: list[bytes] = [b""] * _ROOT_CLUSTERS

    def store(content: bytes) -> int:
        first = len(table)
        pieces = [content[i : i + 512].ljust(512, b"\0") for i in range(0, len(content), 512)]
        table.extend(range(first + 1, first + len(pieces)))
        table.append(0x0FFFFFFF)
        data.extend(pieces)
        return first

    def row(name: str, number: int, attributes: int, cluster: int, size: int) -> bytes:
        out = b""
        parts = [name[i : i + 13] for i in range(0, len(name), 13)]
        for index in reversed(range(len(parts))):
            text = parts[index].encode("utf-16-le")
            text = (text + b"\0\0" if len(parts[index]) < 13 else text).ljust(26, b"\xff")
            last = 0x40 if index == len(parts) - 1 else 0
            out += bytes([index + 1 | last]) + text[:10] + b"\x0f\0\0" + text[10:22] + b"\0\0" + text[22:]
        out += f"F{number:07}   ".encode() + bytes([attributes]) + bytes(8)
        return out + struct.pack("<H4xHI", cluster >> 16, cluster & 0xFFFF, size)

    def folder(prefix: str) -> bytes:
        rows = b""
        names = sorted({path.removeprefix(prefix).split("/")[0] for path in contents if path.startswith(prefix)})
        for number, name in enumerate(names):
            path = prefix + name
            if path in contents:
                first = store(contents[path]) if contents[path] else 0
                rows += row(name, number, 0x20, first, len(contents[path]))
            else:
                inner = folder(f"{path}/")
                dots = b".".ljust(11) + b"\x10" + bytes(20) + b"..".ljust(11) + b"\x10" + bytes(20)
                rows += row(name, number, 0x10, store(dots + inner), 0)
        return rows

    root = (b"ESP".ljust(11) + b"\x08" + bytes(20) + folder("")).ljust(_ROOT_CLUSTERS * 512, b"\0")
    data[:_ROOT_CLUSTERS] = [root[512 * index : 512 * index + 512] for index in range(_ROOT_CLUSTERS)]
    assert len(table) <= clusters + 2
    boot = bytearray(512)
    struct.pack_into("<HBHBHHBH", boot, 11, 512, 1, reserved, 2, 0, 0, 0xF8, 0)
    struct.pack_into("<II", boot, 32, reserved + 2 * table_sectors + clusters, table_sectors)
    struct.pack_into("<I", boot, 44, 2)
    boot[510:] = b"\x55\xaa"
    encoded = struct.pack(f"<{len(table)}I", *table).ljust(table_sectors * 512, b"\0")
    return bytes(boot).ljust(reserved * 512, b"\0") + encoded * 2 + b"".join(data).ljust(clusters * 512, b"\0")


def qcow2(disk: bytes, bits: int = 16) -> bytes:
    """The disk in qcow2, version 3: clusters of zeros are left out."""
    cluster = 1 << bits
    per_table = cluster // 8
    count = -(-len(disk) // cluster)
    tables = -(-count // per_table)
    front = cluster * (1 + -(-tables * 8 // cluster))
    entries: list[int] = []
    data = b""
    for index in range(count):
        piece = disk[index * cluster : (index + 1) * cluster]
        entries.append(front + tables * cluster + len(data) | 1 << 63 if any(piece) else 0)
        data += piece.ljust(cluster, b"\0") if any(piece) else b""
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, bits, len(disk), 0, tables, cluster, 0, 0, 0, 0, 0, 0, 0, 4, 104
    )
    first = b"".join(struct.pack(">Q", front + cluster * n | 1 << 63) for n in range(tables))
    second = b"".join(struct.pack(">Q", entry) for entry in entries).ljust(tables * cluster, b"\0")
    return (header.ljust(cluster, b"\0") + first).ljust(front, b"\0") + second + data


def verity(data: bytes, salt: Salt = SALT) -> bytes:
    """The verity tree of `data`, made as the kernel's documentation says, by the shortest way."""
    key = bytes.fromhex(salt)
    fixed = struct.pack(
        "<8sII16s32sIIQH6x", b"verity\0\0", 1, 1, UUID_.bytes, b"sha256", BLOCK, BLOCK, len(data) // BLOCK, 32
    )
    levels: list[bytes] = []
    below = data
    while True:
        hashes = b"".join(hashlib.sha256(key + below[i : i + BLOCK]).digest() for i in range(0, len(below), BLOCK))
        below = hashes + bytes(-len(hashes) % BLOCK)
        levels.insert(0, below)
        if len(below) == BLOCK:
            return (fixed + key).ljust(BLOCK, b"\0") + b"".join(levels)


def root_hash(tree: bytes) -> RootHash:
    """Root hash of a tree."""
    return RootHash(hashlib.sha256(tree[88:120] + tree[BLOCK : 2 * BLOCK]).hexdigest())


def disk(esp: bytes, usr: bytes, tree: bytes) -> bytes:
    """A disk image as it is published, with partitions of 1 MiB."""
    mib = 1 << 20
    slot, slot_tree = layout.slot(Arch.AMD64, layout.SLOT_LABELS[0], mib)
    parts = [
        (layout.ESP_LABEL, layout.ESP_TYPE, esp),
        (slot.label, slot.type, usr),
        (slot_tree.label, slot_tree.type, tree),
    ]
    placed = [
        gpt.Placed(label, UUID(kind), UUID(int=number + 1), (number + 1) * mib, mib)
        for number, (label, kind, _) in enumerate(parts)
    ]
    table = gpt.Table(UUID(int=99), 5 * mib, tuple(placed))
    head, tail = gpt.encode(table)
    out = bytearray(table.size)
    out[: len(head)] = head
    out[-len(tail) :] = tail
    for place, (_, _, data) in zip(placed, parts, strict=True):
        assert len(data) <= mib
        out[place.offset : place.offset + len(data)] = data
    return bytes(out)


def build(folder: Path, usr: bytes, version: str = "1", **more: bytes) -> Path:
    """A build folder without a disk."""
    folder.mkdir()
    tree = verity(usr)
    root = root_hash(tree)
    contents = {
        (ArtifactKind.USR, "usr.erofs"): usr,
        (ArtifactKind.VERITY, "usr.verity"): tree,
        (ArtifactKind.UKI, f"ex_{version}.efi"): uki(root, version, **more),
    }
    artifacts = []
    for (kind, name), data in contents.items():
        (folder / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        artifacts.append(Artifact(kind, name, len(data), digest, digest))
    described = Manifest(
        name="ex",
        version=version,
        arch=Arch.AMD64,
        posture=Posture.GUARDED,
        profile=Profile.DEV,
        kernel="6.12.1-cloud",
        command_line="quiet",
        root_hash=root,
        salt=SALT,
        data_blocks=len(usr) // BLOCK,
        packages=0,
        artifacts=tuple(artifacts),
        steps={},
    )
    (folder / "manifest.json").write_bytes(manifest.encode(described))
    return folder


def unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


# Made by mkfs.erofs 1.8.6 with -T0 -b4096 --all-root -zlz4hc,3 -C65536, without and with inline data, of a folder with
# bin/{a,b} (hard links, 4755, "program"), lib-link, lib/deep/{big,er/x}, empty/ and many/ with 40 long names.
EROFS_PLAIN = unpack(
    "eNrtm9trVFcUh/eeyc0kJtGq1XpPnDo17rmcM0mN+CIIBorgPZrWpmeck5kxM+ekM6Mmj30sFEQolEJfKv4ZihRKoQh96h9QfRWf"
    "SkUQietM1kk2aczCl0Wp6yNhvslv9uWc2XuRIdlKCYLwvvL0yT9/zTy71ZkE71cp5a7zmk7LtwDDw6576tSlNmtfG/Wj32H8AbW0"
    "NLRB3gHfz092qQCfLwF2/yl8vKgSK34J/Aj6FLhBnwbPos+AO+hF1a0K6Dfg55lMplgN/Pp8a7FWLcKXqVWDuboXLL5tfgk1Zs0v"
    "YeXxPHLW/PLgp9FduFuxF8BhbK+4Tv+7rf6TVh5f206r/13L12C1T6pRq32H1T6+H4es9inwSfTDy32VfH/+re/P0s9a9Vn92+sl"
    "k8nCDcxu2D66vuNbV593WXkLH0/AvbmJfg/8FnqP1uo2egC+gP4nuGcaXqviN0wtDMom8Oq+aYamVfFaxjOzYa0EUeD7paaphw0/"
    "CgITBr4p1sLrcyacNYXcxLgpLrb8pmmFpgItjFerRUm11Wx32DRjLKOMs4zyKcsox1hGmVhdQ8+/Tage9Kh2dP9r/SXVMWv99lj5"
    "pLV/s9b+/czav2fQx+PaUfYbcftoLd//Rqv0yOr4m9bsgfZ8hnQ6qhvp5HINXbs/0tb8eq38jLV/J639e3Zl/7ZrysJGNTiaX9Kq"
    "333r5Db9RL6ZyAeIfJDIh4h8C5FvJfIPiHwbkW8n8h1E/iGR7yTyXUT+EZHvJvI9RL6XyPcR+X4iP0DkB4l8mMhHiPwQkaeI/GMi"
    "P0zkaSL/hMiPEPkokR8lckPkGSLPEnmOyPNE7hC5+x79/j/fCMsNr94rn4QEQRAEQRAEQRAEQRAEQRAEQRAEQRAE4b/E/gXd/i8x"
    "AufsQkSlKn/6FwRBEARBEARBEIT/O/G51wd69fznQ/Bz6I+0VufRUwmtLqB/B34R/W/w+CDwdFKry+i/gE+hpzu0uoJ+B/wq+gvw"
    "afRrnVp9jv4r+Bfoo11aXUO/C/4l+kvwGfSZbq2+Qv8N3EM3PVrF52m/B7+O/gq8hF7cpJWP/jv4LHquV6sy+g/gFfTX4FX0Up9W"
    "N9Afg8+hO/1a1dB/BK/HN3yzXjnLXAYP0f8Aj0/Ijg1o9TX6T+DxYcLkoFZN9Org8llhjqOUeZ5RcjzDMF2NwzOMyzNMgWcYnsPU"
    "eZ7T1Hme49R5nvPU+QmWYXi2jcNTaxyeWuMw3TSeWuPw1BqHp9Y4PLXG4ak1Dk+tcXhqDc96dnlqjctTa1yeWuMyvTc8tcblqTUu"
    "T61xeWqNy1NrXJ5aw7PQCrl3/fz/BgCTjFA="
)
EROFS_INLINE = unpack(
    "eNrtmctrE1EUh+9Nat+29f1+1UZj681jJq1W3AiCFEQUWx/1USdmmsQmMzWJ2rpzKYgiCCK4UfwzFBFEEMGVf4C6dyWKIFLPJGfq"
    "RWoPLjwb74+WfOmX+5iZew80VwgTE5P/NR8/fHl/2+7zo8CdIibsBT4T1XgZpLfXtg8eHKtnoc/Kvxi/S8zN9Szim+D304Fm4eH7"
    "OYjefwxfR0VknseA+5FPAivkceAk8gSwhZwVLSKDfAn+nkgkskXPLU/XZkvFLPyoUtGbKjve7J/mFxGD2vwimg/nkdLmlwY+hGzD"
    "3Qo5AwxjO9kF+t+g9a8/j/Da1mr9r2tcg9Y+Kga09k1a+/B+9GntY8AjyDsbfeVcd/qPz2fukRQdWv9LNJ9IJOEGJhdtH1zfvuWN"
    "98G9a9b8VXzdD/fmGvJj4BnkVilF+Fg84OvI74AdVXFqBbeiSr6XV55TdlXVV7WCU1OOmvRLOVCe6+aqquxX3EB4yvdclS35F6eU"
    "P6kyqeEhlZ2tuVVV81UBWiinVApMsVatd1hVgyyjDLGMsodllL0sowxr6+tmRLRq67NFW1/TFT9fccrti9efqNirtW/V/Ii2v5Pa"
    "/j6s7e8jyENhbcm7lbB9sNaf3JAivr3xPqhtbb/NoT7fHhkPXDza2CO/75+4Nj/9Yo5o+3tE29/H5vd3vebMLHb9wfyiWv8dmi8U"
    "28kaH7TX00n4pYTvInw34XsIv4zwywm/gvArCb+K8KsJv4bwawm/jvDrCb+B8BsJv4nwmwm/hfBbCb+N8L2E3074PsLHCL+D8DsJ"
    "Hyf8LsL3E36A8LsJrwifIHyS8CnCpwlvEd42/1aYmJiYmJiYmJiYmJiYmJj802yZkfVvaYlYR2eChOdeT+Wv859nwMeRn0spRpFj"
    "ESnCA79bwCeQPwOfRB6PSnEK+QXwaeR4kxTjyHeAzyB/BT6LfG6JFOeQXwKfRx5olmIC+S7wBeRvwA7yRIsU4bnZK+CLyKpVihzy"
    "PWAX+TvwJHK2TYo88mvgAnKqXYoi8n3gS8g/gKeQcx1SlJDfAJeRrU45f2b5ANgPH89SKcKTsDzwZeS3wOGhwGCXFFXkh8A15Gi3"
    "FFeQi92Ns0KOo5Q0zygpnmGYrsbiGcbmGSbDMwzPYWqa5zQ1zXOcmuY5T00PswzDs20snlpj8dQai+mm8dQai6fWWDy1xuKpNRZP"
    "rbF4ao3FU2t41rPNU2tsnlpj89Qam+nZ8NQam6fW2Dy1xuapNTZPrbF5ag3PQsuk/vbbgp9rzJQs"
)
# Made in the same way without inline data, with -x1.
EROFS_ATTRIBUTES = unpack(
    "eNrt179KHEEAB+C59fQkhJjC3hTBSi/+hWBASJUub5BCxUIx3iKL3AXRpM675A0ECxsfILWa3jL1ZhbmiJ6eGGQb832w3G/ndn57N8sWEwLwv/p1+"
    "fvi5/bHT62Yn4fpMH7HNdfHJo5WTjZmPxRfx39MfT89Ox68diQejX+4/4tQli+vnT8bmwwba/na+tbOVtGLTVl4dd/80XhcvQ/hMJ2X0bD7Z3eMTa"
    "fPnfhtP3+OeSblTvw3b1Lei3kh5SLm5ZT3Y36bcjfmdyl/iXk15YOY2+12Z3czn8vn84V8MV/Kl6u1Gg1X3/6uWWPI7wxD1vW8LM/7469jaDaysNs"
    "pNkPZn5Pd6M/SM3pofznQf3vOzf6qu1ljfzM987r6q+6xGvur7laN/a2B9/Wx/QDA09OzBAAAAPDkdS0BAAAA2P8DAAAA9v8AAACA/T8AAABg/w8A"
    "AADY/wMAAACP9gcP2VDT"
)
"""Six files with one capability, which is stored once for all, and one with that and an attribute of its own."""
