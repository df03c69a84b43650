"""The script that MLflow runs to load a published model.

MLflow copies this file beside the model's weights, and the package into code/. The file imports
nothing of the package until it knows that the process uses the model's copy of it.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE
from mlflow.pyfunc.model import PythonModel


class PublishedModel(PythonModel):
    """The served model; the process must run the code that the model was published with."""

    def load_context(self, context: Any) -> None:
        """Loads the model. Raises MlflowException when other code of twinview is imported."""
        require_same_code(Path(__file__).parent / "code" / "twinview")
        from twinview.serving.pyfunc import ServedModel

        self._served = ServedModel()
        self._served.load_context(context)

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """What ServedModel.predict returns."""
        return self._served.predict(context, model_input, params)


def require_same_code(folder: Path) -> None:
    """Raises MlflowException unless each file of the model's package equals the imported one.

    A process can import one package twinview only: the installed one, or the first model's.
    """
    import twinview

    imported = Path(twinview.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder)
        if not (imported / name).is_file() or (imported / name).read_bytes() != file.read_bytes():
            raise MlflowException(
                f"this model was published with other code than the twinview that this process "
                f"has imported from {imported}: {name} differs. Load the model in a new process, "
                "before anything there imports twinview or loads another model",
                error_code=INVALID_STATE,
            )


mlflow.models.set_model(PublishedModel())
