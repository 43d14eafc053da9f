"""The one place that changes a machine's config: apply, try, stage, confirm, and return to what was good.

    generation's file -> journal: under way -> files -> units -> health judged -> journal: good, or back to the base

Each arrow may be where the agent or the machine ends. What is under way then is undone by `resume`, so the machine runs
the old generation or the new one, never a mix. When a config is not good, the base comes back by itself, whatever the
state of the disk: what cannot be recorded then is recorded later, and until it is, the journal says to go back anyway.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node.config import journal as journals
from adamant.node.config.generations import Store, Why
from adamant.node.config.host import Host
from adamant.node.config.journal import NONE, Journal, Mode
from adamant.node.config.rendered import NOTHING, SYSCTLS, Changes, Rendered, actions, changes, reboot_reasons
from adamant.node.reading import boot_id, read_release

NODE = "node"
"""Who makes a generation when nobody asked for it."""

Failing = Callable[[], Mapping[str, str]]
"""What is not well on the machine, by name, in words: health checks, and whether it can be reached."""


class Tell(Protocol):
    """Publishes an event."""

    def __call__(self, message: str, fields: Mapping[str, str]) -> None:
        """An event about the config: what happened, and what a program reads of it."""


class State(StrEnum):
    """How an apply ended."""

    UNCHANGED = "unchanged"
    GOOD = "good"
    STAGED = "staged"
    ON_TRIAL = "on-trial"


class Outcome(NamedTuple):
    """What an apply did. `reboot` names what takes effect at the next boot alone."""

    generation: int
    state: State
    reboot: tuple[str, ...] = ()


class Clock(NamedTuple):
    """Seconds since boot, and a way to let some pass."""

    now: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    sleep: Callable[[float], None] = time.sleep


class Applier:
    """Applies configs to `host`, one at a time. `boot` is this boot, `render` makes files of a document.

    Errors of a document are InputError and come before anything is changed.
    """

    def __init__(
        self,
        store: Store,
        host: Host,
        render: Callable[[bytes], Rendered],
        failing: Failing,
        tell: Tell,
        boot: journals.Boot,
        clock: Clock | None = None,
    ) -> None:
        self.store = store
        self.host = host
        self.render = render
        self._failing = failing
        self._tell = tell
        self._boot = boot
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._doing = ""
        self._owed: Journal | None = None
        self._resumed = False
        self._brought_up = threading.Event()

    @contextmanager
    def _alone(self, doing: str) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise BusyError(
                "config-busy", f"the config is being changed: {self._doing or 'another call'}", hint="try again later"
            )
        try:
            if not self._resumed:
                raise BusyError(
                    "config-busy", "the agent has just begun, and brings the config up", hint="try again later"
                )
            self._doing = doing
            if self._owed is not None:
                self.store.write(self._owed)
                self._owed = None
            yield
        finally:
            self._doing = ""
            self._lock.release()

    @property
    def journal(self) -> Journal:
        """The journal as it holds now."""
        return self._owed or self.store.journal

    def rendered(self, number: int) -> Rendered:
        """The files of a generation."""
        return NOTHING if number == NONE else self.render(self.store.document(number))

    def apply(
        self,
        document: bytes,
        by: str,
        *,
        why: Why = Why.APPLY,
        mode: Mode = Mode.NOW,
        seconds: float = 0,
        base: int | None = None,
        of: int = 0,
    ) -> Outcome:
        """Put `document` in place, for `by`. With Mode.TRY it returns after `seconds` unless it is confirmed; they
        begin when it is in place and the machine is well.

        `base` is the generation that the caller believes runs. Raises AdamantError `config-returned` when the config
        was not good and the one before is back; BusyError `config-busy`, `config-trial`, `config-changed`; InputError
        for what is wrong with the document; `disk-full` before anything was changed.
        """
        with self._alone(f"{by} applies a config"):
            begin = self._clock.now()
            journal = self._calm()
            if base is not None and base != journal.running:
                raise BusyError(
                    "config-changed",
                    f"generation {journal.running} runs, not {base}",
                    hint="look at what it changed, then try again",
                )
            if mode is Mode.TRY and not 0 < seconds <= limits.TRIAL_SECONDS:
                raise InputError("trial-length", f"a trial takes up to {limits.TRIAL_SECONDS:.0f} s, not {seconds:g}")
            new = self.render(document)
            if document == self.store.document(journal.running) and journal.next == NONE:
                return Outcome(journal.running, State.UNCHANGED)
            old = self._rendered_or_nothing(journal.running)
            made = self.store.add(document, by, why, of)
            self._doing = f"{by} applies generation {made.number}"
            reboot = tuple(reboot_reasons(old, new))
            if mode is Mode.BOOT:
                self.store.write(journals.staged(journal, made.number))
                self._say(f"generation {made.number} waits for the next boot", made.number, by)
                outcome = Outcome(made.number, State.STAGED, reboot)
            else:
                # What was staged was made without knowing of this one, which is newer.
                self.store.write(journals.begun(journals.staged(journal, NONE), made.number, mode))
                self._say(f"generation {made.number} is being put in place", made.number, by)
                self._change(old, new, made.number, begin + limits.CONFIG_SETTLE_SECONDS)
                if mode is Mode.TRY:
                    self._record(journals.tried(self.store.journal, made.number, self._clock.now() + seconds))
                    self._say(f"generation {made.number} is on trial for {seconds:g} s", made.number, by)
                    outcome = Outcome(made.number, State.ON_TRIAL, reboot)
                else:
                    self._record(journals.proven(self.store.journal, made.number, good=not reboot))
                    self._say(f"generation {made.number} runs", made.number, by)
                    outcome = Outcome(made.number, State.GOOD, reboot)
            self.store.prune()
            return outcome

    def _calm(self) -> Journal:
        journal = self.store.journal
        if journal.trial:
            raise BusyError(
                "config-trial",
                f"generation {journal.trial.generation} is on trial",
                hint="adamant node confirm keeps it, adamant node confirm --cancel ends it",
            )
        if journal.under_way:
            raise BusyError(
                "config-busy",
                f"generation {journal.under_way.generation} is not judged yet",
                hint="wait until the machine's health is known: adamant node health",
            )
        return journal

    def _change(self, old: Rendered, new: Rendered, generation: int, until: float) -> None:
        """From `old` to `new`; back again, with an error, when the machine is not well then."""
        before = set(self._failing())
        try:
            self._put(old, new, generation)
        except AdamantError as error:
            raise self._returned(str(error)) from error
        network = any(path.startswith("run/systemd/network/") for path in changes(old, new).all())
        reasons = self._judge(
            before, until, limits.CONFIG_STEADY_NETWORK_SECONDS if network else limits.CONFIG_STEADY_SECONDS
        )
        if reasons:
            raise self._returned("; ".join(f"{name}: {words}" for name, words in sorted(reasons.items())))

    def _record(self, journal: Journal) -> None:
        """Write the journal of a change that is done; when that cannot be, undo the change."""
        try:
            self.store.write(journal)
        except AdamantError as error:
            raise self._returned(str(error)) from error

    def _put(self, old: Rendered, new: Rendered, generation: int) -> None:
        """From `old` to `new`: files, then what follows, also from what an earlier change has left undone."""
        planned, found = changes(old, new), self.host.place(new, generation)
        pending = set(self.host.pending)
        differing = Changes(
            tuple(sorted({*planned.added, *found.added})),
            tuple(sorted({*planned.changed, *found.changed, *(pending & new.files.keys())})),
            tuple(sorted({*planned.removed, *found.removed, *(pending - new.files.keys())})),
        )
        etc_now = old.etc_now or new.etc_now
        self.host.act(actions(self.host.running, new, differing, etc_now=etc_now), new)

    def _judge(self, before: set[str], until: float, steady: float) -> Mapping[str, str]:
        """What is not well at `until`, and was before the change; nothing as soon as all has been well for a while."""
        steady = min(steady, max(0.0, (until - self._clock.now()) / 2))
        well_since: float | None = None
        while True:
            reasons = {name: words for name, words in self._failing().items() if name not in before}
            now = self._clock.now()
            if reasons:
                well_since = None
            elif well_since is None:
                well_since = now
            if well_since is not None and now - well_since >= steady:
                return {}
            if now >= until:
                return reasons
            self._clock.sleep(min(1.0, max(0.05, until - now)))

    def _returned(self, why: str) -> AdamantError:
        """Go back from what is under way or on trial. Returns the error that says so."""
        journal = self.journal
        step = journal.under_way or journal.trial
        assert step is not None
        back = step.base
        try:
            self._put(self._rendered_or_nothing(step.generation), self.rendered(back), back)
        except AdamantError as error:
            self._say(f"the return to generation {back} met an error: {error}", back, NODE)
        number = back
        if back != NONE:
            try:
                number = self.store.add(self.store.document(back), NODE, Why.RETURN, back).number
            except AdamantError:
                number = back  # the history has a line less; what runs is the same
        self._note(journals.returned(journal, number))
        named = f"generation {back}" if back != NONE else "the machine without a config"
        self._say(f"generation {step.generation} was not good, and {named} is back: {why}", number, NODE)
        return AdamantError(
            "config-returned",
            f"generation {step.generation} was not good, and {named} is back",
            context=why,
            hint="adamant node diff shows what the config would change",
        )

    def _note(self, journal: Journal) -> None:
        """Write the journal of what cannot be otherwise, now or as soon as it can be written: a boot, or a way back."""
        try:
            self.store.write(journal)
            self._owed = None
        except AdamantError as error:
            self._owed = journal
            self._tell(f"what became of the config is written down later: {error.message}", {"by": NODE})

    def _rendered_or_nothing(self, number: int) -> Rendered:
        try:
            return self.rendered(number)
        except AdamantError:
            return NOTHING

    def confirm(self, by: str) -> int:
        """Keep the generation on trial. Returns its number. Raises BusyError `no-trial`."""
        with self._alone(f"{by} confirms a trial"):
            trial = self.store.journal.trial
            if trial is None:
                raise BusyError("no-trial", "no config is on trial", hint="it may have returned: adamant node events")
            reboot = reboot_reasons(self.rendered(trial.base), self.rendered(trial.generation))
            self.store.write(journals.proven(self.store.journal, trial.generation, good=not reboot))
            self._say(f"generation {trial.generation} is confirmed", trial.generation, by)
            return trial.generation

    def cancel(self, by: str) -> int:
        """End the trial now. Returns the generation that runs. Raises BusyError `no-trial`."""
        with self._alone(f"{by} ends a trial"):
            if self.store.journal.trial is None:
                raise BusyError("no-trial", "no config is on trial")
            self._returned(f"{by} ended the trial")
            return self.journal.running

    def await_resume(self, seconds: float) -> None:
        """Wait until `resume` is over, or so long: a machine answers before it has judged what its boot brought."""
        self._brought_up.wait(seconds)

    def resume(self) -> None:
        """Bring the machine to what the journal says, after a start of the agent: undo, judge, go back."""
        self._resumed = True
        try:
            self._resume()
        finally:
            self._brought_up.set()

    def _resume(self) -> None:
        with self._alone("the agent brings the config up"):
            for words in self.store.found:
                self._tell(words, {"by": NODE})
            fallen = journals.at_boot(self.store.journal, self._boot)
            if fallen.why:
                self._say(f"generation {fallen.generation} is over: {fallen.why}", fallen.generation, NODE)
            self._note(fallen.journal)
            step = self.journal.under_way
            if step is not None and step.mode is not Mode.BOOT:
                self._returned("the agent ended while it was put in place")
            elif step is not None:
                self._finish_boot(step.generation, step.base)
            else:
                number = journals.wanted(self.journal)
                if self.host.generation != number or self.host.pending:
                    wanted = self.rendered(number)
                    self._put(wanted, wanted, number)
            self.store.prune()

    def _finish_boot(self, generation: int, back: int) -> None:
        """Judge a generation that this boot brought."""
        try:
            wanted = self.rendered(generation)
            self._put(wanted, wanted, generation)
        except AdamantError as error:
            self._returned(str(error))
            return
        reasons = self._judge(set(), self._clock.now() + limits.BOOT_SECONDS, limits.CONFIG_STEADY_SECONDS)
        if reasons and back != NONE:
            self._returned("; ".join(f"{name}: {words}" for name, words in sorted(reasons.items())))
        else:  # with nothing to go back to, a machine keeps the config that it was given
            self._note(journals.proven(self.journal, generation, good=not reasons))
            self._say(f"generation {generation} runs", generation, NODE)

    def remaining(self) -> float | None:
        """Seconds until the trial is over; None when there is none."""
        trial = self.journal.trial
        return trial.deadline - self._clock.now() if trial else None

    def tend(self) -> None:
        """Do what is due: end a trial that is over, record what could not be, mend what has drifted."""
        try:
            with self._alone("the agent looks after the config"):
                step, trial = self.journal.under_way, self.journal.trial
                if step is not None and step.mode is not Mode.BOOT:  # whoever was at it has failed by a bug
                    self._returned("the agent failed while it was put in place")
                    return
                if trial and self._clock.now() >= trial.deadline:
                    self._returned("nobody confirmed the trial in time")
                    return
                drift = self.host.drift()
                if drift:
                    self._mend(drift)
        except BusyError:
            return  # somebody changes the config just now, and knows what it is to be

    def _mend(self, drift: list[str]) -> None:
        number = journals.wanted(self.journal)
        wanted = self.rendered(number)
        if any(path.startswith("proc/sys/") for path in drift):
            self.host.leave({*self.host.pending, SYSCTLS})
        self._put(wanted, wanted, number)
        self._say(f"{', '.join(drift[:5])} was not as generation {number} says, and is again", number, NODE)

    def _say(self, message: str, generation: int, by: str) -> None:
        self._tell(message, {"generation": str(generation), "by": by})


def this_boot(root: Path) -> journals.Boot:
    """The boot that the machine is in."""
    return journals.Boot(boot_id(root), read_release(root).get("IMAGE_VERSION", ""))
