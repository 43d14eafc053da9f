"""Starts the agent on a machine, in the fewest steps that Python and gRPC can be brought to.

    /usr/lib/adamant/run agent

Without `site` (-S) this module says itself where Debian's packages are. Debian's grpcio imports asyncio for `grpc.aio`,
which nothing here uses, and inspect for the same; empty modules stand in for them while gRPC is loaded. Together that
saves a quarter of the time from exec to serving. It fits the grpcio of Debian 13; `python3 -m adamant.node.agent` does
without.
"""

import sys

PACKAGES = "/usr/lib/python3/dist-packages"
UNUSED = ("asyncio", "grpc.aio", "inspect")


def main() -> int:
    """Load what is needed, then be the agent."""
    module = type(sys)
    sys.path.append(PACKAGES)
    for name in UNUSED:
        sys.modules[name] = module(name)
    vars(sys.modules["inspect"])["isgenerator"] = callable  # Cython wraps it, and complains where there is none
    import grpc  # noqa: F401, PLC0415 - only now is it to be loaded

    for name in UNUSED:
        del sys.modules[name]
    from adamant.node import agent  # noqa: PLC0415 - imports gRPC

    return agent.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
