"""Attestations judged: quotes of a TPM, event logs, and what releases say of themselves. Nothing here is believed."""
