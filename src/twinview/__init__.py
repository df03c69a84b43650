"""twinview: contrastive representation learning as a reproducible pipeline."""

import os
import sys

# MLflow reports its use to its makers unless this is set before it is imported, here or by a user.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its bars would fill a log with every step of theirs.
if not (sys.stderr and sys.stderr.isatty()):
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

__version__ = "0.1.0"
