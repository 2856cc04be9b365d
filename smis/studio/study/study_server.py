"""The server of a study: what a volunteer sees next, and the votes; which answer is right never leaves it."""

import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from smis.core.errors import ParamsError
from smis.studio.access import Access, AccessMiddleware
from smis.studio.page_server import add_errors, add_page
from smis.studio.study.study_file import StoredVote, StudyFile, TrialRecord
from smis.studio.study.viewing_order import turn, viewing_order

_LONGEST_MS = 24 * 3600 * 1000
Clock = Callable[[], float]


class Answer(BaseModel):
    """What a volunteer answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: int = Field(ge=0)
    """The number of the trial in the volunteer's own order, from 0."""
    answer: int = Field(ge=0)
    """The number of the answer or, if pictures are the answers, of the picture from left to right."""
    milliseconds: int = Field(ge=0, le=_LONGEST_MS)
    """How long the pictures had been seen."""


class Volunteer:
    """A study as one volunteer sees it.

    A trial begins when the answer before it is stored and its last picture is sent: no page can show it earlier, so the
    minimum time is kept by this clock too. What came before a restart of the server is not known.

    Args:
        study: The opened study.
        number: The volunteer's number.
        clock: Seconds that never go back.
        began: Whether the volunteer begins now.
    """

    def __init__(self, study: StudyFile, number: int, *, clock: Clock = time.monotonic, began: bool = False) -> None:
        self._study, self._number, settings = study, number, study.settings
        self._clock = clock
        self._answered_at = clock() if began else None
        self._sent_at: dict[tuple[int, int], float] = {}
        self._order = viewing_order(
            study.scored, study.catches, volunteer=number, limit=settings.per_volunteer, seed=settings.seed
        )
        shown = {"pictures": settings.question.pictures, "volunteer": number, "seed": settings.seed}
        self._turned = turn([*study.scored, *study.catches], **shown) | turn(study.practice, **shown)

    def progress(self) -> dict[str, int]:
        """Return how many trials are answered, of how many."""
        return {"answered": len(self._study.votes(self._number)), "total": len(self._order)}

    def picture(self, kind: str, place: int, position: int) -> bytes:
        """Return the picture at a position, from left to right, of a trial by its place in the volunteer's order.

        Raises:
            HTTPException: if there is none.
        """
        trials = {"practice": self._study.practice, "trials": self._order}.get(kind, [])
        if not (0 <= place < len(trials) and 0 <= position < self._study.settings.question.pictures):
            raise HTTPException(404)
        if kind == "trials":
            self._sent_at.setdefault((place, position), self._clock())
        trial = self._study.trials[trials[place]]
        return self._study.picture(trial.pictures[self._turned[trial.number][position]])

    def vote(self, answer: Answer) -> dict[str, int]:
        """Store a vote, and return the progress; one that is stored already stays, whatever is sent again.

        Raises:
            ParamsError: if it is about another trial than the next one, no answer, or given too fast.
        """
        answered = self.progress()["answered"]
        if answer.place > answered or answer.place >= len(self._order):
            raise ParamsError(f"trial {answer.place} is not the next one, which is {answered}; load the page again")
        if answer.place == answered:
            self._store(answer, self._study.trials[self._order[answer.place]])
        return self.progress()

    def _store(self, answer: Answer, trial: TrialRecord) -> None:
        settings = self._study.settings
        if answer.answer >= settings.question.choices:
            raise ParamsError(f"answer {answer.answer} is none; give 0 to {settings.question.choices - 1}")
        if answer.milliseconds < settings.minimum_ms:
            raise ParamsError(
                f"an answer after {answer.milliseconds} ms is too fast; look for {settings.minimum_ms} ms"
            )
        if (seen := self._longest_look(answer.place)) < settings.minimum_ms / 1000:
            raise ParamsError(
                f"an answer {1000 * seen:.0f} ms after the pictures were sent is too fast; look for "
                f"{settings.minimum_ms} ms"
            )
        chosen = answer.answer if settings.question.answers else self._turned[trial.number][answer.answer]
        self._study.vote(StoredVote(self._number, trial.number, chosen, answer.milliseconds, answer.place))
        self._answered_at = self._clock()

    def _longest_look(self, place: int) -> float:
        """Return for how many seconds a page can have shown a trial, at most."""
        pictures = range(self._study.settings.question.pictures)
        known = [self._answered_at, *(self._sent_at.get((place, position)) for position in pictures)]
        return min((self._clock() - at for at in known if at is not None), default=float("inf"))


def create_study_app(study: StudyFile, *, access: Access | None = None, clock: Clock = time.monotonic) -> FastAPI:
    """Make the application.

    Args:
        study: The opened study.
        access: Who may ask; by default, this machine.
        clock: Of the minimum time: seconds that never go back.
    """
    app = FastAPI(title="smis study", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(study_router(study, clock=clock))
    add_errors(app)
    add_page(app, package="smis.studio.study")
    app.add_middleware(AccessMiddleware, access=access or Access())
    return app


class VolunteerDirectory:
    """Find the volunteer of a request by its token, and let new ones begin."""

    def __init__(self, study: StudyFile, *, clock: Clock = time.monotonic) -> None:
        self._study, self._clock = study, clock
        self._known: dict[int, Volunteer] = {}

    def join(self) -> str:
        """Let a volunteer begin, and return the token.

        Raises:
            ParamsError: if there are too many.
        """
        token = self._study.join()
        number = self._study.volunteer(token)
        assert number is not None
        self._known[number] = Volunteer(self._study, number, clock=self._clock, began=True)
        return token

    def __call__(self, x_volunteer: Annotated[str, Header(max_length=100)] = "") -> Volunteer:
        """Return the volunteer.

        Raises:
            HTTPException: if the token is nobody's.
        """
        number = self._study.volunteer(x_volunteer)
        if number is None:
            raise HTTPException(401, "this link belongs to nobody in this study; begin anew")
        if number not in self._known:
            self._known[number] = Volunteer(self._study, number, clock=self._clock)
        return self._known[number]


def study_router(study: StudyFile, *, clock: Clock = time.monotonic) -> APIRouter:
    """Return the routes below /api."""
    router, settings = APIRouter(prefix="/api"), study.settings
    directory = VolunteerDirectory(study, clock=clock)
    volunteer = Depends(directory)

    @router.get("/study")
    def describe() -> dict[str, Any]:
        question = settings.question
        return {
            "title": settings.title,
            "consent": settings.consent,
            "question": question.question,
            "hint": question.hint,
            "pictures": question.pictures,
            "answers": question.answers,
            "minimum_ms": settings.minimum_ms,
            "practice": len(study.practice),
        }

    @router.post("/volunteers", status_code=201)
    def join() -> dict[str, str]:
        return {"token": directory.join()}

    @router.get("/progress")
    def progress(who: Volunteer = volunteer) -> dict[str, int]:
        return who.progress()

    @router.get("/{kind}/{place}/{position}")
    def picture(kind: str, place: int, position: int, who: Volunteer = volunteer) -> Response:
        png = who.picture(kind, place, position)
        return Response(png, media_type="image/png", headers={"cache-control": "no-store"})

    @router.post("/votes")
    def vote(answer: Answer, who: Volunteer = volunteer) -> dict[str, int]:
        return who.vote(answer)

    return router
