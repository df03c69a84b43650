"""The stages of dvc.yaml, one script each."""

import os

# Waiting threads spin briefly and then sleep. By default they spin for long, which halves the speed
# on busy cores (docs/log.md). PyTorch reads this variable when it is loaded, so it is set before.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
