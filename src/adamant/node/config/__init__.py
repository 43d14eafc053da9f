"""The node's side of config: generations, applying, trials and the return to what was good."""
