"""Which paths of a package an image gets. The rules are data, so that they have an identity that keys the layers."""

import re
from dataclasses import dataclass
from functools import cached_property

from adamant.model.digest import Identity, identity


@dataclass(frozen=True)
class Filter:
    """Paths that match `drop` are left out, unless they match `keep`: regular expressions over the whole path."""

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> Identity:
        """Identity of the rules."""
        return identity("filter", {"drop": list(self.drop), "keep": list(self.keep)})

    @cached_property
    def _drop(self) -> re.Pattern[str]:
        return re.compile("|".join(self.drop) or r"(?!)")

    @cached_property
    def _keep(self) -> re.Pattern[str]:
        return re.compile("|".join(self.keep) or r"(?!)")

    def wants(self, path: str) -> bool:
        """Whether the image gets `path`."""
        return self._drop.fullmatch(path) is None or self._keep.fullmatch(path) is not None


EVERYTHING = Filter()
"""Nothing is left out: for the tools tree."""

IMAGE = Filter(
    drop=(
        # Read by people at a desk, never by a program on a host.
        r"usr/share/(doc|man|info|doc-base|help|gtk-doc|lintian|bug|linda|omf|menu)/.*",
        # Translations: everything of ours speaks C.UTF-8, which lies in usr/lib/locale.
        r"usr/share/locale/.*",
    ),
    keep=(
        # Licences oblige to pass on the notice with the program.
        r"usr/share/doc/[^/]+",
        r"usr/share/doc/[^/]+/copyright",
    ),
)
"""For an image."""
