"""What holds the things that calls to containerd make, until something else refers to them.

Without it, a collection that the end of another container or image has begun takes them away in between (containerd,
docs/garbage-collection.md).
"""

import datetime
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from adamant.core import limits
from adamant.node.containerd import leases_pb2, types_pb2
from adamant.node.containerd.connection import Containerd


@contextmanager
def held(containerd: Containerd, *, keep_failed: bool = False) -> Iterator[None]:
    """What calls make within stays until the end; with `keep_failed`, a day more when it ends by an error."""
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=limits.LEASE_SECONDS)
    name = f"adamant-{secrets.token_hex(8)}"
    labels = {"containerd.io/gc.expire": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    request = leases_pb2.CreateRequest(id=name, labels=labels)
    containerd.call("leases.v1.Leases/Create", request, leases_pb2.CreateResponse)
    outer, containerd.lease = containerd.lease, name
    kept = keep_failed
    try:
        yield
        kept = False
    finally:
        containerd.lease = outer
        if not kept:
            containerd.call("leases.v1.Leases/Delete", leases_pb2.DeleteRequest(id=name), types_pb2.Empty)
