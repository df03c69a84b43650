"""What everything stands on: types, errors, the registry of plug-ins, whole files, randomness."""
