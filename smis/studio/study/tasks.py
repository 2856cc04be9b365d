"""What a study asks, and the settings and trials that are frozen in it."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from smis.core.config import Config

TaskName = Literal["she", "preference", "odd"]
CatchKind = Literal["identical", "everything", "scrambled"]
"""A catch trial's pictures: equal, different in everything, or the second one with its blocks in another order."""

CONSENT = """\
This study asks people to look at pictures that computer programs made. You will see two or three pictures at a time and
answer one question about them. It takes a few minutes.

Your answers and the time that each one took are stored under a random number. Your name, your address on the network
and anything else about you are not stored. You may stop at any time by closing the page; answers that you have given by
then stay in the study. The link in your browser's address bar brings you back to where you stopped.
"""


@dataclass(frozen=True)
class Task:
    """A question, and the answers that a volunteer chooses from."""

    question: str
    hint: str
    pictures: int
    """How many are shown beside each other."""
    answers: tuple[str, ...]
    """Words of the answers; empty if the answer is one of the pictures."""

    @property
    def choices(self) -> int:
        """The number of answers."""
        return len(self.answers) or self.pictures


TASKS: dict[str, Task] = {
    "she": Task(
        "Do the two pictures differ in one area only?",
        "An area is one kind of thing in the picture, such as the hair, the shirt, the sky or the background.",
        2,
        ("yes", "no"),
    ),
    "preference": Task("Which picture looks more real?", "If you cannot tell, choose the one you like better.", 2, ()),
    "odd": Task("Which picture differs from the other two?", "Two of the three pictures are the same.", 3, ()),
}
"""SHE (Zhu et al., CVPR 2020, section 4.1), two-alternative forced choice, and the triangle test (ISO 4120)."""

YES, NO = 0, 1
MOST_PAIRS = 2000
"""Of each system."""


class StudySettings(Config):
    """Everything about a study but its pictures."""

    task: TaskName
    title: str = Field(default="Looking at pictures", min_length=1, max_length=200)
    consent: str = Field(default=CONSENT, min_length=1, max_length=20_000)
    systems: list[str] = Field(min_length=1)
    """Names of the systems, which no volunteer sees."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    per_volunteer: int | None = Field(default=None, ge=1)
    """Scored trials that one volunteer sees; None for all."""
    minimum_ms: int = Field(default=700, ge=0, le=60_000)
    """Milliseconds that the pictures must have been seen before an answer counts."""

    @property
    def question(self) -> Task:
        """The task's question and answers."""
        return TASKS[self.task]


@dataclass(frozen=True)
class StudyTrial:
    """Pictures that are shown together; volunteers see them in an order of their own."""

    label_map: str
    region: str
    """The class that was resampled; "" if none was."""
    systems: tuple[str, ...]
    """The system of each picture."""
    pictures: tuple[bytes, ...]
    """PNG files."""
    right: int | None
    """The only right answer, by the order of `systems` or of the task's answers; None where there is none."""
    practice: bool = False
    catch: CatchKind | None = None
