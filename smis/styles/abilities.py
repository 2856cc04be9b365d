"""What a system cannot do, said so that a person knows which one can."""

from collections.abc import Iterable, Sequence

from smis.core.errors import StyleError
from smis.models.registry import SYSTEMS

_HAVE = {
    "nothing": "makes one picture of a label map and has no style",
    "global": "has one latent for the whole picture",
    "class": "has one code for each class",
    "instance": "has one code for each instance",
}
_WORDS = {"class": "classes", "instance": "instances", "global": "the whole picture"}


def cannot(title: str, varies: str, verb: str, *, able: Sequence[str]) -> StyleError:
    """Say what a system has instead of what `verb` needs, and name the systems that vary what is able."""
    found = {_WORDS[kind]: ", ".join(_varying(kind)) for kind in able}
    lists = "; ".join(f"{word}: {names}" for word, names in found.items())
    return StyleError(f"{title} {_HAVE[varies]}, so it cannot {verb}; systems that vary {lists}")


def class_id(given: str | int, classes: Sequence[str]) -> int:
    """Return the id of a class that is given by name or by id.

    Raises:
        StyleError: if there is no such class.
    """
    if isinstance(given, str) and given in classes:
        return classes.index(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(classes):
        return given
    raise StyleError(f"there is no class {given!r}; there are: {listed(range(len(classes)), classes)}")


def listed(ids: Iterable[int], classes: Sequence[str]) -> str:
    """List classes by name, in the order of their ids."""
    return ", ".join(f"{classes[number]} ({number})" for number in sorted(set(ids))) or "none"


def _varying(kind: str) -> list[str]:
    return [name for name in sorted(SYSTEMS) if SYSTEMS.load(name).varies == kind]
