"""Examples and their splits, the order of batches, pairs that a user labelled."""
