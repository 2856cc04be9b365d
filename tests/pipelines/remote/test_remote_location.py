from pathlib import Path

import pytest

from pipelines.remote.bucket import S3Location, configured_remote
from smis.core.errors import ParamsError


def written(folder: Path, **files: str) -> Path:
    (folder / ".dvc").mkdir()
    for name, text in files.items():
        (folder / ".dvc" / name.replace("_", ".")).write_text(text)
    return folder


def test_the_default_remote_is_found_and_what_is_local_goes_before(tmp_path: Path) -> None:
    shared = "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://pictures/dvc/all\n"
    local = "['remote \"store\"']\n    endpointurl = http://127.0.0.1:8333\n"
    found = configured_remote(written(tmp_path, config=shared, config_local=local))
    assert found == S3Location("pictures", "dvc/all", "http://127.0.0.1:8333")
    assert str(found) == "s3://pictures/dvc/all"
    assert found.key("files") == "dvc/all/files"


def test_a_bucket_without_a_folder_has_keys_of_its_own() -> None:
    assert S3Location.parse("s3://pictures").key("files") == "files"


def test_a_workspace_without_a_remote_is_told_how_to_name_one(tmp_path: Path) -> None:
    written(tmp_path, config="[core]\n    analytics = false\n")
    with pytest.raises(ParamsError, match="no default remote; name one with `dvc remote add --default"):
        configured_remote(tmp_path)
    with pytest.raises(ParamsError, match="no remote 'other'; name one"):
        configured_remote(tmp_path, name="other")


def test_a_remote_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    written(tmp_path, config="[core]\n    remote = disk\n['remote \"disk\"']\n    url = /somewhere\n")
    with pytest.raises(ParamsError, match="the remote is '/somewhere', but only s3"):
        configured_remote(tmp_path)
