"""Systems by name; each row leads to its Config, whose `build(...)` gives the system."""

from smis.core.registry import Registry

SYSTEMS = Registry(
    "system",
    {
        "groupdnet": "smis.models.groupdnet:Config",
        "inade": "smis.models.inade:Config",
        "spade": "smis.models.spade:Config",
        "vspade": "smis.models.vspade:Config",
    },
)
