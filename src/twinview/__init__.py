"""twinview: contrastive representation learning as a reproducible pipeline."""

import os

# MLflow reports its use to its makers unless this is set before it is imported, here or by a user.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

__version__ = "0.1.0"
