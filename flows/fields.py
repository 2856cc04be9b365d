"""Types of form fields for names that end in shell commands: DVC inserts those of a cell into its stages' commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""One word for a shell, and no option for a program."""
Name = Annotated[str, Field(pattern=NAME)]
StageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
"""Of a stage, or of one of its cells."""


def choices(*keys: str) -> Callable[[dict[str, Any]], None]:
    """Let a form offer the names that params.yaml has under these keys when the form is made, if it has any."""

    def add_enum(schema: dict[str, Any]) -> None:
        try:
            names = yaml.safe_load(Path("params.yaml").read_text())
            for key in keys:
                names = names[key]
            schema["enum"] = [str(name) for name in names]
        except (OSError, yaml.YAMLError, TypeError, KeyError):
            pass  # the flow itself reports what is wrong with the file

    return add_enum


System = Annotated[Name, Field(json_schema_extra=choices("systems"))]
Dataset = Annotated[Name, Field(json_schema_extra=choices("datasets"))]
SystemInTable = Annotated[Name, Field(json_schema_extra=choices("axes", "system"))]
DatasetInTable = Annotated[Name, Field(json_schema_extra=choices("axes", "dataset"))]
