"""What runs on a machine: the agent and what it looks after. Never imports packages, compose, image or cli."""
