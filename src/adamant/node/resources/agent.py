"""Answers of the agent that are resources too: the boot, and the checks of its health."""

from adamant.node.resources.found import Found, Sources


def boot(sources: Sources) -> list[Found]:
    """One resource, `boot`."""
    return [Found("boot", sources.boot())]


def health(sources: Sources) -> list[Found]:
    """Every check, run now."""
    return [Found(check.name, check) for check in sources.health().checks]
