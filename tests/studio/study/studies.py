"""Small studies: pictures of one color each, of systems that cannot be told apart by their size."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smis.core.shapes import ImageArray
from smis.metrics.image.result import Bootstrap
from smis.studio.study.picture_sources import ReadPicture, SampledPictures
from smis.studio.study.study_file import StoredVote, StudyFile, freeze
from smis.studio.study.study_results import StudyResults
from smis.studio.study.tasks import NO, YES, StudySettings, StudyTrial, TaskName
from smis.studio.study.trials import draw_trials
from smis.studio.study.viewing_order import viewing_order

MAPS = ("one", "two", "three")


def _reader(*place: int) -> ReadPicture:
    def read() -> ImageArray:
        image = np.random.default_rng(place).integers(0, 60, (16, 32, 3), dtype=np.uint8)
        image[:, : 8 + place[-1]] += np.array([190, 40, 90], np.uint8)
        return image

    return read


def source(number: int, *, maps: Sequence[str] = MAPS, regions: Sequence[str] = ("hair", "top")) -> SampledPictures:
    def samples(kind: int) -> dict[str, list[ReadPicture]]:
        return {name: [_reader(number, kind, place, n) for n in range(4)] for place, name in enumerate(maps)}

    by_region = {region: samples(place + 1) for place, region in enumerate(regions)}
    return SampledPictures(f"system {number}", samples(0), by_region)


def settings(task: TaskName = "she", systems: int = 2, **fields: Any) -> StudySettings:
    names = [f"system {number}" for number in range(systems)]
    return StudySettings.model_validate({"task": task, "systems": names, "minimum_ms": 0} | fields)


def trials(task: TaskName = "she", systems: int = 2, *, pairs: int = 4, catch_share: float = 0.1) -> list[StudyTrial]:
    sources = [source(number) for number in range(systems)]
    return draw_trials(sources, task, pairs=pairs, catch_share=catch_share, practice=2)


def write(path: Path, task: TaskName = "she", systems: int = 2, *, pairs: int = 4, **fields: Any) -> Path:
    freeze(path, settings(task, systems, **fields), trials(task, systems, pairs=pairs))
    return path


def answer_all(study: StudyFile, answers: dict[str, int], *, careless: bool = False) -> int:
    """Let a new volunteer answer everything: for each system the same answer, of catch trials the right one or not."""
    volunteer = study.volunteer(study.join())
    assert volunteer is not None
    order = viewing_order(study.scored, study.catches, volunteer=volunteer, seed=study.settings.seed)
    for place, number in enumerate(order):
        trial = study.trials[number]
        answer = answers.get(trial.systems[0], YES)
        if trial.catch is not None:
            assert trial.right is not None
            answer = (trial.right + careless) % study.settings.question.choices
        study.vote(StoredVote(volunteer, number, answer, 1000 + place, place))
    return volunteer


def report(folder: Path, systems: Sequence[str]) -> str:
    """Return what `smis study report --out` writes of two systems: volunteers say yes to the first one alone."""
    with StudyFile(write(folder / "study.sqlite")) as study:
        for _ in range(3):
            answer_all(study, {"system 0": YES, "system 1": NO})
        text = json.dumps(StudyResults(study, bootstrap=Bootstrap(50)).to_json(draws=True))
    for number, name in enumerate(systems):
        text = text.replace(f"system {number}", name)
    return text


__all__ = ["MAPS", "NO", "YES", "answer_all", "report", "settings", "source", "trials", "write"]
