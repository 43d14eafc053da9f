"""The policy of mandatory access control, compiled as images get it."""

from pathlib import Path

from adamant.core.store import Store
from adamant.image import policy
from adamant.packages.tools import ToolsTree

PROFILES = (b"adamant-host", b"adamant-layer", b"adamant-containerd", b"adamant-container", b"adamant-host-container")


def test_it_compiles_without_a_warning_to_the_same_bytes_everywhere(tree: ToolsTree, tmp_path: Path) -> None:
    first = policy.make_policy(tree, Store(tmp_path / "a")).read_bytes()
    for number in range(5):
        assert first == policy.make_policy(tree, Store(tmp_path / str(number))).read_bytes()
    assert all(b"%s\0" % name in first for name in PROFILES)
    assert len(first) < 1 << 20


def test_no_profile_is_in_complaint_mode_or_unconfined() -> None:
    text = b"".join(policy.sources().values()).decode()
    assert not any(word in text for word in ("complain", "unconfined", "default_allow", " ux", " Ux"))
