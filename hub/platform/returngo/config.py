"""What a ReturnGO connection takes: credentials and settings.

The letter in brackets says how certain the fact behind a setting is (returngo/REFERENCE.md): H official text,
M one second-hand source, I inferred, U unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from hub.hookspecs import QuotaWindow
from hub.platform.schema import PlatformSchema
from hub.settings import RemoteUrl, trim

NAME = "returngo"
LIVE_BASE_URL = "https://api.returngo.ai"


class ListRows(StrEnum):
    """How much of an RMA a row of the list carries."""

    SUMMARY = "summary"
    FULL = "full"


class CommentBody(StrEnum):
    """The member of the body that holds a comment's text."""

    COMMENT = "comment"
    HTML_TEXT = "htmlText"


def _read_time(value: object) -> object:
    """Takes a date, or a time without an offset, as UTC."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            return value  # pydantic says what is wrong with it
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return value


def _trim_secret(value: object) -> object:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return trim(value) if isinstance(value, str) else value


Domain = Annotated[str, AfterValidator(trim), AfterValidator(str.lower)]
"""Two spellings of one shop must not pass for two."""


class Credentials(BaseModel):
    """What proves to ReturnGO who we are, and what lets ReturnGO tell us that something changed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    api_key: Annotated[SecretStr, BeforeValidator(_trim_secret)] = Field(
        min_length=1, max_length=500, title="API key"
    )
    """The shop's API key; sent as x-api-key with every call. By ReturnGO's own text, not tried live."""
    hint_token: SecretStr = Field(default=SecretStr(""), min_length=16, max_length=200, title="Webhook token")
    """The unguessable part of the address for ReturnGO's webhooks. Left out, the hub makes one up."""


class Settings(BaseModel):
    """Everything else about a connection to ReturnGO."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    shop_name: Domain = Field(min_length=1, max_length=250, title="Shop name")
    """The shop's permanent domain, like shop.myshopify.com, sent as x-shop-name. By ReturnGO's own text,
    not tried live."""
    base_url: RemoteUrl = LIVE_BASE_URL
    """Where the API is, by ReturnGO's own text, not tried live. Change it only for a sandbox; https except
    on this machine."""
    poll_interval_s: int = Field(default=300, ge=1, le=86_400)
    """Seconds from one look for changed RMAs to the next. 300 spends 288 of the 2,000 calls a day that
    ReturnGO's text names."""
    overlap_s: int = Field(default=300, ge=0, le=86_400)
    """Seconds each look reaches back behind the newest change seen; how late one may show is not known."""
    credit_from: Annotated[AwareDatetime | None, BeforeValidator(_read_time)] = None
    """RMAs approved before are recorded as skipped, not credited. Default the moment of connecting."""
    list_rows: ListRows = ListRows.SUMMARY
    """full takes RMAs in from the list, without a call for each; whether rows carry all is not known."""
    comment: bool = True
    """Write the credit note's reference into the RMA's timeline on ReturnGO, in a comment. Not tried live."""
    comment_on_validation: bool = True
    """Write into the RMA's timeline on ReturnGO what the warehouse received."""
    comment_body: CommentBody = CommentBody.COMMENT
    """The body's member with a comment's text: comment was seen in one client; nothing else is known."""
    update_shipment: bool = True
    """Set a shipment to Validated once every item on it is validated as returned, along allowed moves. Not
    tried live."""


SCHEMA = PlatformSchema(
    name=NAME,
    title="ReturnGO",
    credentials=Credentials,
    settings=Settings,
    account_fields=("base_url", "shop_name"),
    # H: 2,000 calls a day, 100 a second, ideally one request at a time.
    quota=(QuotaWindow(calls=100, per=timedelta(seconds=1)), QuotaWindow(calls=2_000, per=timedelta(days=1))),
)
