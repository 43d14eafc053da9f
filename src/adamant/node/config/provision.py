"""The config at boot: the first one that a machine gets, and the files of the one that it has.

Pure but for the store and the files below /run: no service is told anything, since none that reads them runs yet.
"""

from collections.abc import Callable
from pathlib import Path

from adamant.core import files, limits
from adamant.model.errors import AdamantError
from adamant.node.config import journal as journals
from adamant.node.config.applier import NODE, this_boot
from adamant.node.config.generations import FOLDER, Store, Why
from adamant.node.config.host import Host
from adamant.node.config.journal import NONE
from adamant.node.config.rendered import NOTHING, UNITS, Rendered
from adamant.node.systemd import Systemd

BOOTED = "run/adamant/config/booted"
"""Says that the files are there, or that none will be."""


def bring_up(
    root: Path,
    credential: Path | None,
    render: Callable[[bytes], Rendered],
    canonical: Callable[[bytes], bytes],
) -> list[str]:
    """Make the files of the generation that this boot runs. Returns what went wrong, in words. It raises nothing.

    `canonical` checks a document that was passed and gives it the form in which it is kept.
    """
    said: list[str] = []
    try:
        store = Store(root / FOLDER)
        said += store.found
        if credential is not None and credential.exists():
            _provision(store, credential, render, canonical)
    except AdamantError as error:
        said.append(f"the config that was passed cannot be used: {error}")
    try:
        fallen = journals.at_boot(store.journal, this_boot(root))
        if fallen.why:
            said.append(f"generation {fallen.generation} is over: {fallen.why}")
        _place(root, store, fallen.journal, render, said)
        store.write(fallen.journal)
    except AdamantError as error:  # the agent comes to the same, and tells it where it is seen
        said.append(str(error))
    try:
        files.write_atomic(root / BOOTED, b"", durable=False)
    except (AdamantError, OSError) as error:
        said.append(str(error))
    return said


def _provision(
    store: Store, credential: Path, render: Callable[[bytes], Rendered], canonical: Callable[[bytes], bytes]
) -> None:
    """Take the config that the machine was passed, if it never had one."""
    if store.numbers():
        return
    document = files.read_limited(credential, limits.GENERATION_SIZE // 4, "config that was passed").strip()
    document = canonical(document)
    render(document)
    made = store.add(document, NODE, Why.PROVISION)
    store.write(journals.staged(store.journal, made.number))


def _place(
    root: Path, store: Store, journal: journals.Journal, render: Callable[[bytes], Rendered], said: list[str]
) -> None:
    """The files of what the journal wants, or of what was good, or none."""
    host = Host(root, Systemd)
    for number in dict.fromkeys((journals.wanted(journal), journals.base(journal), journal.good, NONE)):
        try:
            rendered = NOTHING if number == NONE else render(store.document(number))
            host.place(rendered, number)
        except AdamantError as error:
            said.append(f"generation {number} cannot be put in place: {error}")
            continue
        # What reads its files when it starts will find them. Units that are new to systemd wait for the agent.
        host.leave([path for path in host.pending if path.startswith(f"{UNITS}/")])
        return
