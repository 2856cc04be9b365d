"""What a trial on another machine tells its sweep."""

import json
from dataclasses import asdict

from flows.sweep import trial
from flows.sweep.bulletin import Bulletin
from flows.sweep.trial import Measured, Trial
from tests.flows.sweeps import SweepWorkspace


def test_what_is_no_number_comes_through_prefect_as_nothing_and_is_left_out() -> None:
    sent = {"points": [[1, 2.0], [2, None]], "measured": asdict(Measured({"FD": 1.0}, 3.0, "left"))}
    sent["measured"]["values"]["extra"] = None
    read = Bulletin.read(sent)
    assert read.points == [(1, 2.0)]
    assert read.measured == Measured({"FD": 1.0}, 3.0, "left")


def test_a_trial_tells_numbers_only(inside: SweepWorkspace) -> None:
    one = Trial(sweep="small", number=0, seed=0, dataset="doll", system="one", stages=["train"])
    written = inside.path / one.folder / "metrics/doll/one.json"
    written.parent.mkdir(parents=True)
    values = {"FD": 1, "extra": float("nan"), "none": None}
    written.write_text(json.dumps({name: {"value": value} for name, value in values.items()}))
    assert trial._metrics(one) == {"FD": 1.0}
