"""The built-in data set: what is drawn, and what is known about it."""

import hashlib
import multiprocessing
import pickle

import numpy as np
import pytest

from smis.core.errors import ParamsError
from smis.datasets.io.human_parsing import BACKGROUND, HAIR, NAMES, SHOES, SOCKS, TOP
from smis.datasets.paperdoll import Config, PaperDoll


@pytest.fixture(scope="module")
def dolls() -> PaperDoll:
    return Config(train=200).build()


def _appearance(reader: PaperDoll, seed: int) -> np.ndarray:
    return reader.appearance(np.random.default_rng(seed))


def _fingerprint(reader: PaperDoll, split: str, index: int) -> str:
    sample = reader.read(split, index)
    return hashlib.sha256(sample.image.tobytes() + sample.labels.tobytes() + sample.instances.tobytes()).hexdigest()


def test_two_readers_with_one_seed_draw_one_picture() -> None:
    assert _fingerprint(Config().build(), "train", 7) == _fingerprint(Config().build(), "train", 7)


def test_the_order_of_reading_does_not_matter(dolls: PaperDoll) -> None:
    forwards = [_fingerprint(dolls, "train", index) for index in range(6)]
    backwards = [_fingerprint(dolls, "train", index) for index in reversed(range(6))]
    assert forwards == backwards[::-1]


def test_another_seed_draws_another_picture() -> None:
    assert _fingerprint(Config(seed=1).build(), "train", 0) != _fingerprint(Config(seed=2).build(), "train", 0)


def test_splits_share_no_picture(dolls: PaperDoll) -> None:
    drawn = [_fingerprint(dolls, split, index) for split in dolls.splits for index in range(30)]
    assert len(set(drawn)) == len(drawn)


def test_a_larger_split_begins_with_the_smaller_one() -> None:
    assert _fingerprint(Config(train=3).build(), "train", 2) == _fingerprint(Config(train=9).build(), "train", 2)


def test_processes_read_what_one_process_reads(dolls: PaperDoll) -> None:
    wanted = [("test", index) for index in range(8)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        together = pool.starmap(dolls.read, wanted)
    for (split, index), there in zip(wanted, together, strict=True):
        here = dolls.read(split, index)
        np.testing.assert_array_equal(there.image, here.image)
        np.testing.assert_array_equal(there.instances, here.instances)


def test_a_reader_survives_pickling(dolls: PaperDoll) -> None:
    assert _fingerprint(pickle.loads(pickle.dumps(dolls)), "train", 1) == _fingerprint(dolls, "train", 1)


@pytest.mark.parametrize("size", [32, 50, 64, 256])
@pytest.mark.parametrize("people", [1, 2, 3])
def test_a_picture_has_the_wanted_size_and_types(size: int, people: int) -> None:
    sample = Config(size=size, people=people).build().read("validation", 5)
    assert (sample.image.shape, sample.labels.shape, sample.instances.shape) == (
        (size, size, 3),
        (size, size),
        (size, size),
    )
    assert (sample.image.dtype, sample.labels.dtype, sample.instances.dtype) == (np.uint8, np.uint8, np.uint16)
    assert sample.key == "validation/000005"


@pytest.mark.parametrize("people", [1, 2])
def test_instances_are_dense_and_have_one_class_each(people: int) -> None:
    reader = Config(people=people).build()
    for index in range(40):
        sample = reader.read("train", index)
        pairs = np.unique(np.stack([sample.instances.ravel(), sample.labels.ravel()]), axis=1)
        assert pairs[0].tolist() == list(range(pairs.shape[1]))
        assert pairs[1].max() < len(NAMES)
        assert (pairs[1] == BACKGROUND).sum() == 1


def test_two_people_have_a_head_of_hair_each() -> None:
    reader = Config(people=2).build()
    pairs = [reader.layout("train", index) for index in range(20)]
    hairs = [len(np.unique(layout.instances[layout.labels == HAIR])) for layout in pairs]
    assert max(hairs) == 2


def test_some_classes_are_often_absent_and_the_trunk_is_always_dressed(dolls: PaperDoll) -> None:
    layouts = [dolls.layout("train", index).labels for index in range(200)]
    rates = np.mean([np.bincount(labels.ravel(), minlength=len(NAMES)) > 0 for labels in layouts], axis=0)
    assert rates[TOP] == 1
    assert 0.1 < rates[SOCKS] < 0.5
    assert 0.6 < rates[NAMES.index("bottom-clothes")] < 0.9
    assert 0.8 < rates[SHOES] < 1


def test_a_person_fills_most_of_the_height(dolls: PaperDoll) -> None:
    heights = [np.ptp(np.nonzero(dolls.layout("train", index).labels)[0]) / dolls.size for index in range(40)]
    assert min(heights) > 0.75


def test_the_label_is_the_region_that_covers_most(dolls: PaperDoll) -> None:
    layout = dolls.layout("train", 3)
    coverage = np.zeros((len(layout.regions), layout.size, layout.size))
    for region, whole in zip(layout.regions, coverage, strict=True):
        whole[region.window] = region.coverage
    np.testing.assert_allclose(coverage.sum(axis=0), 1)
    np.testing.assert_array_equal(layout.owner, coverage.argmax(axis=0))


def test_one_layout_wears_any_appearance(dolls: PaperDoll) -> None:
    layout = dolls.layout("train", 0)
    before = layout.labels.copy()
    one, other = (dolls.render(layout, _appearance(dolls, seed)) for seed in (0, 1))
    assert (one != other).any(axis=2).mean() > 0.95
    np.testing.assert_array_equal(layout.labels, before)


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("label", range(len(NAMES)))
def test_another_appearance_of_a_class_changes_that_class_only(people: int, label: int) -> None:
    reader = Config(people=people).build()
    layout = next(found for index in range(50) if label in (found := reader.layout("test", index)).labels)
    one, other = _appearance(reader, 0), _appearance(reader, 1)
    swapped = one.copy()
    swapped[:, label] = other[:, label]
    changed = (reader.render(layout, one, hard=True) != reader.render(layout, swapped, hard=True)).any(axis=2)
    inside = layout.labels == label
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.8


def test_another_appearance_of_one_person_leaves_the_other_as_it_was() -> None:
    reader = Config(people=2).build()
    layout = reader.layout("train", 0)
    one = _appearance(reader, 0)
    swapped = one.copy()
    swapped[1, 1:] = _appearance(reader, 1)[1, 1:]
    changed = (reader.render(layout, one, hard=True) != reader.render(layout, swapped, hard=True)).any(axis=2)
    persons = np.array([-1 if region.label == BACKGROUND else region.person for region in layout.regions])[layout.owner]
    assert set(np.unique(persons[changed])) == {1}


def test_soft_borders_mix_only_what_meets_there(dolls: PaperDoll) -> None:
    layout, worn = dolls.layout("train", 0), _appearance(dolls, 0)
    whole = np.zeros((layout.size, layout.size), dtype=bool)
    for region in layout.regions:
        whole[region.window] |= region.coverage == 1
    soft, hard = dolls.render(layout, worn), dolls.render(layout, worn, hard=True)
    np.testing.assert_array_equal(soft[whole], hard[whole])
    assert (soft[~whole] != hard[~whole]).any()


def test_appearance_of_every_class_is_drawn_alike_and_apart(dolls: PaperDoll) -> None:
    rows = np.stack([_appearance(dolls, seed)[0] for seed in range(400)]).reshape(400, len(NAMES), -1)
    between = np.corrcoef(rows[:, :, 0].T)
    assert np.abs(between - np.eye(len(NAMES))).max() < 0.2
    assert 0.45 < rows.mean() < 0.55


def test_a_palette_shows_each_class_in_its_own_color(dolls: PaperDoll) -> None:
    assert len(dolls.classes) == len(set(dolls.palette)) == len(NAMES)


def test_an_index_past_the_end_is_refused(dolls: PaperDoll) -> None:
    with pytest.raises(IndexError, match="train has pictures 0 to 199, not 200"):
        dolls.read("train", 200)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"size": 8}, r"datasets.paperdoll.size: .*greater than or equal to 16 \(it is 8\)"),
        ({"people": 4}, r"datasets.paperdoll.people: .*less than or equal to 3 \(it is 4\)"),
        ({"train": 0}, r"datasets.paperdoll.train: .*greater than or equal to 1 \(it is 0\)"),
        ({"seed": -1}, r"datasets.paperdoll.seed: .*greater than or equal to 0 \(it is -1\)"),
        ({"poeple": 2}, r"datasets.paperdoll.poeple: there is no such key; there are: "),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(section: dict[str, int], line: str) -> None:
    with pytest.raises(ParamsError, match=line):
        Config.check(section, source="params.yaml", at="datasets.paperdoll")
