"""The way to S3: one client for each process, and one sentence where it fails.

Address and keys come from where boto3 looks for them: `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, a profile, or the machine's role.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from smis.core.errors import ServerError, optional_package

_THEIRS = ("botocore", "boto3", "s3transfer", "urllib3")


def client(endpoint: str | None = None) -> Any:
    """Return boto3's client, which threads may share; `endpoint` goes before the environment's.

    Raises:
        ParamsError: if boto3 is not installed.
    """
    return _client(os.getpid(), endpoint)


@lru_cache(maxsize=4)
def _client(process: int, endpoint: str | None) -> Any:
    """A client does not survive a fork."""
    with optional_package("s3://", extra="pipeline"):
        import boto3
        from botocore.config import Config
    # links are signed in the older way unless one asks, which few servers but Amazon's take
    return boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4"))


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what boto3 raises into "cannot `what` (reason)".

    Raises:
        ServerError: if S3 does not answer, or not to us.
    """
    try:
        yield
    except Exception as error:
        # botocore's exceptions share no base with anything that is imported where boto3 is not installed
        if not type(error).__module__.startswith(_THEIRS):
            raise
        reason = " ".join(str(error).split())
        raise ServerError(f"cannot {what} ({reason}); set AWS_ENDPOINT_URL and keys, or another address") from None
