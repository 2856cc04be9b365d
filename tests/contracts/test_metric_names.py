"""A name that a stored value carries is a row of the registry of metrics, or derived from one there."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from smis.core.errors import ParamsError
from smis.metrics.image import lpips
from smis.metrics.image.embeddings import NAMES
from smis.metrics.image.result import Bootstrap
from smis.metrics.metric_names import DERIVED, METRICS
from smis.metrics.segmentation import Segmentation

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(ROOT.glob("metrics/*/*/seed-*.json"))


def gathered_by(name: str) -> str:
    """Return what gathers a stored value: that of its own row, or of the one it is derived from."""
    derived = (row for pattern, row in DERIVED.items() if re.fullmatch(pattern, name))
    return METRICS[next(derived, name)]


def test_there_are_committed_results_to_look_at() -> None:
    assert COMMITTED


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_committed_value_is_of_a_registered_metric(path: Path) -> None:
    for name in json.loads(path.read_text()):
        gathered_by(name)


def test_every_network_that_may_be_chosen_has_rows_for_what_it_measures() -> None:
    found = {name for network in lpips.NETWORKS for name in (network, f"paired_{network}")}
    found |= {name for pair in NAMES.values() for name in pair}
    assert found <= set(METRICS)


def test_a_class_s_part_of_miou_is_derived() -> None:
    found = Segmentation(classes=12, protocol={})
    maps = torch.from_numpy(np.arange(12).reshape(1, 3, 4))
    found.update(["a"], maps, maps)
    names = [result.name for result in found.per_class(Bootstrap(resamples=2))]
    assert {gathered_by(name) for name in names} == {METRICS["mIoU"]}
    assert "IoU_11" in names


def test_derived_names_lead_to_rows_and_are_none_themselves() -> None:
    assert set(DERIVED.values()) <= set(METRICS)
    assert not set(DERIVED) & set(METRICS)


@pytest.mark.parametrize("name", ["mIoU_unreal", "fid_real", "IoU_", "lpips"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=rf"there is no metric named '{name}'; there are: SHE, accuracy"):
        gathered_by(name)
