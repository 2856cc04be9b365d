import json

import numpy as np
import pytest

from smis.metrics.image.result import Bootstrap, Result, interval, of_maps


def test_an_interval_covers_the_truth_about_95_times_in_100() -> None:
    covered = 0
    for seed in range(300):
        low, high = interval(Bootstrap(400, seed).means(np.random.default_rng(1000 + seed).normal(2, 1, size=40)))
        covered += low < 2 < high
    assert 0.90 < covered / 300 < 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).random(20)
    assert (Bootstrap(100, 1).means(values) == Bootstrap(100, 1).means(values)).all()
    assert (Bootstrap(100, 1).means(values) != Bootstrap(100, 2).means(values)).any()


def test_every_resample_has_as_many_label_maps_as_there_are() -> None:
    assert (Bootstrap(50).counts(7).sum(axis=1) == 7).all()


def test_equal_values_have_an_interval_without_width() -> None:
    assert interval(Bootstrap(50).means(np.zeros(9))) == (0, 0)


def test_resamples_without_a_value_do_not_count() -> None:
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1, 1)


def test_a_result_is_stored_with_its_protocol() -> None:
    stored = json.loads(json.dumps(Result("mOCD", 0.5, (0.25, 0.75), {"region": "mask"}).to_json()))
    assert stored == {"value": 0.5, "interval": [0.25, 0.75], "protocol": {"region": "mask"}}


def test_which_label_maps_were_measured_is_told_whatever_their_order() -> None:
    assert of_maps(["a", "b"]) == of_maps(["b", "a"]) != of_maps(["a", "c"])
    assert of_maps(["a", "b"])["label_maps"] == 2


def test_what_is_not_known_is_null_when_it_is_stored() -> None:
    stored = json.loads(json.dumps(Result("n", np.nan, (np.nan, 1.0)).to_json(), allow_nan=False))
    assert (stored["value"], stored["interval"]) == (None, [None, 1.0])
    found = Result.from_json("n", stored)
    assert np.isnan([found.value, found.interval[0]]).all()


def test_a_single_label_map_has_no_interval() -> None:
    stored = json.loads(json.dumps(Result.drawn("n", 2.0, draws=np.full(9, 2.0), protocol=of_maps(["a"])).to_json()))
    assert stored["interval"] == [None, None]
    assert stored["protocol"]["interval"] == "unknown: a single label map cannot tell how others would differ"
    assert Result.drawn("n", 2.0, draws=np.full(9, 2.0), protocol=of_maps(["a"])).draws is None
    assert Result.drawn("n", 2.0, draws=np.full(9, 2.0), protocol=of_maps(["a", "b"])).interval == (2, 2)


def test_draws_of_many_label_maps_are_those_of_one_array_without_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values, bootstrap = np.random.default_rng(0).random(31), Bootstrap(200, 3)
    whole, means = bootstrap.counts(31), bootstrap.means(values)
    monkeypatch.setattr("smis.metrics.image.result._CELLS", 100)
    assert [len(some) for some in bootstrap.chunks(31)] == [64, 64, 64, 8]
    assert (bootstrap.counts(31) == whole).all()
    assert (bootstrap.means(values) == means).all()
