"""Isolated copies of a workspace."""

from pathlib import Path

import yaml
from dvc.repo import Repo

from flows.sweep import workspace
from tests.flows.sweeps import SweepWorkspace

CELL = {"dataset": "doll", "system": "one"}


def test_a_copy_has_its_own_parameters_and_the_mains_cache(inside: SweepWorkspace, tmp_path: Path) -> None:
    place = tmp_path / "trial"
    workspace.prepare(inside.path, place, cell=CELL, values={"train.rate": 1e-5, "systems.one.depth": 3}, seed=7)
    text = (place / "params.yaml").read_text()
    params = yaml.safe_load(text)
    assert (params["train"]["rate"], params["systems"]["one"]["depth"], params["seed"]) == (1e-5, 3, 7)
    assert params["axes"] == {"dataset": ["doll"], "system": ["one"]}
    assert text.startswith("# Every number")
    with Repo(str(place)) as repo:
        assert Path(repo.cache.local.path).is_relative_to(inside.path / ".dvc" / "cache")


def test_a_copy_leaves_outs_and_finds_the_remote(inside: SweepWorkspace, tmp_path: Path) -> None:
    with (inside.path / ".dvc" / "config").open("a") as config:
        config.write("    remote = there\n['remote \"there\"']\n    url = ../../remote\n")
    (inside.path / "data").mkdir()
    (inside.path / "data" / "doll").write_text("large")
    place = workspace.copy(inside.path, tmp_path / "trial", outs={"data/doll"})
    assert not (place / "data" / "doll").exists()
    with Repo(str(place)) as repo:
        assert Path(repo.config["remote"]["there"]["url"]) == tmp_path / "remote"


def test_a_copy_made_again_keeps_what_ran_in_it(inside: SweepWorkspace, tmp_path: Path) -> None:
    place = workspace.copy(inside.path, tmp_path / "trial")
    (place / "dvc.lock").write_text("its own")
    (inside.path / "dvc.lock").write_text("the main's")
    (inside.path / "tool.py").write_text("mended")
    workspace.copy(inside.path, place)
    assert ((place / "dvc.lock").read_text(), (place / "tool.py").read_text()) == ("its own", "mended")


def test_the_digest_is_that_of_the_code(inside: SweepWorkspace) -> None:
    before = workspace.digest(inside.path, ["tool.py"])
    (inside.path / "params.yaml").write_text("other")
    assert workspace.digest(inside.path, ["tool.py"]) == before
    (inside.path / "tool.py").write_text("other")
    assert workspace.digest(inside.path, ["tool.py"]) != before
