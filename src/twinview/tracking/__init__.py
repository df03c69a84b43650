"""MLflow: its store, one run for each training, one row for each executed pipeline."""

import os
import sys

# MLflow sends usage data to its makers unless this is set before MLflow is imported. So each module
# that imports MLflow is in this package, or imports from this package first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# MLflow's progress bars would fill a log with a line for each of their steps.
if not (sys.stderr and sys.stderr.isatty()):
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
