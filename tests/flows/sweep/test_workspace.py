"""Isolated copies of a workspace."""

import subprocess
from pathlib import Path

import yaml
from dvc.repo import Repo

from flows.sweep import workspace
from flows.sweep.config import Choice
from flows.sweep.trial import Trial
from tests.flows.sweeps import SweepWorkspace


def test_a_trials_copy_has_its_own_parameters_and_the_mains_cache(inside: SweepWorkspace) -> None:
    values: dict[str, Choice] = {"train.rate": 1e-5, "systems.one.depth": 3}
    trial = Trial(sweep="a", number=0, seed=7, dataset="doll", system="one", values=values, stages=["train"])
    trial.prepare(inside.path)
    place = trial.folder.absolute()
    text = (place / "params.yaml").read_text()
    params = yaml.safe_load(text)
    assert (params["train"]["rate"], params["systems"]["one"]["depth"], params["axes"]["seed"]) == (1e-5, 3, [7])
    assert params["axes"] == {"dataset": ["doll"], "system": ["one"], "seed": [7]}
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


def test_a_trials_lock_has_its_own_stages_and_is_no_link_to_the_large_one_of_the_table(inside: SweepWorkspace) -> None:
    stages = [f"  {kind}@doll-{name}: {{cmd: run}}" for kind in ("train", "evaluate") for name in ("one", "two")]
    text = "\n".join(["schema: '2.0'", "stages:", *stages, "#" * 2**20])
    (inside.path / "dvc.lock").write_text(text)
    trial = Trial(
        sweep="a", number=0, seed=0, dataset="doll", system="one", stages=["train@doll-one", "evaluate@doll-one"]
    )
    trial.prepare(inside.path)
    own = trial.folder / "dvc.lock"
    assert not own.is_symlink()
    expected = {"schema": "2.0", "stages": {name: {"cmd": "run"} for name in trial.stages}}
    assert yaml.safe_load(own.read_text()) == expected
    assert (inside.path / "dvc.lock").read_text() == text
    own.write_text("its own")
    trial.prepare(inside.path)
    assert own.read_text() == "its own"


def test_the_digest_is_that_of_the_code(inside: SweepWorkspace) -> None:
    before = workspace.digest(inside.path, ["tool.py"])
    (inside.path / "params.yaml").write_text("other")
    assert workspace.digest(inside.path, ["tool.py"]) == before
    (inside.path / "tool.py").write_text("other")
    assert workspace.digest(inside.path, ["tool.py"]) != before


def test_the_cache_and_the_remote_are_found_from_any_path(inside: SweepWorkspace, tmp_path: Path) -> None:
    main = tmp_path / "Räume & mehr" / "main"
    main.parent.mkdir()
    inside.path.rename(main)
    (main / "scratch").mkdir()
    (main / ".scratch").symlink_to("scratch")
    with (main / ".dvc" / "config").open("a") as config:
        config.write("    remote = there\n['remote \"there\"']\n    url = ../../remote\n")
    place = workspace.copy(main, main / ".scratch" / "trial")
    with Repo(str(place.resolve())) as repo:
        assert Path(repo.cache.local.path).is_relative_to(main / ".dvc" / "cache")
        assert Path(repo.config["remote"]["there"]["url"]) == main.parent / "remote"


def test_a_section_is_replaced_value_by_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train:\n  rate: 0.1  # fast\n  more: 1\nempty:\n")
    workspace.set_params(path, {"train": {"rate": 0.2, "small": {"rate": 1e-5}}, "empty.one": 2, "new.two": [1e-5, 3]})
    assert path.read_text().startswith("train:\n  rate: 0.2  # fast\n  small:\n    rate: 1.0e-05\n")
    assert yaml.safe_load(path.read_text()) == {
        "train": {"rate": 0.2, "small": {"rate": 1e-5}},
        "empty": {"one": 2},
        "new": {"two": [1e-5, 3]},
    }


def raw_of(main: Path) -> Path:
    """A folder, a link to one, one that git ignores, one in which git keeps a note, and one that DVC tracks."""
    (main.parent / "photographs").mkdir()
    for name in ("plain", "ignored", "noted", "tracked"):
        (main / "raw" / name).mkdir(parents=True)
        (main / "raw" / name / "1.png").write_text("a picture")
    (main / "raw" / "linked").symlink_to(main.parent / "photographs")
    (main / "raw" / "tracked.dvc").write_text("outs: []\n")
    (main / "raw" / "checksums").write_text("1")
    (main / ".gitignore").write_text("/raw/ignored\n/raw/tracked\n/raw/checksums\n")
    return main / "raw"


def test_raw_folders_and_links_to_them_are_read_where_they_lie(inside: SweepWorkspace, tmp_path: Path) -> None:
    raw = raw_of(inside.path)
    for command in (["init", "--quiet"], ["add", "raw/noted"]):
        subprocess.run(["git", *command], cwd=inside.path, check=True)
    base = workspace.copy(inside.path, tmp_path / "base")
    for place in (base, workspace.copy(base, tmp_path / "trial"), workspace.copy(base, tmp_path / "trial")):
        links = {path.name: path.resolve() for path in (place / "raw").iterdir() if path.is_symlink()}
        photographs = {"linked": tmp_path / "photographs"}
        expected = {name: raw / name for name in ("plain", "ignored")} | photographs
        assert {name: links[name] for name in expected} == expected
        assert not (place / "raw" / "tracked").exists()
        assert (place / "raw" / "checksums").read_text() == "1"
        assert (place / "raw" / "noted" / "1.png").read_text() == "a picture"
