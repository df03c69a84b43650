"""MLflow: its store, one run for each training, one row for each executed pipeline."""

import os
import sys

# MLflow reports its use to its makers unless this is set before it is imported. All of ours that
# imports MLflow is in this package, or imports from it first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its bars would fill a log with every step of theirs.
if not (sys.stderr and sys.stderr.isatty()):
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
