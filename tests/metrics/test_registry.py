import pytest

from smis.core.errors import ParamsError
from smis.metrics.metric_names import METRICS


@pytest.mark.parametrize("name", METRICS)
def test_every_row_leads_somewhere(name: str) -> None:
    assert callable(METRICS.load(name))


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ParamsError, match="there is no metric named 'lpips'; there are: SHE, accuracy, fd_stlpips_vgg"):
        METRICS.load("lpips")
