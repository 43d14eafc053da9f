"""Which files of the repository are generated, and by which function.

A generator takes the root of the repository and returns the bytes of its files by path relative to that root. It
writes nothing itself, and what it returns depends on the sources alone.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.generators import api, audit, commands, contract, documents, errors, released

ROOT = Path(__file__).resolve().parents[2]

Generator = Callable[[Path], Mapping[str, bytes]]

GENERATORS: Mapping[str, Generator] = {
    "contract": contract.generate,
    "api": api.generate,
    "errors": errors.generate,
    "documents": documents.generate,
    "commands": commands.generate,
    "audit": audit.generate,
}
"""Generators by the name that `scripts/generate NAME` takes, each after those whose files it imports."""


def stale(root: Path, generated: Mapping[str, bytes]) -> list[str]:
    """Paths of `generated` whose file below `root` is missing or differs."""
    return [name for name, data in generated.items() if _bytes(root / name) != data]


def main(arguments: Sequence[str]) -> int:
    """Write or check the generated files; 0 when all is well, 1 when `--check` finds a stale one."""
    parser = argparse.ArgumentParser(prog="scripts/generate", description=sys.modules[__name__].__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument(
        "--release-contract", action="store_true", help="freeze the contract of the API as it is now: part of a release"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of: {', '.join(GENERATORS)}")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in GENERATORS]
    if unknown:
        parser.error(f"no generator {unknown[0]}; there are: {', '.join(GENERATORS)}")
    if options.release_contract:
        (ROOT / released.PAGE).write_bytes(released.frozen(ROOT))
        print(f"wrote {released.PAGE}")
        return 0
    failed = False
    for line in released.broken(ROOT):
        print(f"the contract of the API has lost what was released: {line}", file=sys.stderr)
        failed = True
    for name in options.names or GENERATORS:
        generated = GENERATORS[name](ROOT)
        for path in stale(ROOT, generated):
            if options.check:
                print(f"stale: {path} (run scripts/generate {name})", file=sys.stderr)
                failed = True
            else:
                (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
                (ROOT / path).write_bytes(generated[path])
                print(f"wrote {path}")
    return 1 if failed else 0


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
