import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from smis.core.errors import DataError, ParamsError
from smis.studio.study.study_file import StoredVote, StudyFile
from tests.studio.study import studies

VOTER = """
import sys
from pathlib import Path
from smis.studio.study.study_file import StoredVote, StudyFile
study = StudyFile(Path(sys.argv[1]))
for volunteer in range(1000):
    number = study.volunteer(study.join())
    for trial in study.scored:
        vote = study.vote(StoredVote(number, trial, trial % 2, 900, trial))
        print(vote.volunteer, vote.trial, vote.answer, flush=True)
"""


def test_the_same_trials_have_the_same_hash(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "a")) as one, StudyFile(studies.write(tmp_path / "b")) as other:
        assert one.digest == other.digest
        assert one.trials == other.trials
    with StudyFile(studies.write(tmp_path / "c", pairs=3)) as another:
        assert another.digest != one.digest


def test_a_study_is_never_overwritten(tmp_path: Path) -> None:
    studies.write(tmp_path / "study")
    with pytest.raises(ParamsError, match="exists, and what is in a study never changes"):
        studies.write(tmp_path / "study")


@pytest.mark.parametrize("table", ["frozen", "pictures", "trials"])
def test_what_is_frozen_cannot_be_changed_by_sql(tmp_path: Path, table: str) -> None:
    with (
        closing(sqlite3.connect(studies.write(tmp_path / "study"))) as database,
        pytest.raises(sqlite3.IntegrityError, match="this is frozen"),
    ):
        database.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE pictures SET png = x'00'", "is not the one that was frozen"),
        ("UPDATE trials SET content = replace(content, 'null', '0')", "are not those that were frozen"),
        ("UPDATE frozen SET settings = replace(settings, 'pictures', 'images')", "are not those that were frozen"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path, change: str, told: str) -> None:
    path = studies.write(tmp_path / "study")
    with closing(sqlite3.connect(path)) as database, database:
        for table in ("frozen", "pictures", "trials"):
            database.execute(f"DROP TRIGGER {table}_UPDATE")
        database.execute(change)
    with pytest.raises(DataError, match=told):
        StudyFile(path)


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to have a header of one" * 10)
    for name, told in (("text", "file is not a database"), ("none", "there is no study")):
        with pytest.raises(DataError, match=told):
            StudyFile(tmp_path / name)
    with closing(sqlite3.connect(tmp_path / "other")) as database:
        database.execute("CREATE TABLE things (name)")
    with pytest.raises(DataError, match="is no study of this version"):
        StudyFile(tmp_path / "other")


def test_a_volunteer_is_known_by_a_token_that_is_not_in_the_file(tmp_path: Path) -> None:
    path = studies.write(tmp_path / "study")
    with StudyFile(path) as study:
        tokens = [study.join() for _ in range(3)]
        assert [study.volunteer(token) for token in tokens] == [0, 1, 2]
        assert study.volunteer("guessed") is None
    assert not any(token.encode() in path.read_bytes() for token in tokens)


def test_the_first_vote_of_a_volunteer_about_a_trial_stays(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study:
        study.join()
        first = StoredVote(0, study.scored[0], 0, 900, 0)
        assert study.vote(first) == first
        assert study.vote(StoredVote(0, study.scored[0], 1, 700, 5)) == first
        assert study.votes() == [first]


def test_a_vote_of_nobody_is_refused(tmp_path: Path) -> None:
    with StudyFile(studies.write(tmp_path / "study")) as study, pytest.raises(sqlite3.IntegrityError, match="FOREIGN"):
        study.vote(StoredVote(7, study.scored[0], 0, 900, 0))


@pytest.mark.parametrize("after", [1, 7, 40])
def test_a_kill_loses_no_vote_that_was_acknowledged(tmp_path: Path, after: int) -> None:
    path = studies.write(tmp_path / "study")
    process = subprocess.Popen([sys.executable, "-c", VOTER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(after)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.read().splitlines(keepends=True)
    assert process.wait(60) == -signal.SIGKILL
    process.stdout.close()
    told = [tuple(map(int, line.split())) for line in acknowledged if line.endswith("\n")]
    with StudyFile(path) as study:
        kept = {(vote.volunteer, vote.trial, vote.answer) for vote in study.votes()}
    assert len(told) >= after
    assert set(told) <= kept
    assert len(kept) - len(told) in (0, 1)
