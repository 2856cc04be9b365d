"""zoo/NAME.yaml: checked before training; afterwards its card is filled and the model added."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import smis
from flows import zoo_model
from pipelines.zoo import run as zoo
from smis.core import checkpoint_path
from smis.core.errors import DataError, ParamsError
from smis.models.groupdnet import Config
from smis.training.export import description, save_weights, tensors_of
from smis.zoo import readme
from tests.cells import CLASSES, COUNTS, PARAMS, SIZE, lay_out
from tests.zoo import card, settled

ROOT = Path(__file__).parents[2]
CARD = {key: value for key, value in card.FIELDS.items() if key not in ("training", "metrics")}
RECIPE = {
    "dataset": "paperdoll",
    "system": "groupdnet",
    "params": {"train": {"steps": 20}},
    "labels": 2,
    "card": {**CARD, "data": {"name": "paperdoll", "license": "Apache-2.0", "source": "Drawn by code."}},
}
METRICS = "metrics/paperdoll/groupdnet/seed-0.json"
METRIC = {"value": 0.5, "interval": [0.4, None], "protocol": {"split": "test", "device": "cpu"}}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the recipe `tiny`."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    _write(tmp_path / "zoo" / "tiny.yaml", RECIPE)
    return tmp_path


@pytest.fixture
def trained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, after training and measuring; models are added to a folder of its own."""
    monkeypatch.setattr(checkpoint_path, "ZOO", workspace / "models")
    folder = workspace / ".scratch" / "zoo" / "tiny"
    lay_out(folder)
    run = folder / "runs" / "paperdoll" / "groupdnet" / "seed-0"
    torch.manual_seed(0)
    config = Config(**PARAMS["systems"]["groupdnet"])
    system = config.build(classes=len(CLASSES), height=SIZE, width=SIZE, training=False)
    about = description(
        system="groupdnet", config=config, dataset="paperdoll", classes=CLASSES, palette=[[0, 0, 0]] * len(CLASSES),
        height=SIZE, width=SIZE, step=20,
    )  # fmt: skip
    networks = {"generator": system.generator, "encoder": system.required_encoder()}
    save_weights(run / "checkpoint.safetensors", tensors_of(networks), metadata=about)
    settled.settle(run / "checkpoint.safetensors")
    rows = [{"step": step, "images_per_second": speed} for step, speed in ((10, 1.0), (20, 2.0))]
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / METRICS).parent.mkdir(parents=True)
    metrics = json.dumps({"mCSD": METRIC})
    (folder / METRICS).write_text(metrics)
    deps = [{"path": "data/paperdoll", "md5": f"{'a' * 32}.dir"}]
    outs = [{"path": METRICS, "md5": hashlib.md5(metrics.encode()).hexdigest()}]
    _write(folder / "dvc.lock", {"stages": {"evaluate@paperdoll-groupdnet-0": {"deps": deps, "outs": outs}}})
    (folder / "commit").write_text("0123456789abcdef0123456789abcdef01234567\n")
    return workspace


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("path", sorted((ROOT / "zoo").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_can_be_trained_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    zoo.main("check", path.stem)


def test_the_flow_trains_where_the_pipeline_looks() -> None:
    assert (zoo_model.RECIPES, zoo_model.SCRATCH / "zoo", zoo_model.COMMIT) == (zoo.RECIPES, zoo.WORKSPACES, zoo.COMMIT)


def test_a_model_that_was_trained_is_added_with_its_figures(trained: Path) -> None:
    zoo.main("add", "tiny")
    front_matter, text = readme.read(trained / "models" / "tiny" / "README.md")
    assert readme.metrics_of(front_matter) == {"mCSD": 0.5}
    for line in (
        "* Steps: 20",
        f"* Training images: {COUNTS['train']}",
        f"* DVC hash: {'a' * 32}.dir",
        "* Command: make zoo MODEL=tiny",
        "* Commit: 0123456789abcdef0123456789abcdef01234567",
        "* Hours: 0.017",  # 10 steps of 4 at 1 image/s, and 10 at 2
        "* Machine: cpu",
        "| mCSD | 0.5 | 0.4 to unknown |",
    ):
        assert line in text.splitlines()
    assert len(list((trained / "models" / "tiny" / "labels").iterdir())) == 2
    synth = smis.load("zoo:tiny", device="cpu")
    assert synth(trained / "models" / "tiny" / "labels" / "0.png").shape == (1, 3, SIZE, SIZE)


def test_what_the_recipe_says_itself_stays(trained: Path) -> None:
    recipe = zoo.ModelRecipe.check(
        {**RECIPE, "card": {**RECIPE["card"], "training": {"machine": "2 cores", "hours": 3}}}, source=""
    )
    filled = zoo.fill(recipe, trained / ".scratch" / "zoo" / "tiny", command="make")
    assert (filled.training.machine, filled.training.hours, filled.training.command) == ("2 cores", 3, "make")


def test_a_model_that_is_not_measured_is_not_added(trained: Path) -> None:
    _write(trained / ".scratch" / "zoo" / "tiny" / "dvc.lock", {"stages": {}})
    with pytest.raises(DataError, match="has no evaluate@paperdoll-groupdnet-0; train and measure the model first"):
        zoo.main("add", "tiny")
    assert not (trained / "models").exists()


@pytest.mark.parametrize("content", ['{"mCSD": {}}', None])
def test_metrics_of_another_training_are_refused(trained: Path, content: str | None) -> None:
    metrics = trained / ".scratch" / "zoo" / "tiny" / METRICS
    metrics.unlink() if content is None else metrics.write_text(content)
    with pytest.raises(DataError, match=r"groupdnet/seed-0\.json is not what dvc\.lock has; measure the model again"):
        zoo.main("add", "tiny")
    assert not (trained / "models").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"params": {"train": {"stepz": 1}}}, r"train\.stepz: there is no such key"),
        ({"system": "nothing"}, r"systems\.nothing: there is no such section"),
        ({"card": {**RECIPE["card"], "license": "MIT License"}}, r"card\.license: String should match"),
        ({"labels": 99}, r"labels: Input should be less than or equal to 16"),
    ],
    ids=str,
)
def test_a_mistake_is_found_before_training(workspace: Path, changed: dict[str, Any], message: str) -> None:
    _write(workspace / "zoo" / "tiny.yaml", RECIPE | changed)
    with pytest.raises(ParamsError, match=message):
        zoo.main("check", "tiny")


def test_a_wrong_command_names_those_that_there_are(workspace: Path) -> None:
    with pytest.raises(ParamsError, match="the command is 'train'; give one of: check, add"):
        zoo.main("train", "tiny")


def test_a_model_without_a_recipe_names_those_that_have_one(workspace: Path) -> None:
    with pytest.raises(ParamsError, match=r"there is no zoo/tinny\.yaml; there are: tiny$"):
        zoo.main("check", "tinny")
