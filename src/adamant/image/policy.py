"""The image's policy of mandatory access control: compiled by AppArmor's parser out of the tools tree.

What the kernel of the build's host can do has no say: the features are those of the ABI that the policy names. The
initrd hands the result to the kernel as it is (`init/policy.c`).
"""

from importlib import resources
from pathlib import Path

from adamant.core import files, proc
from adamant.core.store import Store
from adamant.model.digest import sha256
from adamant.packages.tools import ToolsTree

_ABI = "etc/apparmor.d/abi/4.0"
_FLAGS = ("--skip-kernel-load", "--skip-cache", "--config-file=/dev/null", "--warn=all", "--Werror")


def sources() -> dict[str, bytes]:
    """The profiles as text (apparmor.d(5)), by the name of their file."""
    folder = resources.files("adamant.node") / "policy"
    found = sorted(folder.iterdir(), key=lambda item: item.name)
    return {item.name: item.read_bytes() for item in found if item.name.endswith(".apparmor")}


def make_policy(tools: ToolsTree, store: Store) -> Path:
    """The profiles as the kernel reads them, one behind the other.

    Each is compiled by itself: of several in one run, the parser writes the order that they have in its memory.
    """
    profiles = sources()
    abi = tools.root / _ABI
    features = (f"--kernel-features={abi}", f"--policy-features={abi}", f"--base={tools.root / 'etc/apparmor.d'}")

    def work(out: Path) -> None:
        with files.work_folder(out, "policy") as folder:
            made = []
            for name, text in profiles.items():
                given, compiled = folder / name, folder / f"{name}.bin"
                given.write_bytes(text)
                words = tools.argv("apparmor_parser", *_FLAGS, *features, f"--ofile={compiled}", given)
                proc.run(f"compile the profile {name}", words)
                made.append(compiled.read_bytes())
            (out / "policy").write_bytes(b"".join(made))

    inputs = {
        "sources": {name: sha256(text) for name, text in profiles.items()},
        "flags": list(_FLAGS),
        "tools": tools.identity,
    }
    return store.step("policy", inputs, work).path / "policy"
