"""`Example:` in a docstring is the section that mkdocstrings calls `Examples:`."""

import re
from typing import Any

import griffe

_HEAD = re.compile(r"^( *)Example:$", re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Show examples as code."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rename the section."""
        if obj.docstring is not None:
            obj.docstring.value = _HEAD.sub(r"\1Examples:", obj.docstring.value)
