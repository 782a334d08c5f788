"""What a connection takes. Forms, command options and JSON Schema are made from these models.

The text under a field is its help.
"""

from __future__ import annotations

from hub.settings import ConnectionSettings, RemoteUrl
from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Credentials(BaseModel):
    """What proves to Acme who we are."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    api_key: SecretStr = Field(min_length=1, max_length=200, title="API key")
    """From Acme, under Settings → API."""


class Settings(ConnectionSettings):
    """Everything else; each setting has a default unless only the merchant knows it."""

    base_url: RemoteUrl = "https://acme.example/api"
    """Where the API is. Change it only to use a sandbox."""
