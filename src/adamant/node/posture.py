"""The posture of the image that runs here, and its rules: what the machine promises."""

from pathlib import Path

from adamant.model.posture import FILE, RULES, Posture, Rules
from adamant.node.reading import read_line


def read(root: Path) -> Posture:
    """The posture that the image was built for; guarded where it does not say."""
    word = read_line(root / FILE)
    return Posture(word) if word in set(Posture) else Posture.GUARDED


def rules(root: Path) -> Rules:
    """The rules of that posture."""
    return RULES[read(root)]
