"""`adamant node dashboard`: values (`snapshot`), their picture (`view`), and two edges: `poller` and `terminal`."""
