"""What MLflow runs to load a published model: served, out of the code that the model brings.

MLflow copies this file beside the model's weights and the package, in code/. It needs nothing of
the package before it knows that the one that this process has is the model's.
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
    """The served model, where this process runs the code that it was published with."""

    def load_context(self, context: Any) -> None:
        """Raises MlflowException where `import twinview` has found other code already."""
        require_same_code(Path(__file__).parent / "code" / "twinview")
        from twinview.serving.pyfunc import ServedModel

        self._served = ServedModel()
        self._served.load_context(context)

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """As ServedModel.predict."""
        return self._served.predict(context, model_input, params)


def require_same_code(folder: Path) -> None:
    """Raises MlflowException unless each file of a model's package is equal in the imported one.

    A process has one package of a name: the installed one, or that of the model that came first.
    """
    import twinview

    imported = Path(twinview.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder)
        if not (imported / name).is_file() or (imported / name).read_bytes() != file.read_bytes():
            raise MlflowException(
                f"this model was published with other code than the twinview that this process "
                f"has imported from {imported}: {name} differs. Load the model in a process of "
                "its own, before anything there imports twinview or loads another model",
                error_code=INVALID_STATE,
            )


mlflow.models.set_model(PublishedModel())
