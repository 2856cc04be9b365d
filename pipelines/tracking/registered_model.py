"""The best trial of a sweep in MLflow's model registry: `models:/smis-SWEEP@best`."""

import importlib.metadata
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.tracking.cell_outputs import CellOutputs, output_md5, sha256
from pipelines.tracking.client import TrackingClient

if TYPE_CHECKING:
    from mlflow.entities import Run

_ALIAS = "best"
_MODEL_CODE = Path(__file__).with_name("model.py")
_DESCRIPTION = """The best trial of sweep {sweep}; the alias `best` moves when another trial is better.

    model = mlflow.pyfunc.load_model("models:/{model}@best")
    images = model.predict(maps, params={{"seed": 3, "samples": 2}})

`maps`: uint16, (maps, height, width, channels), class ids, and optionally instance ids in a second channel.
`images`: uint8, (maps x samples, height, width, 3).
"""
_COPIED_TAGS = (
    "smis.dataset",
    "smis.system",
    "smis.sweep",
    "smis.trial",
    "smis.checkpoint",
    "smis.commit",
    "smis.dirty",
)


@dataclass(frozen=True)
class SweepModel:
    """The registered model of a sweep, and the run that becomes its version `best`."""

    client: TrackingClient
    sweep: str
    run: "Run"
    description: str
    """The parameters and results of the trial."""

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return f"smis-{self.sweep}"

    def register(self, workspaces: Sequence[Path]) -> str | None:
        """Register the run's checkpoint unless it is a version already, and move the alias.

        Args:
            workspaces: where to look for the checkpoint.

        Returns:
            The model's URI; None if no workspace has the checkpoint.
        """
        import mlflow

        mlflow.set_tracking_uri(self.client.uri)  # Model.log takes no client
        mlflow.set_registry_uri(self.client.uri)
        version = self._registered_version()
        if version is None:
            workspace = self._workspace(workspaces)
            if workspace is None:
                return None
            version = self._create_version(workspace)
        self.client.api.set_registered_model_alias(self.name, _ALIAS, version)
        return f"models:/{self.name}@{_ALIAS}"

    @property
    def _cell(self) -> CellOutputs:
        return CellOutputs.parse(self.run.data.tags["smis.cell"])

    def _registered_version(self) -> str | None:
        digest = self.run.data.tags["smis.checkpoint"]
        versions = self.client.api.search_model_versions(f"name = '{self.name}'")
        return next((str(each.version) for each in versions if each.tags.get("smis.checkpoint") == digest), None)

    def _workspace(self, workspaces: Sequence[Path]) -> Path | None:
        digest = self.run.data.tags["smis.checkpoint"]
        checkpoints = {workspace: workspace / self._cell.checkpoint for workspace in workspaces}
        return next((key for key, path in checkpoints.items() if path.exists() and sha256([path]) == digest), None)

    def _create_version(self, workspace: Path) -> str:
        api = self.client.api
        if not api.search_registered_models(f"name = '{self.name}'"):
            api.create_registered_model(self.name, description=_DESCRIPTION.format(sweep=self.sweep, model=self.name))
        tags = {name: self.run.data.tags[name] for name in _COPIED_TAGS if name in self.run.data.tags}
        tags |= _dvc_tags(workspace, self._cell)
        model_id = self._log_model(workspace, tags)
        version = api.create_model_version(
            self.name,
            source=f"models:/{model_id}",
            run_id=self.run.info.run_id,
            tags=tags,
            description=self.description,
            model_id=model_id,
        )
        return str(version.version)

    def _log_model(self, workspace: Path, tags: dict[str, str]) -> str:
        """Log the checkpoint, with the code that trained it, as a model of the run; return the model's id."""
        from mlflow import pyfunc
        from mlflow.models import Model

        logged = self.client.api.create_logged_model(
            self.run.info.experiment_id,
            name=tags["smis.system"],
            source_run_id=self.run.info.run_id,
            params=self.run.data.params,
            tags=tags,
        )
        source = workspace / self._cell.checkpoint
        with TemporaryDirectory() as folder:  # DVC may have made it a symbolic link, which MLflow refuses
            checkpoint = shutil.copyfile(source, Path(folder, source.name))
            Model.log(
                artifact_path=None,
                model_id=logged.model_id,
                run_id=self.run.info.run_id,
                flavor=pyfunc,
                python_model=str(_MODEL_CODE),
                artifacts={"checkpoint": str(checkpoint)},
                code_paths=[str(workspace / "smis")],
                signature=_signature(),
                input_example=_input_example(workspace / "data" / self._cell.dataset),
                pip_requirements=_requirements(),
            )
        return logged.model_id


def _dvc_tags(workspace: Path, cell: CellOutputs) -> dict[str, str]:
    """Return DVC's hashes of data and weights, by which they are found in every cache and remote."""
    outputs = {"smis.dvc.data": Path("data", cell.dataset), "smis.dvc.checkpoint": cell.checkpoint}
    hashes = {name: output_md5(output, workspace=workspace) for name, output in outputs.items()}
    return {name: md5 for name, md5 in hashes.items() if md5 is not None}


def _input_example(data: Path) -> np.ndarray[Any, Any]:
    """Return the first test label map with its instances, as `model.py` takes them."""
    from smis.data.shards import Prepared

    first = Prepared(data).split("test")[0]
    return np.stack([first.labels, first.instances], axis=-1, dtype=np.uint16, casting="unsafe")[None]


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint16), (-1, -1, -1, -1))]),
        outputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3))]),
        params=ParamSchema([ParamSpec("seed", DataType.long, 0), ParamSpec("samples", DataType.long, 1)]),
    )


def _requirements() -> list[str]:
    """Return the dependencies of `smis` in the installed versions, without local suffixes such as `+cpu`."""
    lines = [line for line in importlib.metadata.requires("smis") or [] if "extra ==" not in line]
    names = [line.split(">")[0].split("=")[0] for line in lines]
    return [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
