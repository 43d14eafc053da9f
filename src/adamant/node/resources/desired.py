"""What should be beside what is, for the kinds of which the config says something.

A collector finds what is, and says by name what should be; `beside` tells what differs and adds what is not there. The
config is read anew for each look at such a kind, and by no other: an agent that nobody asks keeps nothing of it.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from adamant.model.errors import AdamantError
from adamant.model.machine.document import Machine
from adamant.node.config import wanted
from adamant.node.resources.found import Found

_UNIT = re.compile(r"_(?:bytes|usec)$")


class Wanted(NamedTuple):
    """What should be: a message of the kind with what is asked for alone, why not when it is missing, and who asks."""

    spec: Any
    absent: str
    by: str = "the config"


def config(root: Path) -> Machine:
    """The config in force. One that cannot be read asks for nothing here: what is, is told with any config."""
    try:
        return wanted.read(root)
    except AdamantError:
        return Machine()


def differing(actual: Any, spec: Any) -> list[str]:
    """What `spec` asks for and `actual` has not, a field each, in words.

    Of several values, those that are missing; messages in a field are the same when their names are.
    """
    words = []
    for field, value in spec.ListFields():
        have, title = getattr(actual, field.name), _UNIT.sub("", field.name).replace("_", " ")
        if isinstance(value, str | int | float):
            words += [f"{title} {value}"] if value != have else []
        elif hasattr(value[0], "ListFields"):
            named = {one.name: one for one in have}
            words += [f"{w} of {one.name}" for one in value for w in differing(named.get(one.name, type(one)()), one)]
        else:
            missing = [str(one) for one in value if one not in have]
            words += [f"{title} {' '.join(missing)}"] if missing else []
    return words


def beside(found: Iterable[Found], wanted: Mapping[str, Wanted]) -> list[Found]:
    """What was found with what is wanted of it, and what is wanted and was not found."""
    made = {item.name: item for item in found}
    for name, one in wanted.items():
        actual = made[name].actual if name in made else None
        words = differing(actual, one.spec) if actual is not None else []
        reason = f"{one.by} asks for {', '.join(words)}" if words else ""
        made[name] = Found(name, actual, one.spec, reason if actual is not None else one.absent)
    return list(made.values())
