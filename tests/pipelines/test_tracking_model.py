"""A sweep's best trial in MLflow's registry: loaded back through pyfunc, it draws the same pictures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import smis
from pipelines.tracking import sweep
from smis.data.shards import Prepared

from .swept import Swept, swept

__all__ = ["swept"]
BEST = "models:/smis-rates@best"
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),  # MLflow's own, at its import
]


def client(swept: Swept) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(swept.uri, registry_uri=swept.uri)


def loaded() -> Any:
    from mlflow import pyfunc

    return pyfunc.load_model(BEST)


def maps(swept: Swept, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Two test label maps and their instances."""
    test = Prepared(swept.folder(number) / "data" / "paperdoll").split("test")
    return np.stack([test[n].labels for n in (1, 2)]), np.stack([test[n].instances for n in (1, 2)])


@pytest.mark.parametrize("system", ["groupdnet", "inade", "spade"])
def test_the_registered_model_draws_the_very_pictures_of_smis_load(swept: Swept, system: str) -> None:
    checkpoint = swept.add(0, system, mcsd=0.05)
    swept.summarize(best=0)
    labels, instances = maps(swept, 0)
    given = np.stack([labels, instances], axis=-1).astype(np.uint16)
    synth = smis.load(checkpoint, device="cpu")
    own = smis.to_uint8(synth(labels, synth.sample(labels, instances, seed=7, samples=2), instances))
    model = loaded()
    drawn = model.predict(given, params={"seed": 7, "samples": 2})
    assert drawn.dtype == np.uint8
    assert drawn.std() > 1
    np.testing.assert_array_equal(drawn, own)
    without = smis.to_uint8(synth(labels, synth.sample(labels)))
    np.testing.assert_array_equal(model.predict(given[..., :1]), without)


def test_it_says_what_it_takes_and_where_it_comes_from(swept: Swept) -> None:
    swept.add(0, "groupdnet", mcsd=0.05, deviation=0.01)
    swept.summarize(best=0)
    version = client(swept).get_model_version_by_alias("smis-rates", "best")
    run = client(swept).get_run(version.run_id)
    assert version.description == "trial 0: mCSD 0.05 ± 0.01"
    assert version.tags["smis.dvc.data"] == "da7a.dir"
    assert version.tags["smis.dvc.checkpoint"] == "groupdnet md5"
    assert version.tags["smis.checkpoint"] == run.data.tags["smis.checkpoint"]
    assert run.inputs.dataset_inputs[0].dataset.digest == "da7a.dir"
    model = loaded()
    assert model.metadata.get_params_schema().to_dict()[0]["name"] == "seed"
    example = model.input_example
    assert example.shape == (1, 32, 64, 2)
    assert model.predict(example).shape == (1, 32, 64, 3)


def test_the_weights_are_no_pickle_and_the_requirements_are_those_of_smis(swept: Swept, tmp_path: Path) -> None:
    from mlflow.artifacts import download_artifacts

    checkpoint = swept.add(0, "groupdnet", mcsd=0.05)
    swept.summarize(best=0)
    folder = Path(download_artifacts(BEST, dst_path=str(tmp_path / "model")))
    assert (folder / "artifacts" / checkpoint.name).read_bytes() == checkpoint.read_bytes()
    assert not list(folder.rglob("*.pkl"))
    needed = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
    assert needed >= {"mlflow", "torch", "safetensors"}
    assert "prefect" not in needed


FRESH = """
import sys, mlflow, numpy
model = mlflow.pyfunc.load_model("models:/smis-rates@best")
numpy.save(sys.argv[1], model.predict(model.input_example, params={"seed": 3}))
import smis
print(smis.__file__)
"""


def test_a_fresh_process_loads_it_with_the_code_it_was_trained_with(swept: Swept, tmp_path: Path) -> None:
    checkpoint = swept.add(0, "groupdnet", mcsd=0.05)
    swept.summarize(best=0)
    place = tmp_path / "elsewhere"
    place.mkdir()
    command = [sys.executable, "-c", FRESH, "drawn.npy"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[-1]).parts[-4:] == ("artifacts", "code", "smis", "__init__.py")
    first = Prepared(swept.folder(0) / "data" / "paperdoll").split("test")[0]
    synth = smis.load(checkpoint, device="cpu")
    own = smis.to_uint8(synth(first.labels, synth.sample(first.labels, first.instances, seed=3), first.instances))
    np.testing.assert_array_equal(np.load(place / "drawn.npy"), own)


def test_the_alias_follows_the_winner_and_no_checkpoint_is_registered_twice(swept: Swept) -> None:
    swept.add(0, "groupdnet", mcsd=0.05)
    swept.add(1, "vspade", mcsd=0.06)
    means = []
    for best in (0, 0, 1, 0):
        swept.summarize(best=best)
        version = client(swept).get_model_version_by_alias("smis-rates", "best")
        means.append((version.version, version.tags["smis.system"]))
    assert means == [(1, "groupdnet"), (1, "groupdnet"), (2, "vspade"), (1, "groupdnet")]
    assert len(client(swept).search_model_versions("name = 'smis-rates'")) == 2


def test_registering_leaves_the_trials_run_as_it_is(swept: Swept) -> None:
    swept.add(0, "groupdnet", mcsd=0.05)
    (before,) = client(swept).search_runs(["1"])
    swept.summarize(best=0)
    (after,) = client(swept).search_runs(["1"])
    assert after.info.end_time == before.info.end_time
    assert after.info.status == "FINISHED"
    assert after.data.metrics == before.data.metrics


def test_a_winner_from_another_machine_is_registered_once_it_was_brought(
    swept: Swept, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = swept.add(4, "groupdnet", mcsd=0.05)
    away = swept.workspace / "another machine"
    swept.folder(4).rename(away)
    swept.summarize(best=4)
    assert "`python -m flows.sweep.apply rates 4 --pull` and" in capsys.readouterr().err
    assert not client(swept).search_registered_models()
    for part in ("runs", "data", "dvc.lock", "smis"):
        (away / part).rename(swept.workspace / part)
    sweep.main("rates")
    assert capsys.readouterr().out.splitlines()[-1] == f"sweep rates, best model  {BEST}"
    assert json.loads(Path(sweep.SWEEPS, "rates", "summary.json").read_text())["best"] == 4
    assert (swept.workspace / checkpoint.relative_to(swept.folder(4))).exists()
