"""The file of a study: pictures, trials and settings frozen under one hash, and the votes; one SQLite database."""

import hashlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smis.core.errors import DataError, DiskError, ParamsError
from smis.core.files import written
from smis.studio.study.tasks import StudySettings, StudyTrial

_APPLICATION = 0x534D4953
"""SQLite's mark of files of this program: SMIS."""
_VERSION = 1
MOST_VOLUNTEERS = 100_000
_BUSY_S = 30.0
"""Seconds that a process waits for another one that writes."""

_SCHEMA = """
CREATE TABLE frozen (settings TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE pictures (sha256 TEXT PRIMARY KEY, png BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE trials (number INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE volunteers (number INTEGER PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE votes (
  volunteer INTEGER NOT NULL REFERENCES volunteers (number),
  trial INTEGER NOT NULL REFERENCES trials (number),
  answer INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL,
  place INTEGER NOT NULL,
  PRIMARY KEY (volunteer, trial)
) STRICT, WITHOUT ROWID;
"""
_FINAL = "CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'this is frozen'); END;"


@dataclass(frozen=True)
class TrialRecord:
    """A trial as it is stored: everything but its pictures, of which there are the hashes."""

    number: int
    label_map: str
    region: str
    systems: tuple[str, ...]
    pictures: tuple[str, ...]
    right: int | None
    practice: bool
    catch: str | None


@dataclass(frozen=True)
class StoredVote:
    """The answer of one volunteer to one trial, by the trial's own order of pictures."""

    volunteer: int
    trial: int
    answer: int
    milliseconds: int
    place: int
    """How many trials the volunteer had answered before."""


def freeze(path: Path, settings: StudySettings, trials: Sequence[StudyTrial]) -> str:
    """Write a study without votes, and return its hash; the file appears when it is whole.

    Raises:
        ParamsError: if there is a file already: its votes are of its own pictures.
        DiskError: if it cannot be written.
    """
    if path.exists():
        raise ParamsError(f"{path} exists, and what is in a study never changes; give another name")
    pictures = {hashlib.sha256(png).hexdigest(): png for trial in trials for png in trial.pictures}
    contents = [_content(trial) for trial in trials]
    digest = _digest(settings.model_dump_json(), contents)
    with written(path) as beside, closing(sqlite3.connect(beside)) as database, database:
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.executescript(_SCHEMA)
        database.execute("INSERT INTO frozen VALUES (?, ?)", (settings.model_dump_json(), digest))
        database.executemany("INSERT INTO pictures VALUES (?, ?)", sorted(pictures.items()))
        database.executemany("INSERT INTO trials VALUES (?, ?)", enumerate(contents))
        for table in ("frozen", "pictures", "trials", "votes"):
            for verb in ("INSERT", "UPDATE", "DELETE") if table != "votes" else ("UPDATE", "DELETE"):
                database.execute(_FINAL.format(table=table, verb=verb))
    return digest


class StudyFile:
    """An opened study; several threads may use it.

    A vote is in the file and on the disk when `vote` returns: SQLite writes ahead (WAL) and flushes at each
    transaction (`synchronous = FULL`), so that a kill at any moment, or a power cut, loses none that returned.

    Raises:
        DataError: if the file is none of a study, or its pictures or trials are not those that were frozen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        if not path.is_file():
            raise DataError(f"there is no study at {path}; `smis study create` makes one")
        with _explained(path):
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
            try:
                self._open()
            except BaseException:
                self._database.close()
                raise

    def _open(self) -> None:
        self._check_kind()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {pragma}")
        text, self.digest = self._database.execute("SELECT settings, digest FROM frozen").fetchone()
        self.settings = StudySettings.check(json.loads(text), source=str(self.path))
        contents = [row[0] for row in self._database.execute("SELECT content FROM trials ORDER BY number")]
        self._check_frozen(text, contents)
        self.trials = [_record(number, content) for number, content in enumerate(contents)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last process that does so leaves one file without the log beside it."""
        with self._lock:
            self._database.close()

    @cached_property
    def scored(self) -> list[int]:
        """Numbers of the trials whose votes count."""
        return [trial.number for trial in self.trials if not trial.practice and trial.catch is None]

    @cached_property
    def catches(self) -> list[int]:
        """Numbers of the catch trials."""
        return [trial.number for trial in self.trials if trial.catch is not None]

    @cached_property
    def practice(self) -> list[int]:
        """Numbers of the trials before the first that counts."""
        return [trial.number for trial in self.trials if trial.practice]

    def picture(self, sha256: str) -> bytes:
        """Return a picture as PNG."""
        (row,) = self._read("SELECT png FROM pictures WHERE sha256 = ?", (sha256,))
        return row[0]

    def join(self) -> str:
        """Add a volunteer, and return a token that names nobody; the file keeps its hash alone.

        Raises:
            ParamsError: if there are too many.
        """
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                (count,) = self._database.execute("SELECT COUNT(*) FROM volunteers").fetchone()
                if count < MOST_VOLUNTEERS:
                    self._database.execute("INSERT INTO volunteers VALUES (?, ?)", (count, _hashed(token)))
            finally:
                self._database.execute("COMMIT")
        if count >= MOST_VOLUNTEERS:
            raise ParamsError(f"the study has {MOST_VOLUNTEERS:,} volunteers, which is the most; create another study")
        return token

    def volunteer(self, token: str) -> int | None:
        """Return the number of the volunteer with a token, None if it is nobody's."""
        rows = self._read("SELECT number FROM volunteers WHERE token_sha256 = ?", (_hashed(token),))
        return rows[0][0] if rows else None

    @property
    def volunteers(self) -> int:
        """How many have begun."""
        return self._read("SELECT COUNT(*) FROM volunteers")[0][0]

    def vote(self, vote: StoredVote) -> StoredVote:
        """Store a vote, and return what is stored: the first one, if the volunteer has answered this trial before."""
        values = (vote.volunteer, vote.trial, vote.answer, vote.milliseconds, vote.place)
        with self._lock:
            self._database.execute("INSERT INTO votes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)
        return next(one for one in self.votes(vote.volunteer) if one.trial == vote.trial)

    def votes(self, volunteer: int | None = None) -> list[StoredVote]:
        """Return the votes of one volunteer, or of all, in the order in which each volunteer gave them."""
        rows = self._read(
            "SELECT volunteer, trial, answer, milliseconds, place FROM votes WHERE ? IS NULL OR volunteer = ? "
            "ORDER BY volunteer, place",
            (volunteer, volunteer),
        )
        return [StoredVote(*row) for row in rows]

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _check_kind(self) -> None:
        marks = [self._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if marks != [_APPLICATION, _VERSION]:
            raise DataError(f"{self.path} is no study of this version; `smis study create` makes one")

    def _check_frozen(self, settings: str, contents: Sequence[str]) -> None:
        """Compare trials and pictures with their hashes."""
        if _digest(settings, contents) != self.digest:
            raise DataError(
                f"the trials or settings of {self.path} are not those that were frozen; fetch the file anew"
            )
        for sha256, png in self._database.execute("SELECT sha256, png FROM pictures"):
            if hashlib.sha256(png).hexdigest() != sha256:
                raise DataError(
                    f"picture {sha256[:8]} of {self.path} is not the one that was frozen; fetch the file anew"
                )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        kind: Callable[[str], Exception] = DiskError if isinstance(error, sqlite3.OperationalError) else DataError
        raise kind(f"{path} cannot be read as a study ({error}); give a file that `smis study create` wrote") from None


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def _content(trial: StudyTrial) -> str:
    """Return a trial as canonical JSON, with the hashes of its pictures."""
    fields = {
        "label_map": trial.label_map,
        "region": trial.region,
        "systems": trial.systems,
        "pictures": [hashlib.sha256(png).hexdigest() for png in trial.pictures],
        "right": trial.right,
        "practice": trial.practice,
        "catch": trial.catch,
    }
    return json.dumps(fields, sort_keys=True)


def _record(number: int, content: str) -> TrialRecord:
    fields = json.loads(content)
    fields |= {"systems": tuple(fields["systems"]), "pictures": tuple(fields["pictures"])}
    return TrialRecord(number, **fields)


def _digest(settings: str, contents: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([settings, *contents]).encode()).hexdigest()
