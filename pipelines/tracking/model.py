"""The registered model, as MLflow loads it: label maps in, pictures out.

    model = mlflow.pyfunc.load_model("models:/smis-NAME@best")
    pictures = model.predict(maps, params={"seed": 3, "samples": 2})

`maps` is uint16, (maps, height, width, channels): class ids in the first channel, and instance ids in a second one;
without it, each class is one instance. `pictures` is uint8, (maps x samples, height, width, 3): those that
`smis.load` makes of the same checkpoint, maps and seed. MLflow runs this file from a copy beside the checkpoint.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

import smis
from smis.core.errors import LabelError


class Model(PythonModel):
    """A trained system behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Load the checkpoint, onto the GPU if there is one."""
        self._synth = smis.load(context.artifacts["checkpoint"])

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> Any:
        """Make pictures of label maps; `params` are seed and samples for each map.

        Raises:
            LabelError: if the maps do not fit the checkpoint.
        """
        asked = {"seed": 0, "samples": 1} | (params or {})
        if model_input.shape[3] not in (1, 2):
            raise LabelError(f"the maps have {model_input.shape[3]} channels; give class ids, and instance ids or none")
        labels = model_input[..., 0]
        instances = model_input[..., 1] if model_input.shape[3] == 2 else None
        style = self._synth.sample(labels, instances, **asked)
        return smis.to_uint8(self._synth(labels, style, instances))


set_model(Model())
