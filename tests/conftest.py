"""Shapes and types of public calls are checked while tests run; beartype cannot resolve `Self`: name the class."""

import os
import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from jaxtyping import install_import_hook

from smis.core.process_settings import limit_spinning

_CHECKED = (
    "nn",
    "losses",
    "models",
    "datasets",
    "data",
    "metrics",
    "training",
    "sampling",
    "core.batch",
    "core.seeding",
    "core.style",
)

_SLOW = (
    *("docs/test_site.py", "docs/test_worked_example.py"),
    "services/",
    "cli/test_bench.py",
    "datasets/io/test_s3_files.py",
    *(f"flows/sweep/test_{name}.py" for name in ("apply", "lists", "lock", "raw", "remote", "study", "sweep", "trial")),
    *(f"flows/test_{name}.py" for name in ("cancellation", "deployments", "devices", "experiment", "stages", "up")),
    "flows/sweep/test_remote_runs.py",
    "flows/sweep/test_slurm_jobs.py",
    "metrics/test_processes.py",
    "studio/test_process.py",
    "pipelines/remote/test_bucket.py",
    *(
        f"pipelines/test_{name}.py"
        for name in ("added", "laws", "load_size", "mistakes", "prepare", "raw", "segmenter")
    ),
    *(f"pipelines/test_{name}.py" for name in ("segmenter", "tracking_model", "tracking_server", "train")),
    *(f"pipelines/test_{name}.py" for name in ("train_validation", "whole_pipeline")),
    *(f"training/test_{name}.py" for name in ("launch", "processes", "resume", "workers")),
)

_LONGEST = (
    "services/browser/",
    "flows/sweep/test_remote.py",
    "pipelines/test_whole_pipeline.py",
    "pipelines/test_whole_reproduction.py",
    "services/test_team_servers.py",
    "flows/sweep/test_slurm_jobs.py",
    "flows/sweep/test_lock.py",
    "services/test_remote.py",
    "flows/sweep/test_sweep.py",
    "pipelines/test_laws.py",
    "flows/test_experiment.py",
    "flows/test_up.py",
    "cli/test_bench.py",
    "flows/sweep/test_apply.py",
    "pipelines/test_train.py",
    "published/test_generator_export.py",
    "training/test_loop.py",
    "flows/sweep/test_lists.py",
    "flows/sweep/test_raw.py",
    "pipelines/test_prepare.py",
    "pipelines/test_raw.py",
    "training/test_workers.py",
    "models/test_every_system.py",
    "training/test_resume.py",
    "pipelines/test_added.py",
    "references/test_groupdnet_release.py",
    "references/test_vspade_release.py",
    "training/test_processes.py",
    "metrics/test_processes.py",
)
"""Files that take longest, the longest first."""

os.environ.setdefault("OMP_NUM_THREADS", "1")
limit_spinning()
install_import_hook([f"smis.{name}" for name in _CHECKED], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left alone with one at the end.

    What starts a server, a browser or stages of the pipeline is slow: `make test-fast` leaves it out.
    """
    items.sort(key=lambda item: _first(_path(item), _LONGEST))
    for item in items:
        if _path(item).startswith(_SLOW):
            item.add_marker(pytest.mark.slow)


def _path(item: pytest.Item) -> str:
    return str(item.path.relative_to(item.config.rootpath / "tests"))


def _first(path: str, starts: tuple[str, ...]) -> int:
    """Return the place of the first of these with which a path starts, or their number."""
    return next((place for place, start in enumerate(starts) if path.startswith(start)), len(starts))


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The toy system is a module for tests and a script for processes."""
    path = Path(__file__).parent / "training" / "toy.py"
    spec = util.spec_from_file_location("smis_toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
