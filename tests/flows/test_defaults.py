"""What flows set for Prefect and DVC, by the names under which they read it: a name that is wrong goes unnoticed."""

import os

from prefect.settings import Settings

import flows


def test_prefect_knows_every_name_that_is_set_for_it() -> None:
    ours = {name for name in flows.DEFAULTS if name.startswith("PREFECT_")}
    assert ours <= set(Settings().to_environment_variables(exclude_unset=True))
    assert ours <= set(os.environ)


def test_the_server_writes_what_it_hears_of_tasks_together() -> None:
    recorder = Settings().server.services.task_run_recorder
    assert (recorder.batch_size, recorder.flush_interval) == (100, 1)
