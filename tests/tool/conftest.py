"""The example's lock and its tools tree, from the mirror of this computer: made once for all tests."""

from pathlib import Path

import pytest

from adamant.core import places
from adamant.model.definition import Image
from adamant.model.lock import Lock
from adamant.packages import tools
from adamant.packages.lock import make_lock
from adamant.packages.tools import ToolsTree


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache that builds use, so that packages are downloaded once."""
    return places.cache()


@pytest.fixture(scope="session")
def lock(cache: Path) -> Lock:
    """A lock of a small definition."""
    return make_lock(Image(name="example", version="1", packages=("containerd", "runc")), cache)


@pytest.fixture(scope="session")
def tree(lock: Lock, cache: Path) -> ToolsTree:
    """The tools tree of the lock."""
    return tools.open_tools(lock.tools, cache)
