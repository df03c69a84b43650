"""Twinview beside other libraries, interleaved in one process; `make bench` runs it."""

import pipeline  # noqa: F401  (how long idle threads spin; PyTorch reads it when it loads)
