"""The machine config, `kind: Machine`: how one machine runs. Its types, checks, secrets, paths and consequences."""
