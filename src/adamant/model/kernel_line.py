"""The kernel's command line as words (kernel, Documentation/admin-guide/kernel-parameters.rst)."""

from collections.abc import Iterable, Mapping


def split(line: str) -> list[str]:
    """The words of a command line: double quotes keep spaces in a word, and are not part of it."""
    words, word, quoted = [], "", False
    for character in line:
        if character == '"':
            quoted = not quoted
        elif character.isspace() and not quoted:
            words.append(word)
            word = ""
        else:
            word += character
    return [word for word in [*words, word] if word]


def by_name(words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Values of arguments by name, in their order; empty for one without a value.

    The kernel takes `-` and `_` in a name as the same; here it is `_`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        found[name] = (*found.get(name, ()), value)
    return found
