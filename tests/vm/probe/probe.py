"""Runs inside a machine under test and says on its console what it finds there. It checks nothing itself."""

import hashlib
import os
import stat


def say(*words: object) -> None:
    print("PROBE", *words, flush=True)


def digest_of_system() -> str:
    """Everything in `/` and `/etc`, by path, type, mode, owner and contents; /usr is vouched for by its root hash."""
    digest = hashlib.sha256()
    skip = {"/dev", "/proc", "/sys", "/run", "/tmp", "/var", "/state", "/efi", "/usr"}
    todo = ["/"]
    while todo:
        folder = todo.pop()
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            path = os.path.join(folder, name)  # noqa: PTH118
            info = os.lstat(path)
            digest.update(f"{path} {info.st_mode:o} {info.st_uid} {info.st_gid} ".encode())
            if stat.S_ISLNK(info.st_mode):
                digest.update(os.readlink(path).encode())  # noqa: PTH115
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as source:  # noqa: PTH123
                    digest.update(source.read())
            elif stat.S_ISDIR(info.st_mode) and path not in skip:
                todo.append(path)
    return digest.hexdigest()


def count_boots() -> int:
    path = "/var/lib/probe-boots"
    try:
        with open(path) as source:  # noqa: PTH123
            boots = int(source.read())
    except FileNotFoundError:
        boots = 0
    # A test presses the reset button: what is not on the disk by then is lost.
    with open(f"{path}.new", "w") as out:  # noqa: PTH123
        out.write(str(boots + 1))
        out.flush()
        os.fsync(out.fileno())
    os.replace(f"{path}.new", path)  # noqa: PTH105
    return boots + 1


def started_by_initrd() -> list[str]:
    """Programs that still run and lie in the initrd's file system, or that are its program itself."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
        except OSError:  # a thread of the kernel, or ended by now
            continue
        if not program.startswith("/usr/"):
            found.append(f"{pid}:{program.replace(' ', '')}")
    return found


def libraries(pid: int) -> set[str]:
    """Names of files that a process has mapped."""
    with open(f"/proc/{pid}/maps") as source:  # noqa: PTH123
        return {os.path.basename(words[5]) for line in source if len(words := line.split()) > 5}  # noqa: PTH119


say("boots", count_boots())
say("system", digest_of_system())
say("initrd", *(started_by_initrd() or ["none"]))
say("libbpf", "mapped" if any(name.startswith("libbpf") for name in libraries(1)) else "withheld")
say("variables", *sorted(os.environ))
say("end")
