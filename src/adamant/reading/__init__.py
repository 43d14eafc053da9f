"""Images that anybody may have made, read back to values: what they hold, and what differs between two."""
