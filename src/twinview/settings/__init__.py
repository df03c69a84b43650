"""params.yaml: its sections, their types and ranges, and the messages about faults."""
