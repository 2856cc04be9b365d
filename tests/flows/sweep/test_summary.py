"""What a sweep leaves: plots and plain data, with a real Optuna study."""

from pathlib import Path

import pytest
from PIL import Image

from flows.sweep import summary
from flows.sweep.trial import TrialResult

from .test_scheduler import GRID, RANGE, Small

pytestmark = pytest.mark.usefixtures("inside")
TWO = {"FD": "minimize", "mCSD": "maximize"}


def drawn(small: Small) -> set[str]:
    """Draw the plots; each must be a picture of some size."""
    folder = Path("plots")
    summary.draw_plots(small.sweep, small.study.snapshot(), folder)
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
    return {path.stem for path in folder.glob("*.png")}


def test_several_objectives_have_plots_each_and_a_pareto_front() -> None:
    small = Small(RANGE, objectives=TWO, sampler="random", trials=6)
    small.run()
    each = {f"{plot}-{metric}" for plot in ("history", "slice", "importance") for metric in TWO}
    assert drawn(small) == each | {"parallel", "pareto"}


def test_one_trial_has_a_history_alone() -> None:
    small = Small(RANGE, sampler="random", trials=1)
    small.run()
    assert drawn(small) == {"history-FD"}


def test_plots_of_before_do_not_stay_when_no_trial_has_finished() -> None:
    Path("plots").mkdir()
    Path("plots", "pareto.png").touch()
    assert drawn(Small(RANGE)) == set()


def test_the_winner_is_the_best_by_the_first_objective() -> None:
    small = Small(GRID, objectives=TWO | {"mCSD": "minimize"})
    small.run()
    found = summary.to_dict(small.sweep, small.study.snapshot())
    assert (found["best"], sorted(found["front"])) == (2, [0, 1, 2])
    page = small.page()
    assert "that of the Pareto front (bold) with the best FD" in page
    assert page.endswith("python -m flows.sweep.apply small 2\n")


def test_what_ran_on_another_machine_is_brought_from_the_remote_unless_it_never_got_there() -> None:
    small = Small(GRID, executor="pool")
    small.run()
    assert small.page().endswith("flows.sweep.apply small 2 --pull\n")
    kept = Small(GRID, executor="pool", name="kept")
    kept.next()
    kept.study.add(0, 0, TrialResult({"FD": 1.0}, 60.0, warning="its outputs stay on her laptop"))
    assert kept.page().endswith("flows.sweep.apply kept 0\n")


def test_plain_data_say_how_much_each_parameter_decides_for_each_objective() -> None:
    small = Small(RANGE, objectives=TWO, sampler="random", trials=12)
    small.run()
    found = summary.to_dict(small.sweep, small.study.snapshot())
    assert found["importance"] == {metric: {"train.rate": 1.0} for metric in TWO}
    assert found["objectives"][0] == {"metric": "FD", "direction": "minimize"}
    assert len(found["trials"]) == 12


def test_a_finished_trial_shows_its_warning_once_and_a_line_counts_them() -> None:
    small = Small(GRID, seeds=2)
    for number, warning in enumerate(["its outputs stay on\n  there", ""]):
        assert small.study.next() == number
        for seed in range(2):
            small.study.add(number, seed, TrialResult({"FD": number}, 60.0, warning=warning))
    page = small.page()
    assert "| **0** | 0.1 | 0 ± 0 | 2.0 | its outputs stay on there |\n" in page
    assert "| 1 | 0.2 | 1 ± 0 | 2.0 |  |\n" in page
    assert "\n\nFinished with a warning, in the last column: 1.\n" in page
    rows = summary.to_dict(small.sweep, small.study.snapshot())["trials"]
    assert [row["warning"] for row in rows] == ["its outputs stay on\n  there", "", ""]


def test_without_warnings_no_line_counts_them() -> None:
    small = Small(GRID)
    small.run()
    assert "warning" not in small.page()


def test_a_bar_in_a_reason_is_no_new_column() -> None:
    small = Small(GRID, retries=0)
    small.next()
    small.study.fail(0, "use a|b")
    assert r"| failed: use a\|b |" in small.page()
