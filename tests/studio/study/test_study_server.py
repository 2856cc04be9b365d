import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from smis.studio.access import Access
from smis.studio.study.study_file import StudyFile
from smis.studio.study.study_server import create_study_app
from smis.studio.study.viewing_order import turn, viewing_order
from tests.studio.study import studies


@pytest.fixture(params=["she"])
def study(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StudyFile]:
    task, systems = request.param, 1 if request.param == "odd" else 2
    with StudyFile(studies.write(tmp_path / "study", task, systems, pairs=3, minimum_ms=300)) as study:
        yield study


class Clock:
    """Seconds that pass when a test says so; a second each time that it is asked, unless it is stopped."""

    def __init__(self) -> None:
        self.now, self.step = 0.0, 1.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(study: StudyFile, clock: Clock) -> Iterator[TestClient]:
    with TestClient(create_study_app(study, clock=clock), base_url="http://127.0.0.1") as client:
        yield client


def joined(client: TestClient) -> dict[str, str]:
    """Return the header of a new volunteer."""
    return {"X-Volunteer": client.post("/api/volunteers").json()["token"]}


def vote(client: TestClient, who: dict[str, str], place: int, answer: int = 0, milliseconds: int = 900) -> Any:
    body = {"place": place, "answer": answer, "milliseconds": milliseconds}
    return client.post("/api/votes", json=body, headers=who)


def test_votes_are_counted_until_all_are_given(client: TestClient, study: StudyFile) -> None:
    who, total = joined(client), len(study.scored) + len(study.catches)
    told = [vote(client, who, place).json() for place in range(total)]
    assert told == [{"answered": place + 1, "total": total} for place in range(total)]
    assert client.get("/api/progress", headers=who).json() == {"answered": total, "total": total}
    assert vote(client, who, total).status_code == 400


def test_a_vote_that_is_sent_again_changes_nothing(client: TestClient, study: StudyFile) -> None:
    who = joined(client)
    assert vote(client, who, 0, answer=1).json() == vote(client, who, 0, answer=0).json()
    assert [each.answer for each in study.votes()] == [1]


def test_the_server_keeps_the_minimum_time_whatever_a_page_says(
    client: TestClient, study: StudyFile, clock: Clock
) -> None:
    clock.step = 0
    who, told = joined(client), "an answer 299 ms after the pictures were sent is too fast; look for 300 ms"
    for place in range(2):  # after joining, and after an answer
        clock.now += 0.299
        assert vote(client, who, place).json() == {"error": told}
        clock.now += 0.001
        assert vote(client, who, place).json()["answered"] == place + 1
    clock.now += 60
    client.get("/api/trials/2/0", headers=who)  # and after the last picture
    clock.now += 10
    for _ in range(2):
        client.get("/api/trials/2/1", headers=who)
        clock.now += 0.1495
    assert vote(client, who, 2).json() == {"error": told}
    clock.now += 0.001
    assert vote(client, who, 2).json()["answered"] == 3


def test_an_answer_that_was_on_its_way_while_the_server_was_started_again_is_taken(
    client: TestClient, study: StudyFile
) -> None:
    who = joined(client)
    with TestClient(create_study_app(study, clock=lambda: 0), base_url="http://127.0.0.1") as again:
        assert vote(again, who, 0).json()["answered"] == 1
        assert "too fast" in vote(again, who, 1).json()["error"]


@pytest.mark.parametrize("study", ["preference", "odd"], indirect=True)
def test_the_picture_that_was_chosen_is_stored_whatever_its_place(client: TestClient, study: StudyFile) -> None:
    count = study.settings.question.pictures
    for volunteer in range(count):
        vote(client, joined(client), 0, answer=count - 1)
        first = viewing_order(study.scored, study.catches, volunteer=volunteer)[0]
        turned = turn([*study.scored, *study.catches], pictures=count, volunteer=volunteer)
        assert [each.answer for each in study.votes(volunteer)] == [turned[first][count - 1]]


@pytest.mark.parametrize("study", ["she", "odd"], indirect=True)
def test_a_volunteer_sees_the_pictures_of_the_trial_that_is_voted_on(client: TestClient, study: StudyFile) -> None:
    who = joined(client)
    for place, number in enumerate(viewing_order(study.scored, study.catches, volunteer=0)):
        trial, count = study.trials[number], study.settings.question.pictures
        seen = [client.get(f"/api/trials/{place}/{position}", headers=who).content for position in range(count)]
        assert sorted(seen) == sorted(study.picture(sha256) for sha256 in trial.pictures)
    practice = client.get("/api/practice/1/0", headers=who).content
    assert practice in [study.picture(sha256) for sha256 in study.trials[study.practice[1]].pictures]


def test_nothing_that_is_sent_says_which_system_or_answer_it_is(client: TestClient, study: StudyFile) -> None:
    who = joined(client)
    answers = [client.get("/api/study"), client.get("/api/progress", headers=who), vote(client, who, 0)]
    answers += [client.get("/api/trials/0/0", headers=who)]
    text = " ".join(f"{answer.headers} {answer.content!r}" for answer in answers)
    hidden = ["system 0", "system 1", "identical", "everything", "scrambled", "catch", "right", "seed", "hair"]
    hidden += [sha256 for trial in study.trials for sha256 in trial.pictures]
    hidden.remove("hair")  # a word of the hint
    assert [word for word in hidden if word in text] == []
    assert answers[-1].headers["cache-control"] == "no-store"
    assert "etag" not in answers[-1].headers


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"place": 1, "answer": 0, "milliseconds": 900}, "trial 1 is not the next one, which is 0"),
        ({"place": 0, "answer": 2, "milliseconds": 900}, "answer 2 is none; give 0 to 1"),
        ({"place": 0, "answer": 0, "milliseconds": 299}, "an answer after 299 ms is too fast; look for 300 ms"),
        ({"place": 0, "answer": -1, "milliseconds": 900}, "answer: "),
        ({"place": 0, "answer": 0}, "milliseconds is missing"),
    ],
)
def test_a_vote_that_does_not_fit_is_refused_in_one_sentence(
    client: TestClient, study: StudyFile, body: dict[str, int], told: str
) -> None:
    answer = client.post("/api/votes", json=body, headers=joined(client))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(told)
    assert study.votes() == []


@pytest.mark.parametrize("header", [{}, {"X-Volunteer": "guessed"}])
@pytest.mark.parametrize("path", ["progress", "trials/0/0", "practice/0/0"])
def test_who_has_not_agreed_sees_nothing(client: TestClient, header: dict[str, str], path: str) -> None:
    answer = client.get(f"/api/{path}", headers=header)
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "this link belongs to nobody in this study; begin anew"},
    )


@pytest.mark.parametrize("path", ["trials/99/0", "trials/0/2", "practice/-1/0", "secrets/0/0", "trials/0/x"])
def test_there_are_no_other_pictures(client: TestClient, path: str) -> None:
    assert client.get(f"/api/{path}", headers=joined(client)).status_code in (400, 404)


def test_the_page_asks_no_other_host(client: TestClient) -> None:
    for name in ("", "main.js", "trial.js", "api.js", "study.css", "icon.svg"):
        answer = client.get(f"/{name}")
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "//" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace("// told when", "")


def test_a_server_for_others_wants_the_token_of_the_link(study: StudyFile) -> None:
    app = create_study_app(study, access=Access("invitation", cookie="smis_study_1"))
    with TestClient(app, base_url="http://10.0.0.5") as client:
        assert client.post("/api/volunteers").status_code == 401
        assert client.get("/?token=invitation").status_code == 200
        assert client.post("/api/volunteers").status_code == 201


def test_volunteers_are_served_without_torch() -> None:
    modules = "smis.cli.human_study, smis.studio.serve, smis.studio.study.study_server"
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
