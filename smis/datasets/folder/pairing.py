"""Which pictures somebody's folder has."""

from smis.datasets.reading.files import Several
from smis.datasets.reading.pairing import Found, Layout, paired

PLAIN = Layout(
    title="images/NAME.png or .jpg, with labels/NAME.png and, where there are any, instances/NAME.png",
    image=r"(?P<split>)images/(?P<key>.+)\.(?i:png|jpg|jpeg)",
    labels=r"(?P<split>)labels/(?P<key>.+)\.(?i:png)",
    instances=r"(?P<split>)instances/(?P<key>.+)\.(?i:png)",
)


def pairs(files: Several, *, given: bool | None) -> Found:
    """Find the pictures, by name; with their instance maps if these are given or, unasked, if any picture has one.

    Raises:
        ParamsError: if there are no pictures.
    """
    found = paired(files, (PLAIN,), instances=given is not False)
    if given is None and not any(entry.instances for entries in found.entries.values() for entry in entries):
        return paired(files, (PLAIN,), instances=False)
    return found
