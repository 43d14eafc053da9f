"""Reset: what can be wiped, who asks for it, and what wipes it at the next boot."""
