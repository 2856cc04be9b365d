import subprocess
import sys

import pytest

import smis.metrics
from smis.metrics import kid, model_diversity
from smis.metrics.image import fid


def test_a_metric_is_a_module_with_a_verb() -> None:
    assert all(callable(module.measure) for module in (fid, kid, model_diversity))


@pytest.mark.parametrize("name", smis.metrics.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(smis.metrics, name).__name__ in {f"smis.metrics.{name}", f"smis.metrics.image.{name}"}


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lips'; there are: cost"):
        _ = smis.metrics.lips  # pyright: ignore[reportAttributeAccessIssue]


def test_nothing_is_imported_before_it_is_used() -> None:
    probe = "import sys, smis.cli.metrics, smis.metrics; print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
