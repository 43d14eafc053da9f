"""What the node can show of itself: a module for each noun, a registry of kinds, and who watches them."""
