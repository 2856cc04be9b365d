"""Systems by name; each row leads to its Config, whose `build(...)` gives the system.

Example:
    >>> len(SYSTEMS), SYSTEMS.load("spade").title
    (14, 'SPADE')
"""

from smis.core.registry import Registry

SYSTEMS = Registry(
    "system",
    {
        "bicyclegan": "smis.models.bicyclegan:Config",
        "clade": "smis.models.clade:Config",
        "dscgan": "smis.models.dscgan:Config",
        "groupdec": "smis.models.groupdec:Config",
        "groupdnet": "smis.models.groupdnet:Config",
        "groupenc": "smis.models.groupenc:Config",
        "groupnet": "smis.models.groupnet:Config",
        "inade": "smis.models.inade:Config",
        "mulnet": "smis.models.mulnet:Config",
        "oasis": "smis.models.oasis:Config",
        "pix2pixhd": "smis.models.pix2pixhd:Config",
        "sean": "smis.models.sean:Config",
        "spade": "smis.models.spade:Config",
        "vspade": "smis.models.vspade:Config",
    },
)
