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


def is_sound(address: str) -> bool:
    """Whether user, password, host and port of an address can be told apart."""
    scheme, separator, rest = address.partition("://")
    if not separator or rest.startswith("/"):  # a file, or a database that its query names
        return True
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = re.fullmatch(r"(?:[^@]*@)?(?P<name>\[[\da-fA-F:.]+\]|[^\[\]:@]*)(?::(?P<port>\d*))?", authority)
    if host is None or int(host["port"] or 0) > 65535 or (not host["name"] and scheme.startswith("http")):
        return False
    return "@" not in rest[len(authority) :] and address.isprintable() and " " not in address


def shown(address: str) -> str:
    """Return an address that is not sound without all that may belong to its password."""
    scheme, _, rest = address.partition("://")
    _, at, place = rest.rpartition("@")
    return repr(f"{scheme}://...@{place}" if at else address)
