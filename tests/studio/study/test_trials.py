import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import smis
from smis.core.errors import ParamsError
from smis.studio.study.picture_sources import CheckpointPictures
from smis.studio.study.tasks import NO
from smis.studio.study.trials import draw_trials
from tests import checkpoints
from tests.studio.study import studies


def test_one_seed_draws_the_same_trials_and_another_one_others() -> None:
    first, again = (studies.trials() for _ in range(2))
    assert first == again
    assert first != draw_trials([studies.source(n) for n in range(2)], "she", pairs=4, practice=2, seed=1)


def test_every_system_is_asked_about_the_same_label_maps_and_classes() -> None:
    scored = [trial for trial in studies.trials(pairs=6) if not trial.practice and trial.catch is None]
    asked = {
        name: [(t.label_map, t.region) for t in scored if t.systems[0] == name] for name in ("system 0", "system 1")
    }
    assert asked["system 0"] == asked["system 1"]
    assert sorted(asked["system 0"]) == sorted((name, region) for name in studies.MAPS for region in ("hair", "top"))


def test_a_tenth_is_catch_trials_whose_right_answer_is_known() -> None:
    drawn = draw_trials([studies.source(n) for n in range(2)], "she", pairs=9, practice=0)
    caught = [trial for trial in drawn if trial.catch is not None]
    assert len(drawn) == 20
    assert len(caught) == 2
    assert {trial.right for trial in caught} == {NO}
    assert {trial.right for trial in drawn if trial.catch is None} == {None}


def test_half_of_the_catch_pairs_are_identical_and_half_differ_in_everything() -> None:
    drawn = studies.trials(pairs=6, catch_share=0.5)
    pictures = {kind: [t.pictures for t in drawn if t.catch == kind] for kind in ("identical", "everything")}
    assert {kind: len(pairs) for kind, pairs in pictures.items()} == {"identical": 6, "everything": 6}
    assert all(first == second for first, second in pictures["identical"])
    assert all(first != second for first, second in pictures["everything"])


def test_of_three_pictures_two_are_the_same_and_the_third_is_right() -> None:
    drawn = studies.trials("odd", 1)
    assert all(len(trial.pictures) == 3 and trial.right == 2 for trial in drawn)
    assert all(trial.pictures[0] == trial.pictures[1] != trial.pictures[2] for trial in drawn)


def test_each_two_systems_are_compared_on_each_label_map() -> None:
    scored = [t for t in studies.trials("preference", 3, pairs=3) if not t.practice and t.catch is None]
    assert Counter(trial.systems for trial in scored) == {
        ("system 0", "system 1"): 3,
        ("system 0", "system 2"): 3,
        ("system 1", "system 2"): 3,
    }
    assert {trial.label_map for trial in scored} == set(studies.MAPS)


def test_a_scrambled_picture_has_the_pixels_of_the_other_in_another_order() -> None:
    trial = next(t for t in studies.trials("preference") if t.catch == "scrambled")
    intact, scrambled = (np.asarray(Image.open(io.BytesIO(png))) for png in trial.pictures)
    assert trial.right == 0
    assert (intact != scrambled).any()
    assert np.sort(intact, axis=None).tolist() == np.sort(scrambled, axis=None).tolist()


def test_too_few_pictures_are_told_with_how_many_there_are() -> None:
    with pytest.raises(ParamsError, match=r"have 12 common pairs of pictures, but 22 are asked for"):
        studies.trials(pairs=20)


def test_systems_of_one_name_are_refused() -> None:
    with pytest.raises(ParamsError, match="two systems have the name 'system 0'"):
        draw_trials([studies.source(0), studies.source(0)], "she", pairs=1)


def test_one_system_cannot_be_preferred() -> None:
    with pytest.raises(ParamsError, match="give two or more"):
        draw_trials([studies.source(0)], "preference", pairs=1)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    height, width = checkpoints.SIZE
    return {"bars": np.broadcast_to(np.arange(width) * 5 // width, (height, width)).astype(np.uint8)}


def made(folder: Path, system: str, labels: dict[str, np.ndarray], classes: Sequence[str] = ()) -> CheckpointPictures:
    synth = smis.load(checkpoints.write(folder / f"{system}.safetensors", system), device="cpu")
    return CheckpointPictures(system, synth, labels, seed=0, classes=classes)


def test_a_system_changes_one_class_and_the_seed_makes_the_same_pictures_again(
    tmp_path: Path, labels: dict[str, np.ndarray]
) -> None:
    first, again = (made(tmp_path, "groupdnet", labels) for _ in range(2))
    before, after = first.changed("bars", "hair", 0)
    assert (before != after).any()
    assert all((a == b).all() for a, b in zip((before, after), again.changed("bars", "hair", 0), strict=True))
    assert (before != first.changed("bars", "hair", 1)[0]).any()
    assert list(first.regions("bars")) == ["background", "hair", "face", "top", "skin"]


def test_a_system_with_one_latent_resamples_all_of_it(tmp_path: Path, labels: dict[str, np.ndarray]) -> None:
    before, after = made(tmp_path, "vspade", labels).changed("bars", "hair", 0)
    assert (before != after).any()


def test_a_system_that_makes_one_picture_has_no_pairs(tmp_path: Path, labels: dict[str, np.ndarray]) -> None:
    with pytest.raises(ParamsError, match="have 0 common pairs"):
        draw_trials([made(tmp_path, "spade", labels)], "she", pairs=1)


def test_classes_may_be_chosen_and_unknown_ones_are_refused(tmp_path: Path, labels: dict[str, np.ndarray]) -> None:
    assert list(made(tmp_path, "inade", labels, classes=["top"]).regions("bars")) == ["top"]
    with pytest.raises(ParamsError, match="inade has no class 'hat'; there are: background"):
        made(tmp_path, "inade", labels, classes=["hat"])
