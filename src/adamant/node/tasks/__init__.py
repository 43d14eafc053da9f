"""Tasks: short-lived processes with rights of their own, for what the agent itself may not do."""
