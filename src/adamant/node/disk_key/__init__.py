"""The key of the encrypted state and var, found with the help of a tang server."""
