import pytest

from smis.core.progress import Bar, track


def test_piped_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "counting", total=3, unit="things")) == [0, 1, 2]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "counting: 3/3 things in 0 s\n"


def test_an_invisible_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("counting", total=2, visible=False) as bar:
        bar.advance(2)
    assert capsys.readouterr().err == ""
