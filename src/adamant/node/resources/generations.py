"""Generations of the machine's config: all that are kept, which one runs, and which one should."""

from adamant.api import resources_pb2 as pb
from adamant.node.config import generations as store
from adamant.node.config import journal as journals
from adamant.node.resources.found import Found, Sources


def collect(sources: Sources) -> list[Found]:
    """Every kept generation; none on a machine that was given no config."""
    folder = sources.root / store.FOLDER
    opened = store.Store(folder)
    journal = opened.journal
    found = []
    for made in opened.history():
        generation = pb.ConfigGeneration(
            number=made.number,
            created_usec=made.created_usec,
            by=made.by,
            why=made.why.value,
            sha256=made.sha256,
            running=made.number == journal.running,
            good=made.number == journal.good,
            next=made.number == journal.next,
        )
        desired, reason = None, ""
        if made.number == journals.wanted(journal):
            desired = pb.ConfigGeneration(number=made.number, running=True)
            reason = "" if generation.running else "it is being applied, or on trial"
        found.append(Found(str(made.number), generation, desired, reason))
    return found
