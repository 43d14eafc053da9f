"""The containerds of a machine: one for its workload, one for its host containers, and what is apart between them.

What stays true: neither has a folder, a socket, a cgroup or a profile of the other's, so that neither can fill or stop
the other. It imports nothing but the standard library: every boot with a config loads it.
"""

from typing import NamedTuple


class Runtime(NamedTuple):
    """A containerd. Paths are relative to `/`."""

    name: str
    """Its name: that of its unit, and of its folders below /run and /var/lib."""
    namespace: str
    """Its namespace for containers of the config."""
    specs: str
    """The folder in which the config leaves what its containers are to be."""
    slice: str
    """The slice (systemd.slice(5)) that its containers are in."""
    profile: str
    """What confines its containers where the image has a policy, unless they have all rights (node/policy/)."""

    @property
    def unit(self) -> str:
        """The unit that runs it."""
        return f"{self.name}.service"

    @property
    def socket(self) -> str:
        """The socket that it answers at."""
        return f"run/{self.name}/containerd.sock"

    @property
    def runc_root(self) -> str:
        """The folder in which runc keeps the states of its containers."""
        return f"run/{self.name}/runc"

    def spec(self, container: str) -> str:
        """The file with the spec of a container."""
        return f"{self.specs}/{container}.json"

    def variables(self, container: str) -> str:
        """The file with the variables of a container, a line each (NAME=VALUE)."""
        return f"{self.specs}/{container}.env"


WORKLOAD = Runtime("containerd", "adamant", "run/adamant/containers", "system.slice", "&adamant-container")
HOST = Runtime(
    "host-containerd", "host", "run/adamant/host-containers", "host-containers.slice", "&adamant-host-container"
)
RUNTIMES: dict[str, Runtime] = {runtime.name: runtime for runtime in (WORKLOAD, HOST)}
"""Both, by name."""
