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

PATH = "usr/lib/adamant/policy"
"""Where an image has it."""
_ABI = "etc/apparmor.d/abi/4.0"


def source() -> bytes:
    """The profiles, as text (apparmor.d(5))."""
    return (resources.files("adamant.node") / "policy/adamant.apparmor").read_bytes()


def make_policy(tools: ToolsTree, store: Store) -> Path:
    """The profiles as the kernel reads them."""
    text = source()
    flags = ("--skip-kernel-load", "--skip-cache", "--warn=all", "--Werror")

    def work(out: Path) -> None:
        with files.work_folder(out, "policy") as folder:
            given = folder / "adamant"
            given.write_bytes(text)
            abi = tools.root / _ABI
            arguments = (
                *flags,
                "--config-file=/dev/null",
                f"--base={tools.root / 'etc/apparmor.d'}",
                f"--kernel-features={abi}",
                f"--policy-features={abi}",
                f"--ofile={out / 'policy'}",
                given,
            )
            proc.run("compile the policy", tools.argv("apparmor_parser", *arguments))

    inputs = {"source": sha256(text), "flags": list(flags), "tools": tools.identity}
    return store.step("policy", inputs, work).path / "policy"
