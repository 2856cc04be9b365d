"""MLflow's address: checked, for SQLite files in folders of any name, and without its password where it is shown."""

import os
import re
from pathlib import Path

from smis.core.errors import ParamsError

VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE = Path("mlflow.db")
_REMEDY = (
    "an address is like http://HOST:5000 or postgresql://USER:PASSWORD@HOST:5432/mlflow; in a user or password, "
    "/ is %2F, @ is %40, # is %23, ? is %3F, or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
)
_CREDENTIALS = re.compile(r"(?<=://)(?!(?:\[[\da-fA-F:.]+\]|[^\s/?#@:\[]*)(?::\d*)?[/?#])\S*@")
"""Up to the last @, which a password with a slash is longer than; not where a host with its port comes first."""


def tracking_uri() -> str:
    """Return `$MLFLOW_TRACKING_URI` with its password, by default a SQLite file in the workspace.

    Raises:
        ParamsError: if the address of a server or database cannot be one.
    """
    address = os.environ.get(VARIABLE) or sqlite_uri(DATABASE)
    if address.startswith("sqlite:") and "%" in address:
        return _without_stray_folder(address)
    if not is_sound(address):
        raise ParamsError(f"{VARIABLE} is {shown(address)}, which is no address; {_REMEDY}")
    return address


def shown_uri() -> str:
    """Return the address without user and password, as messages and records hold it."""
    return without_credentials(tracking_uri())


def sqlite_uri(path: Path) -> str:
    """Return the address of a SQLite file; `%` and `?` in its path would be read as those of the address."""
    return _without_stray_folder("sqlite:///" + str(path.absolute()).replace("%", "%25").replace("?", "%3F"))


def database_file(uri: str) -> Path | None:
    """Return the SQLite file of an address (a sweep's trials share the workspace's); None for a server."""
    found = re.match(r"sqlite(?:\+\w+)?:///([^?]*)", uri)
    return Path(_unquoted(found[1])) if found else None


def without_credentials(text: str) -> str:
    """Remove user and password from the URLs in a text: links are stored, and logs are shared."""
    return _CREDENTIALS.sub("", text)


def is_sound(address: str) -> bool:
    """Whether user, password, host and port of an address can be told apart."""
    scheme, separator, rest = address.partition("://")
    if not separator or rest.startswith("/"):  # a file, or a database that its query names
        return True
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = re.fullmatch(r"(?:[^@]*@)?(?P<name>\[[\da-fA-F:.]+\]|[^\[\]:@]*)(?::(?P<port>\d{0,5}))?", authority)
    if host is None or int(host["port"] or 0) > 65535 or (not host["name"] and scheme.startswith("http")):
        return False
    return "@" not in rest[len(authority) :] and address.isprintable() and " " not in address


def shown(address: str) -> str:
    """Return an address that is not sound without all that may belong to its password."""
    scheme, _, rest = address.partition("://")
    _, at, place = rest.rpartition("@")
    return repr(f"{scheme}://...@{place}" if at else address)


def _unquoted(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path, errors="surrogateescape")


def _without_stray_folder(uri: str) -> str:
    """Name the driver if there is something to unquote: MLflow creates the folder of `sqlite:` without unquoting it."""
    return uri.replace("sqlite:", "sqlite+pysqlite:", 1) if "%" in uri else uri
