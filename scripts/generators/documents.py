"""The reference pages and JSON Schemas of the documents that people write, from their types (model/schema.py)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from adamant.model import schema
from adamant.model.definition import Image
from adamant.model.kernel.definition import OwnKernel
from adamant.model.machine.document import Machine

_IMAGE = """\
<!-- Made by scripts/generate from src/adamant/model/definition.py: do not edit. -->
# The definition

A definition is a YAML file, `adamant.yaml`. `adamant init DIR` writes a commented one. The
[JSON Schema](image.schema.json) is for editors.

The YAML is a plain subset: one document, no anchors, no tags, no key twice. A number where a text is wanted is an
error: put it in quotes. An unknown key is an error. `--set KEY=VALUE` overrides a key, as in `--set version=2` or
`--set kernel.flavour=generic`.
"""

_MACHINE = """\
<!-- Made by scripts/generate from src/adamant/model/machine/document.py: do not edit. -->
# The machine config

A machine config is a YAML file that says how one machine runs. `adamant config new` writes a commented one, and
`adamant config explain PATH` says what is here of one key. The [JSON Schema](machine.schema.json) is for editors. What
a change of a key does stands in [the guide](../guide/machine-config.md).

The YAML is the same plain subset as that of [the definition](image.md). Every key but `kind` can be left out.
"""

_KERNEL = """\
<!-- Made by scripts/generate from src/adamant/model/kernel/definition.py: do not edit. -->
# The definition of a kernel

A definition of a kernel is a YAML file, `kernel.yaml`. `adamant config new --kind Kernel` writes a commented one. The
[JSON Schema](kernel.schema.json) is for editors. How a kernel is built stands in [the guide](../guide/kernels.md).

The YAML is the same plain subset as that of [the definition](image.md).
"""


def generate(_root: Path) -> Mapping[str, bytes]:
    """The schemas and the pages."""
    made: dict[str, bytes] = {}
    for name, kind, head in (("image", Image, _IMAGE), ("machine", Machine, _MACHINE), ("kernel", OwnKernel, _KERNEL)):
        made[f"docs/reference/{name}.schema.json"] = schema.json_schema(kind).rstrip(b"\n") + b"\n"
        made[f"docs/reference/{name}.md"] = page(kind, head).encode()
    return made


def page(kind: type[msgspec.Struct], head: str) -> str:
    """The reference page of `kind` and of all types that it holds, in the order in which they are met."""
    parts, queue, seen = [head], [kind], {kind}
    while queue:
        here = queue.pop(0)
        parts.append(_section(here))
        for key in schema.keys(here):
            for held in key.kinds:
                if held not in seen:
                    seen.add(held)
                    queue.append(held)
    return "".join(parts)


def _section(kind: type[msgspec.Struct]) -> str:
    lines = [f"\n## {kind.__name__}\n\n{_paragraph(kind)}\n\n"]
    lines += ["| key | what may stand there | if left out | meaning |\n", "|---|---|---|---|\n"]
    if schema.tag(kind):
        lines.append(f"| `kind` | `{schema.tag(kind)}` | required | what kind of document this is |\n")
    for key in schema.keys(kind):
        lines.append(f"| `{key.name}` | {_cell(key.allowed)} | {_cell(key.default)} | {_cell(key.meaning)} |\n")
    return "".join(lines)


def _paragraph(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
