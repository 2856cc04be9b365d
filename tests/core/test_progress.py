import pytest

from smis.core.progress import ProgressBar, track


def test_piped_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "counting", total=3, unit="things")) == [0, 1, 2]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "counting: 3/3 things in 0 s\n"


def test_piped_progress_says_slow_work_in_between_and_its_end_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("smis.core.progress._LINE_EVERY_S", 0.0)
    list(track(range(2), "counting", total=2))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0].split(" in ")[0] for line in lines] == ["counting: 1/2", "counting: 2/2"]
    assert "s left" in lines[0]


def test_an_invisible_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("counting", total=2, visible=False) as bar:
        bar.advance(2)
    assert capsys.readouterr().err == ""
