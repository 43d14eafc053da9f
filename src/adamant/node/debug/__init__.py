"""Debug containers: the agent's side of a session, and the short-lived program that runs it."""
