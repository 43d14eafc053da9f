"""A build says what its definition has accepted to lose, before it does anything."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adamant.core.events import Event, Noted
from adamant.image.build import build
from adamant.image.project import read_project
from adamant.model.lock import encode
from tests.unit.test_locking import a_lock

SEALED = "kind: Image\nname: a\nversion: '1'\npackages: [containerd]\nposture: sealed\nkernel: {debian: accepted}\n"


class Heard(Exception):
    """The build has said what the test wanted to hear."""


def test_a_build_on_debians_kernel_says_what_a_sealed_image_loses(tmp_path: Path) -> None:
    (tmp_path / "adamant.yaml").write_text(SEALED)
    project = read_project(tmp_path)
    project.lock_path.write_bytes(encode(a_lock(image=project.image)))

    def watch(event: Event) -> None:
        assert isinstance(event, Noted)  # it is the first that is heard
        raise Heard(event.message)

    with pytest.raises(Heard, match="every module that Debian's build signs"):
        build(project, tmp_path / "cache", datetime.now(UTC), watch)
    assert not (tmp_path / "out").exists()
