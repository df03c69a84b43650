"""params.yaml: its sections, their types and ranges, and how faults are told."""
