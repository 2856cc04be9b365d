"""Names that come from forms and end in commands: DVC puts a cell's into its stages' shell lines as they stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""Nothing that a shell or a program takes for more than a word."""

Name = Annotated[str, Field(pattern=NAME)]
"""Of a system or a data set."""

StageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
"""Of a stage, or of one of its cells."""


def offered(*keys: str) -> Callable[[dict[str, Any]], None]:
    """Let a form offer what params.yaml names there, at the moment when the form is made; nothing where it is not."""

    def add(schema: dict[str, Any]) -> None:
        try:
            named = yaml.safe_load(Path("params.yaml").read_text())
            for key in keys:
                named = named[key]
            schema["enum"] = [str(name) for name in named]
        except (OSError, yaml.YAMLError, TypeError, KeyError):
            pass  # whoever runs the flow is told what is wrong with the file

    return add


System = Annotated[Name, Field(json_schema_extra=offered("systems"))]
Dataset = Annotated[Name, Field(json_schema_extra=offered("datasets"))]
SystemInTable = Annotated[Name, Field(json_schema_extra=offered("axes", "system"))]
DatasetInTable = Annotated[Name, Field(json_schema_extra=offered("axes", "dataset"))]
