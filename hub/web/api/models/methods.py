"""Return methods."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from hub.rma import MethodType
from hub.store.models import NAME_LENGTH
from hub.web.api.models.shared import Answer, Body, Given, Page


class ReturnMethod(Answer):
    """Where the returns of one method go."""

    name: str
    type: str
    connection: str | None
    """Null is *Do not update*."""
    location: str | None
    """The ERP's id of where the goods come back."""


class ReturnMethods(Page[ReturnMethod]):
    """The store's return methods, by name; all on one page."""


class ReturnMethodRemoved(Answer):
    """A return method that is forgotten."""

    name: str


class ReturnMethodSet(Body):
    """Where the returns of one method are to go."""

    type: Annotated[MethodType | None, Field(strict=False)] = None
    """Needed for a method that the hub does not have yet."""
    connection: Given | None = None
    """Null is *Do not update*."""
    location: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)] | None = None
    """The ERP's id of where the goods come back; the check of a connection lists them."""
