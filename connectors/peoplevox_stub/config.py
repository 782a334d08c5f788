"""What a Peoplevox connection takes: credentials, settings and the mapping document.

Forms, command options and documentation come from these models; the text under a field is its help.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
)

from hub.mapping.values import read_value
from hub.settings import ConnectionSettings, RemoteUrl, read_list

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
States = Annotated[tuple[str, ...], BeforeValidator(read_list), Field(max_length=20)]


class Credentials(BaseModel):
    """What proves to Peoplevox who we are: given to Authenticate, which answers with a session."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    client_id: Name = Field(title="Client ID")
    """The account's name; it stands in the address of the service as well (second-hand)."""
    username: Name
    """A Peoplevox user with access to the integration service (second-hand)."""
    password: SecretStr = Field(min_length=1, max_length=500)
    """That user's password."""


class Settings(ConnectionSettings):
    """Everything else about a connection."""

    base_url: RemoteUrl
    """Where the service is, like https://HOST.peoplevox.net without the client id (second-hand)."""
    returns_report: Name = "Item returns"
    """The report with one row for each returned item. Its name in an account is not known: set it."""
    completed_states: States = ("Completed",)
    """RMA status that means the warehouse is done. The words are not known: set the account's."""
    cancelled_states: States = ("Cancelled",)
    """RMA status that means somebody cancelled it. The words are not known: set the account's."""
    accepted_states: States = ("Accepted",)
    """State of a returned item that counts as received; any other is flagged. The words are not known."""


class MappingDocument(BaseModel):
    """What a merchant uploads: the one column that is free to fill."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    comments: Any = None
    """Written into the comments, behind the hub's marker: a literal, a function or a template."""

    @field_validator("comments")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        if value is not None:
            read_value(value)  # raises ValueError, which pydantic reports
        return value
