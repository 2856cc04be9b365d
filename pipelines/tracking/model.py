"""The registered model, as MLflow loads it: label maps in, images out.

    model = mlflow.pyfunc.load_model("models:/smis-NAME@best")
    images = model.predict(maps, params={"seed": 3, "samples": 2})

`maps` is uint16, (maps, height, width, channels): class ids in the first channel, optionally instance ids in a
second one; without it, each class is one instance. `images` is uint8, (maps x samples, height, width, 3), and equal to
what `smis.load` generates from the same checkpoint, maps and seed. MLflow runs a copy of this file.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

import smis
from smis.core.errors import LabelError


class SynthesisModel(PythonModel):
    """A trained system as an MLflow model."""

    def load_context(self, context: Any) -> None:
        """Load the checkpoint, on the GPU if there is one."""
        self._synth = smis.load(context.artifacts["checkpoint"])

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> Any:
        """Generate images from label maps; `params` are `seed` and `samples` (per map).

        Raises:
            LabelError: if the label maps do not fit the checkpoint.
        """
        options = {"seed": 0, "samples": 1} | (params or {})
        if model_input.shape[3] not in (1, 2):
            raise LabelError(f"the maps have {model_input.shape[3]} channels; give class ids and, if any, instance ids")
        labels = model_input[..., 0]
        instances = model_input[..., 1] if model_input.shape[3] == 2 else None
        style = self._synth.sample(labels, instances, **options)
        return smis.to_uint8(self._synth(labels, style, instances))


set_model(SynthesisModel())
