import json
from pathlib import Path

import numpy as np
import pytest

from smis.core.errors import ParamsError
from smis.metrics.image.result import Bootstrap
from smis.studio.study.study_file import StudyFile
from smis.studio.study.study_results import CHANCE, StudyResults
from smis.studio.study.tasks import NO, YES
from tests.studio.study import studies


def test_she_is_of_those_who_look(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study:
        studies.answer_all(study, {"system 0": YES, "system 1": NO})
        studies.answer_all(study, {"system 0": YES, "system 1": YES})
        eve = studies.answer_all(study, {"system 0": NO, "system 1": NO}, careless=True)
        results = StudyResults(study, bootstrap=Bootstrap(200))
        values = {name: system.results[0].value for name, system in results.systems.items()}
        assert results.careless == {eve}
        assert values == {"system 0": 100, "system 1": 50}
        assert results.systems["system 1"].facts["votes"] == 8
        found = results.to_json()
    assert found["volunteers"] == {"begun": 3, "counted": 2, "left_out": 1}
    assert found["votes"] == {"counted": 16, "left_out": 8, "catch": 6, "catch_failed": 2}
    json.dumps(found, allow_nan=False)


def test_the_interval_knows_that_volunteers_differ(tmp_path: Path) -> None:
    """Every map alike: the draws are the share of the resampled volunteers who say yes, 0, 1 or 2 of 2."""
    with StudyFile(studies.write(tmp_path / "study")) as study:
        studies.answer_all(study, {"system 0": YES})
        studies.answer_all(study, {"system 0": NO})
        draws = StudyResults(study, bootstrap=Bootstrap(4000)).systems["system 0"].results[0].draws
    assert draws is not None
    shares = {value: float((draws == value).mean()) for value in (0, 50, 100)}
    assert sum(shares.values()) == 1
    assert shares[0] == pytest.approx(0.25, abs=0.03)
    assert shares[50] == pytest.approx(0.5, abs=0.03)


def test_systems_of_one_study_are_compared_by_the_same_resamples(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study:
        for _ in range(3):
            studies.answer_all(study, {"system 0": YES, "system 1": YES})
        first, second = (system.results[0] for system in StudyResults(study).systems.values())
        protocols = [{**result.protocol} for result in (first, second)]
    assert protocols[0] == protocols[1]
    assert protocols[0]["interval"] == "95 % bootstrap over volunteers and label maps"
    assert (protocols[0]["volunteers"], protocols[0]["label_maps"], protocols[0]["left_out"]) == (3, 3, 0)


def test_of_two_systems_the_preference_is_the_share_of_votes(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study", "preference", pairs=3)) as study:
        for answer in (0, 0, 0, 1):
            studies.answer_all(study, {"system 0": answer})
        results = StudyResults(study, bootstrap=Bootstrap(200))
        preference, strength = results.systems["system 0"].results
        found = results.to_json()
    # 9 of 12 votes, with half a vote added to both sides
    assert preference.value == pytest.approx(100 * 9.5 / 13, abs=1e-6)
    assert strength.value == pytest.approx(np.log(9.5 / 3.5) / 2, abs=1e-8)
    assert preference.interval[0] < preference.value < preference.interval[1]
    assert [(pair["first_preferred"], pair["votes"]) for pair in found["pairs"]] == [(9, 12)]


def test_the_odd_one_is_found_more_often_than_by_chance(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study", "odd", 1)) as study:
        studies.answer_all(study, {"system 0": 2})
        studies.answer_all(study, {"system 0": 0})
        results = StudyResults(study)
        result = results.systems["system 0"].results[0]
    assert (result.name, result.value, result.protocol["chance"]) == ("odd_one_out", 50, CHANCE)
    assert results.agreement == pytest.approx(-1)


def test_every_vote_is_a_row_those_that_do_not_count_too(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study:
        studies.answer_all(study, {})
        studies.answer_all(study, {}, careless=True)
        rows = list(StudyResults(study).rows())
    assert len(rows) == 20
    assert sum(row["counted"] for row in rows) == 8
    assert {row["answer"] for row in rows} == {"yes", "no"}
    assert {row["catch"] for row in rows} == {"", "identical", "everything"}


def test_without_votes_there_are_no_numbers(tmp_path: Path) -> None:
    with (
        StudyFile(studies.write(tmp_path / "study")) as study,
        pytest.raises(ParamsError, match=r"no vote in .* counts yet \(0 are there\)"),
    ):
        StudyResults(study)
