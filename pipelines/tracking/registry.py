"""MLflow's model registry: a checkpoint becomes a version that loads by name, once."""

import importlib.metadata
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.tracking import settings

if TYPE_CHECKING:
    from mlflow.entities import Run

ALIAS = "best"
_CODE = Path(__file__).with_name("model.py")
_KNOWN_BY = "smis.checkpoint"


@dataclass(frozen=True)
class Entry:
    """What is registered: a trained system and where it comes from."""

    checkpoint: Path
    code: Path
    """The folder `smis` that it was trained with; it travels with the weights."""
    example: np.ndarray
    """Maps as `model.py` takes them."""
    description: str
    tags: Mapping[str, str]
    """With `smis.checkpoint`, by which a version is known again."""


class Registry:
    """The registry of one MLflow. Every method may raise what `store.failures` lists."""

    def __init__(self, uri: str) -> None:
        settings.prepare()
        import mlflow

        mlflow.set_tracking_uri(uri)  # what logs a model takes no client
        mlflow.set_registry_uri(uri)
        self._client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    def known(self, name: str, checkpoint: str) -> str | None:
        """Return the version that holds the checkpoint with this SHA-256."""
        versions = self._client.search_model_versions(f"name = '{name}'")
        return next((str(one.version) for one in versions if one.tags.get(_KNOWN_BY) == checkpoint), None)

    def add(self, name: str, entry: Entry, *, run: "Run", about: str) -> str:
        """Make a version of a run's checkpoint and return it; `about` describes the model if it is the first."""
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name, description=about)
        source = self._log(entry, run=run)
        made = self._client.create_model_version(
            name,
            source=f"models:/{source}",
            run_id=run.info.run_id,
            tags=dict(entry.tags),
            description=entry.description,
            model_id=source,
        )
        return str(made.version)

    def point(self, name: str, version: str) -> None:
        """Let the alias `best` mean this version."""
        self._client.set_registered_model_alias(name, ALIAS, version)

    def _log(self, entry: Entry, *, run: "Run") -> str:
        """Log the model with its run, which stays as it is, and return its id."""
        from mlflow import pyfunc
        from mlflow.models import Model

        made = self._client.create_logged_model(
            run.info.experiment_id,
            name=entry.tags["smis.system"],
            source_run_id=run.info.run_id,
            params=run.data.params,
            tags=dict(entry.tags),
        )
        with TemporaryDirectory() as folder:  # DVC may have made a link of it, which MLflow refuses
            checkpoint = shutil.copyfile(entry.checkpoint, Path(folder, entry.checkpoint.name))
            Model.log(
                artifact_path=None,
                model_id=made.model_id,
                run_id=run.info.run_id,
                flavor=pyfunc,
                python_model=str(_CODE),
                artifacts={"checkpoint": str(checkpoint)},
                code_paths=[str(entry.code)],
                signature=_signature(),
                input_example=entry.example,
                pip_requirements=_requirements(),
            )
        return made.model_id


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint16), (-1, -1, -1, -1))]),
        outputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3))]),
        params=ParamSchema([ParamSpec("seed", DataType.long, 0), ParamSpec("samples", DataType.long, 1)]),
    )


def _requirements() -> list[str]:
    """Pin what `smis` needs, as installed here, so that MLflow need not search for it; `+cpu` is no version abroad."""
    needed = [line for line in importlib.metadata.requires("smis") or [] if "extra ==" not in line]
    names = [line.split(">")[0].split("=")[0] for line in needed]
    return [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
