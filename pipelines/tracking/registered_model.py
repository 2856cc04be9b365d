"""The best trial of a sweep in MLflow's model registry: `models:/smis-SWEEP@best`."""

import importlib.metadata
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.tracking.cell_outputs import cell_of, output_md5, sha256
from pipelines.tracking.client import TrackingClient

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_ALIAS = "best"
_MODEL_CODE = Path(__file__).with_name("model.py")
_DESCRIPTION = """The best trial of sweep {sweep}; the alias `best` moves when another trial is better.

    model = mlflow.pyfunc.load_model("models:/{model}@best")
    images = model.predict(maps, params={{"seed": 3, "samples": 2}})

`maps`: uint16, (maps, height, width, channels), class ids, and optionally instance ids in a second channel.
`images`: uint8, (maps x samples, height, width, 3).
"""
_COPIED_TAGS = [f"smis.{tag}" for tag in ("dataset", "system", "sweep", "trial", "checkpoint", "commit", "dirty")]


def register(
    client: TrackingClient, run: "Run", *, sweep: str, description: str, workspaces: Sequence[Path]
) -> str | None:
    """Register the checkpoint of a sweep's best run unless it is a version already, and move the alias.

    Args:
        description: the parameters and results of the trial.
        workspaces: where to look for the checkpoint.

    Returns:
        The model's URI; None if no workspace has the checkpoint.
    """
    import mlflow

    mlflow.set_tracking_uri(client.address)  # Model.log takes no client
    mlflow.set_registry_uri(client.address)
    api, name, digest = client.api, f"smis-{sweep}", run.data.tags["smis.checkpoint"]
    versions = api.search_model_versions(f"name = '{name}'")
    version = next((each for each in versions if each.tags.get("smis.checkpoint") == digest), None)
    if version is None:
        checkpoint = cell_of(run.data.tags, run.data.params).checkpoint
        paths = {workspace: workspace / checkpoint for workspace in workspaces}
        workspace = next((each for each, path in paths.items() if path.exists() and sha256([path]) == digest), None)
        if workspace is None:
            return None
        if not api.search_registered_models(f"name = '{name}'"):
            api.create_registered_model(name, description=_DESCRIPTION.format(sweep=sweep, model=name))
        version = _create_version(api, run, workspace, name=name, description=description)
    api.set_registered_model_alias(name, _ALIAS, str(version.version))
    return f"models:/{name}@{_ALIAS}"


def _create_version(api: "MlflowClient", run: "Run", workspace: Path, *, name: str, description: str) -> "ModelVersion":
    """Log the checkpoint, with the code that trained it, as a model of the run, and register it."""
    from mlflow import pyfunc
    from mlflow.models import Model

    cell, run_id = cell_of(run.data.tags, run.data.params), run.info.run_id
    # DVC's hashes of data and weights, by which they are found in every cache and remote.
    outputs = {"smis.dvc.data": Path("data", cell.dataset), "smis.dvc.checkpoint": cell.checkpoint}
    hashes = {tag: output_md5(output, workspace=workspace) for tag, output in outputs.items()}
    values = hashes | {tag: run.data.tags.get(tag) for tag in _COPIED_TAGS}
    tags = {tag: value for tag, value in values.items() if value is not None}
    logged = api.create_logged_model(
        run.info.experiment_id, name=cell.system, source_run_id=run_id, params=run.data.params, tags=tags
    )
    source = workspace / cell.checkpoint
    with TemporaryDirectory() as folder:  # DVC may have made it a symbolic link, which MLflow refuses
        checkpoint = shutil.copyfile(source, Path(folder, source.name))
        Model.log(
            artifact_path=None,
            model_id=logged.model_id,
            run_id=run_id,
            flavor=pyfunc,
            python_model=str(_MODEL_CODE),
            artifacts={"checkpoint": str(checkpoint)},
            code_paths=[str(workspace / "smis")],
            signature=_signature(),
            input_example=_input_example(workspace / "data" / cell.dataset),
            pip_requirements=_requirements(),
        )
    uri = f"models:/{logged.model_id}"
    return api.create_model_version(
        name, source=uri, run_id=run_id, tags=tags, description=description, model_id=logged.model_id
    )


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
