from pathlib import Path

import pytest

from tests.docs.shown_commands import PAGES, ROOT, commands, mistake


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists_with_its_flags(page: Path) -> None:
    assert {" ".join(words): wrong for words in commands(page) if (wrong := mistake(words))} == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("smis paint", "smis has no paint"),
        ("smis zoo paint", "smis zoo has no paint"),
        ("smis generate CHECKPOINT labels --sample 3", "smis generate has no --sample"),
        ("make paint", "make has no target paint"),
        ("dvc repro --paint", "dvc repro has no --paint"),
        ("python -m flows.paint", "there is no module flows.paint"),
        ("python -m flows.worker --paint", "flows.worker has no --paint"),
        ("python docs/paint.py", "there is no docs/paint.py"),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, wrong: str) -> None:
    assert mistake(command.split()) == wrong


def test_pages_show_commands(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Run `smis zoo list`:\n\n```\nA=1 make zoo MODEL=x && smis runs  # all\n```\n")
    assert list(commands(page)) == [["make", "zoo", "MODEL=x"], ["smis", "runs"], ["smis", "zoo", "list"]]
