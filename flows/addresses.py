"""Addresses of servers and databases: for files in folders of any name, and without their passwords where shown.

`pipelines.tracking.server_address` does the same for MLflow; flows do not import it, and a test compares the two.
"""

import re
from pathlib import Path

_CREDENTIALS = re.compile(r"(?<=://)(?!(?:\[[\da-fA-F:.]+\]|[^\s/?#@:\[]*)(?::\d*)?[/?#])\S*@")
"""Up to the last @, which a password with a slash is longer than; not where a host with its port comes first."""


def sqlite_uri(path: Path) -> str:
    """Return the address of a SQLite file; `%` and `?` in its path would be read as those of the address."""
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3F")
    driver = "+pysqlite" if "%" in quoted else ""  # else MLflow creates the folder without unquoting its name
    return f"sqlite{driver}:///{quoted}"


def without_credentials(text: str) -> str:
    """Remove user and password from the URLs in a text: logs are shared."""
    return _CREDENTIALS.sub("", text)
