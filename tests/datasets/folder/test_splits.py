import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smis.core.errors import ParamsError
from smis.datasets.folder import Config
from smis.datasets.folder.folder_splits import divided, too_few, unpaired
from smis.datasets.io.pairing import PairedFiles
from smis.datasets.io.problems import Problem

KEYS = [f"{number:03d}" for number in range(100)]


def test_shares_take_every_picture_once_and_do_not_look_at_the_order():
    splits = divided(KEYS, validation=0.1, test=0.2, seed=0)
    assert {name: len(keys) for name, keys in splits.items()} == {"train": 70, "validation": 10, "test": 20}
    assert sorted(key for keys in splits.values() for key in keys) == KEYS
    assert divided(KEYS[::-1], validation=0.1, test=0.2, seed=0) == splits
    assert divided(KEYS, validation=0.1, test=0.2, seed=1) != splits


def test_lists_are_taken_at_their_word_and_shares_take_from_the_rest():
    splits = divided(KEYS, validation=["003", "004"], test=0.9, seed=0)
    assert splits["validation"] == ["003", "004"]
    assert len(splits["test"]) == 90
    assert not {"003", "004"} & {*splits["test"], *splits["train"]}


def test_a_listed_name_that_is_no_picture_is_refused():
    with pytest.raises(ParamsError, match=r"datasets\.folder\.test: there is no picture named 'a\.jpg'"):
        divided(KEYS, validation=0.1, test=["a.jpg"], seed=0)


def test_one_picture_cannot_be_in_two_lists():
    with pytest.raises(ParamsError, match="'007' is in validation and in test"):
        divided(KEYS, validation=["007"], test=["006", "007"], seed=0)


def test_something_must_be_left_to_train_on():
    with pytest.raises(ParamsError, match="take 2 of 2 pictures; leave 1 or more to train on"):
        divided(["a", "b"], validation=["a"], test=["b"], seed=0)
    with pytest.raises(ParamsError, match="take 6 of 7 pictures; leave 2 or more to train on"):
        divided(KEYS[:7], validation=0.4, test=0.4, seed=0)


@pytest.mark.parametrize(("pictures", "counts"), [(6, [2, 2, 2]), (12, [8, 2, 2]), (15, [11, 2, 2]), (40, [32, 4, 4])])
def test_a_share_of_few_pictures_is_two_since_one_has_no_covariance(pictures, counts):
    assert too_few(pictures, validation=0.1, test=0.1) is None
    splits = divided(KEYS[:pictures], validation=0.1, test=0.1, seed=0)
    assert [len(keys) for keys in splits.values()] == counts


def test_a_share_of_nothing_stays_nothing():
    assert too_few(1, validation=0.0, test=0.0) is None
    assert divided(["a"], validation=0.0, test=0.0, seed=0) == {"train": ["a"], "validation": [], "test": []}


@pytest.mark.parametrize(
    ("pictures", "splits", "message"),
    [
        (
            5,
            {"validation": 0.1, "test": 0.1},
            "5 pictures give 0 for validation and 0 for test, but a split needs 2; set datasets.folder.validation "
            "and datasets.folder.test to lists of names, or add pictures (6 or more)",
        ),
        (
            1,
            {"validation": ["a"], "test": 0.3},
            "1 picture gives 0 for test, but a split needs 2; set datasets.folder.test to lists of names, "
            "or add pictures (5 or more)",
        ),
    ],
)
def test_too_few_pictures_for_shares_are_told_with_the_number_that_is_enough(pictures, splits, message):
    assert too_few(pictures, **splits) == message


@pytest.mark.parametrize(
    ("shares", "split"),
    [
        ({"validation": 0, "test": 0}, "train"),
        ({"validation": ["a"], "test": ["b"]}, "train"),
        ({"validation": 0.1, "test": ["b"]}, ""),
        ({"validation": 0, "test": 0.2}, ""),
    ],
)
def test_what_does_not_pair_would_be_for_training_unless_shares_are_drawn(shares, split):
    found = PairedFiles({}, [Problem("c", "", "c has no label map")])
    config = Config.check({"root": "raw", "classes": ["sky"], "size": [8, 8], **shares}, source="params.yaml")
    assert [(problem.key, problem.split) for problem in unpaired(found, config)] == [("c", split)]


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=60, unique=True),
    st.sampled_from([0.0, 0.1, 0.25]),
    st.sampled_from([0.0, 0.1, 0.25]),
    st.integers(0, 9),
    st.randoms(use_true_random=False),
)
def test_splits_of_any_names_are_a_partition_in_any_order(keys, validation, test, seed, random):
    assume(too_few(len(keys), validation=validation, test=test) is None)
    splits = divided(keys, validation=validation, test=test, seed=seed)
    assert sorted(key for names in splits.values() for key in names) == sorted(keys)
    assert all(len(splits[name]) != 1 for name in ("validation", "test"))
    shuffled = random.sample(keys, len(keys))
    assert divided(shuffled, validation=validation, test=test, seed=seed) == splits
