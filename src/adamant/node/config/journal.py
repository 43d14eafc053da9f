"""The journal of the config: which generation runs, which was good, what is under way. Values and steps, no I/O.

Generation 0 is "no config": the machine as the image has it. What stays true of every journal: `running` is the
generation that the machine is to run when nothing is under way, and each thing under way names the one to go back to.
So whoever reads a journal, after any crash, knows one generation to run.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

NONE = 0
"""The number that stands for no config at all."""


class Mode(StrEnum):
    """How a generation is put in place."""

    NOW = "now"
    TRY = "try"
    BOOT = "boot"


class Trial(Struct, frozen=True, forbid_unknown_fields=True):
    """A generation that runs until `deadline` unless it is confirmed; then `base` returns.

    The deadline is in seconds of the clock that runs since the boot `boot` (CLOCK_BOOTTIME, clock_gettime(2)), so that
    setting the machine's time moves nothing, and a reboot ends the trial.
    """

    generation: int
    base: int
    boot: str
    deadline: float


class UnderWay(Struct, frozen=True, forbid_unknown_fields=True):
    """A generation that is being put in place and was not found good yet. `base` is the one to go back to."""

    generation: int
    base: int
    boot: str
    mode: Mode


class Before(Struct, frozen=True):
    """The release that ran before this one, and the generation that it ran with."""

    release: str
    generation: int


class Boot(NamedTuple):
    """A boot: its id, and the version of the release that it started."""

    id: str
    release: str = ""


class Journal(Struct, frozen=True):
    """The state of the config. `boot` is the boot that it was last brought up to, `release` what that boot ran.

    A field that is not known is passed over: a release that came back reads what a newer one has written.
    """

    version: Literal[1] = 1
    boot: str = ""
    running: int = NONE
    good: int = NONE
    next: int = NONE
    """What the next boot takes; NONE when it takes what runs."""
    trial: Trial | None = None
    under_way: UnderWay | None = None
    release: str = ""
    before: Before | None = None


class Fallen(NamedTuple):
    """A journal that went back, from which generation, and why in words; `why` is empty when it did not."""

    journal: Journal
    generation: int
    why: str


def wanted(journal: Journal) -> int:
    """The generation whose files belong on the machine now."""
    if journal.under_way and journal.under_way.mode is Mode.BOOT:
        return journal.under_way.generation
    return journal.trial.generation if journal.trial else journal.running


def keep(journal: Journal) -> set[int]:
    """The generations that must not be removed."""
    numbers = {journal.running, journal.good, journal.next}
    for step in (journal.trial, journal.under_way):
        if step is not None:
            numbers |= {step.generation, step.base}
    if journal.before is not None:
        numbers.add(journal.before.generation)
    return numbers - {NONE}


def begun(journal: Journal, generation: int, mode: Mode) -> Journal:
    """`generation` is about to be put in place."""
    return replace(journal, under_way=UnderWay(generation, journal.running, journal.boot, mode))


def proven(journal: Journal, generation: int, *, good: bool = True) -> Journal:
    """`generation` runs. With `good` off it has not shown all that it does: the next boot judges it."""
    return replace(journal, running=generation, good=generation if good else journal.good, trial=None, under_way=None)


def tried(journal: Journal, generation: int, deadline: float) -> Journal:
    """`generation` runs on trial."""
    return replace(journal, trial=Trial(generation, journal.running, journal.boot, deadline), under_way=None)


def staged(journal: Journal, generation: int) -> Journal:
    """`generation` is what the next boot takes."""
    return replace(journal, next=generation)


def base(journal: Journal) -> int:
    """The generation to go back to from what is under way or on trial."""
    step = journal.under_way or journal.trial
    return step.base if step else journal.running


def returned(journal: Journal, generation: int) -> Journal:
    """Back to `base`, which from now on has the number `generation` (or its own)."""
    good = generation if journal.good == base(journal) else journal.good
    return replace(journal, running=generation, good=good, trial=None, under_way=None)


def at_boot(journal: Journal, boot: Boot) -> Fallen:
    """What a journal of an earlier boot means in the boot `boot`.

    When the release before has come back, so does the generation that it ran with: what was configured since, the newer
    release has judged, and this one may not even understand. Otherwise a trial and an apply that the reboot ended are
    over, and their base runs. What has not been found good yet, be it staged or half proven, is under way in this boot;
    if this boot ends before it was judged, it was tried in vain.
    """
    if journal.boot == boot.id:
        return Fallen(journal, NONE, "")
    if journal.release and boot.release not in {"", journal.release}:
        before = journal.before
        if before is not None and before.release == boot.release:
            return _with_release(journal, boot, before)
        journal = replace(journal, before=Before(journal.release, base(journal)))
    journal = replace(journal, release=boot.release or journal.release)
    left, why = NONE, ""
    if journal.trial:
        left, why = journal.trial.generation, "it was on trial, and a reboot came before it was confirmed"
    elif journal.under_way:
        left, why = journal.under_way.generation, "a reboot came before it was found good"
    runs = base(journal)
    candidate = journal.next or runs
    step = None
    if candidate != journal.good:
        back = journal.good if candidate == runs else runs
        step = UnderWay(candidate, back, boot.id, Mode.BOOT)
        runs = back
    journal = replace(journal, boot=boot.id, running=runs, next=NONE, trial=None, under_way=step)
    return Fallen(journal, left, why)


def _with_release(journal: Journal, boot: Boot, before: Before) -> Fallen:
    """The journal of a machine whose release before has come back."""
    left = base(journal)
    why = f"the release {journal.release} is gone, and {boot.release} ran with generation {before.generation}"
    made = replace(
        journal,
        boot=boot.id,
        running=before.generation,
        good=before.generation,
        next=NONE,
        trial=None,
        under_way=None,
        release=boot.release,
        before=None,
    )
    return Fallen(made, left, why if left != before.generation else "")


def mended(journal: Journal, have: Collection[int]) -> Fallen:
    """The journal without what it names and nobody has any more: generation files that are gone or damaged."""
    there = {NONE, *have}
    step = journal.under_way or journal.trial
    left, why = NONE, ""
    if step is not None and step.generation not in there:
        left, why = step.generation, "its file is gone or damaged"
        journal = replace(journal, running=step.base, trial=None, under_way=None)
    good = journal.good if journal.good in there else NONE
    running = journal.running
    if running not in there:
        left, why = running, "its file is gone or damaged"
        running = good or max((number for number in have if number < journal.running), default=NONE)

    def or_running(number: int) -> int:
        return number if number in there else running

    trial = journal.trial
    if trial is not None:
        trial = Trial(trial.generation, or_running(trial.base), trial.boot, trial.deadline)
    under_way = journal.under_way
    if under_way is not None:
        under_way = UnderWay(under_way.generation, or_running(under_way.base), under_way.boot, under_way.mode)
    before = journal.before if journal.before and journal.before.generation in there else None
    staged_number = journal.next if journal.next in there else NONE
    made = replace(
        journal,
        running=running,
        good=good,
        next=staged_number,
        trial=trial,
        under_way=under_way,
        before=before,
    )
    return Fallen(made, left, why)


def lost(have: Collection[int]) -> Journal:
    """The journal for generations whose journal is gone: the newest runs, and has to show that it is good.

    It belongs to no boot, so that whoever opens it brings it up to this one.
    """
    numbers = sorted(have, reverse=True)
    if not numbers:
        return Journal()
    return Journal(running=numbers[0], good=numbers[1] if len(numbers) > 1 else NONE)
