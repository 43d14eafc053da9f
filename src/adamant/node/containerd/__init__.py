"""The part of containerd's API (1.7) that the agent asks: messages with the names and numbers of its own."""
