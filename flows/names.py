"""Names that come from forms and end in commands: DVC puts a cell's into its stages' shell lines as they stand."""

from typing import Annotated

from pydantic import Field

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
"""Nothing that a shell or a program takes for more than a word."""

Name = Annotated[str, Field(pattern=NAME)]
"""Of a system or a data set."""

StageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
"""Of a stage, or of one of its cells."""
