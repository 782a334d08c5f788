"""What all models of the API are made of."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601, UTC."""
Given = Annotated[str, StringConstraints(min_length=1)]
Row = TypeVar("Row")


class Answer(BaseModel):
    """What the hub answers."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Body(BaseModel):
    """What a request brings. Values are of the type that is described, never of one that looks like it."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Query(BaseModel):
    """What stands in the query string."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    store: str | None = None
    """Which store; left out, it is the token's own, or `default`."""


class Problem(Answer):
    """Why a request was refused: an RFC 9457 problem document."""

    type: str
    """Where the code is explained, within the hub's documents."""
    title: str
    status: int
    detail: str
    code: str
    """What kind of error it is; does not change from one release to the next."""
    fix: str
    """What to do."""
    problems: list[str] | None = None
    """One sentence for each thing that is wrong with an event."""


class Page(Answer, Generic[Row]):
    """A part of a list."""

    # Pydantic looks for a generic model's docstrings in every frame of the stack, which takes long.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[Row]
    next_cursor: Annotated[
        str | None, Field(description="Give it as `cursor` for what comes after; null at the end.")
    ]


class Paging(Query):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Given | None = None
    """`next_cursor` of the page before; left out for the first page."""
