"""The stages of dvc.yaml, a script each."""

import os

# Read when PyTorch loads, so set before: threads that wait spin briefly and then sleep. The default
# spins for long, which costs nothing on idle cores and a factor of 2 on busy ones (docs/log.md).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
