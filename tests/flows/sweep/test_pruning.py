"""Pruning that has nothing to look at."""

from tests.flows.sweeps import RATE, SWEEP, SweepWorkspace


def test_a_curve_that_no_history_has_is_told_once_with_those_that_there_are(small: SweepWorkspace, server: str) -> None:
    small.change(how="learns", steps=2)
    space = small.write(space={RATE: [0.1, 0.2]}, max_concurrent=1, pruner={"metric": "validation_fid"})
    done = small.run(SWEEP, "--space", space, PREFECT_API_URL=server)
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in (done.stdout + done.stderr).splitlines() if "nothing prunes it" in line]
    assert "trial-0000-seed-0 has no validation_fid in its history, so that" in told
    assert "; there are: validation_fd; name in pruner.metric what training writes" in told
    assert [row["state"] for row in small.rows()] == ["finished"] * 2
