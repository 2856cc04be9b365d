import sys

import pytest

from smis.core.errors import ParamsError
from smis.metrics.image import inception


@pytest.mark.parametrize("package", ["pytorch_fid", "torchvision"])
def test_a_missing_package_is_named_with_its_remedy(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pytorch_fid", "pytorch_fid.inception"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ParamsError, match=rf"FID and KID: the package {package}.* is missing; pip install 'smis\[metrics\]'"
    ):
        inception.bare()
