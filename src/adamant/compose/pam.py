"""PAM's common-* files, from the profiles of packages, as pam-auth-update(8) makes them.

What stays true: of the profiles, those whose Default is yes are in, by priority; the texts around them are those of
libpam-runtime. Imports model only (and `entries`).
"""

from collections.abc import Mapping, Sequence

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.tree import Entry, Tree

_PROFILES = "usr/share/pam-configs"
_TEMPLATES = "usr/share/pam"
_STACKS = ("auth", "account", "password", "session", "session-noninteractive")

Profile = Mapping[str, str]
"""Fields of a profile; a field of several lines holds them separated by line breaks."""


def parse(text: str, where: str) -> dict[str, str]:
    """A profile of pam-auth-update. Raises InputError (`pam-profile-malformed`)."""
    found: dict[str, str] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        head, colon, rest = line.partition(":")
        if colon and not line[0].isspace() and head and not any(c.isspace() for c in head):
            name = head.removesuffix("-Final")
            found[name] = rest.strip()
        elif name and line[0].isspace():
            found[name] = f"{found[name]}\n{line.strip()}".strip()
        else:
            raise InputError("pam-profile-malformed", f"cannot be read: {line[:200]!r}", context=f"{where}:{number}")
    if found.get("Session-Interactive-Only") != "yes":
        for field in ("-Type", "", "-Initial"):
            if f"Session{field}" in found:
                found[f"Session-noninteractive{field}"] = found[f"Session{field}"]
    return found


def order(profiles: Mapping[str, Profile]) -> list[Profile]:
    """Profiles that are on by default, highest priority first; one that conflicts with a higher one is left out."""
    names = [name for name, profile in profiles.items() if profile.get("Default") == "yes"]
    names.sort(reverse=True)
    names.sort(key=lambda name: -_priority(profiles[name], name))
    kept: list[str] = []
    for name in names:
        against = set(profiles[name].get("Conflicts", "").replace(",", " ").split())
        if not against & set(kept) and not any(
            name in profiles[k].get("Conflicts", "").replace(",", " ").split() for k in kept
        ):
            kept.append(name)
    return [profiles[name] for name in kept]


def _priority(profile: Profile, name: str) -> int:
    try:
        return int(profile.get("Priority", "0"))
    except ValueError as error:
        raise InputError("pam-profile-malformed", "the priority is not a number", context=name) from error


def render(template: str, stack: str, profiles: Sequence[Profile]) -> str:
    """The file of one stack: `template` with its two places filled."""
    field = "-".join(part.capitalize() if i == 0 else part for i, part in enumerate(stack.split("-")))
    word = stack.removesuffix("-noninteractive")
    out: list[str] = []
    for line in template.splitlines():
        if line == f"${word}_primary":
            out += _block(field, word, "Primary", profiles)
        elif line == f"${word}_additional":
            out += _block(field, word, "Additional", profiles)
        elif line == f"${word}_nonint_primary":
            out += _block(field, word, "Primary", profiles)
        elif line == f"${word}_nonint_additional":
            out += _block(field, word, "Additional", profiles)
        else:
            out.append(line)
    return "".join(f"{line}\n" for line in out)


def _block(field: str, word: str, block: str, profiles: Sequence[Profile]) -> list[str]:
    chosen = [p for p in profiles if p.get(f"{field}-Type") == block]
    texts: list[str] = []
    for index, profile in enumerate(chosen):
        text = profile.get(f"{field}-Initial", "") if index == 0 else ""
        texts += (text or profile.get(field, "")).splitlines()
    if not texts and block == "Primary":
        return [f"{word}\t[default=1]\t\t\tpam_permit.so"]
    # `end` is a jump over the rest of the block; what follows the primary block is the line that denies.
    left = len(texts) - (block == "Additional")
    lines = []
    for text in texts:
        control, module = _control(text)
        options = module.split()
        lines.append(
            f"{word}\t{control.replace('end', str(left))}{_gap(text, control)}{options[0]} {' '.join(options[1:])}"
        )
        left -= 1
    return lines


def _control(text: str) -> tuple[str, str]:
    """The control field of a line (a word, or what stands in brackets), and the rest."""
    if text.startswith("["):
        inside, bracket, rest = text.partition("]")
        if bracket:
            return inside + "]", rest
    control, _, rest = text.replace("\t", " ").partition(" ")
    if not rest.strip():
        raise InputError("pam-profile-malformed", f"not a line of PAM: {text!r}")
    return control, rest


def _gap(text: str, control: str) -> str:
    """White space between control and module, as the profile has it."""
    rest = text[len(control) :]
    return rest[: len(rest) - len(rest.lstrip())]


def make(tree: Tree) -> list[Entry]:
    """The files common-*, or nothing when libpam-runtime is not in the tree."""
    profiles = {
        entry.path.rpartition("/")[2]: parse(entries.text(final), entry.path)
        for entry in entries.inside(tree, _PROFILES)
        if (final := entries.real_file(tree, entry.path)) is not None
    }
    ordered = order(profiles)
    made: list[Entry] = []
    for stack in _STACKS:
        template = entries.real_file(tree, f"{_TEMPLATES}/common-{stack}")
        if template is not None and f"etc/pam.d/common-{stack}" not in tree:
            made.append(entries.file(f"etc/pam.d/common-{stack}", render(entries.text(template), stack, ordered)))
    return made
