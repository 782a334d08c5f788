"""What a Cin7 Omni connection takes: credentials and settings.

Forms, command options and documentation come from these models; the text under a field is its help.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.cin7_omni.rules import DEFAULT_RULES, Rule
from hub.settings import ConnectionSettings, RemoteUrl, read_list, trim

LIVE_BASE_URL = "https://api.cin7.com/api"
"""https://api.cin7.com/api/Help"""


class LookUpOrders(StrEnum):
    """Whether a note needs its sales order to be found."""

    REQUIRED = "required"
    IF_FOUND = "if_found"
    OFF = "off"


class Prices(StrEnum):
    """With or without tax."""

    GROSS = "gross"
    NET = "net"


class Fees(StrEnum):
    """Where the return's fees stand on the note."""

    OFF = "off"
    FREIGHT = "freight"
    SURCHARGE = "surcharge"


class FeeSign(StrEnum):
    """How a fee is written."""

    MINUS = "minus"
    PLUS = "plus"


class ShortReceipts(StrEnum):
    """What becomes of units that did not arrive."""

    FLAG = "flag"
    NOT_RETURNED = "not_returned"


class Credentials(BaseModel):
    """What proves to Cin7 Omni who we are: sent as HTTP Basic on every call."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    username: str = Field(min_length=1, max_length=250, title="API username")
    """The API username of the Cin7 Omni account, not a person's login."""
    api_key: SecretStr = Field(min_length=1, max_length=500, title="API key")
    """The key of one API connection. Regenerating it in Cin7 kills the old one at once."""

    _trimmed: tuple[str, ...] = PrivateAttr(default=())

    @property
    def trimmed(self) -> tuple[str, ...]:
        """Names of the fields that came with blanks around them; the blanks are gone."""
        return self._trimmed

    @model_validator(mode="wrap")
    @classmethod
    def _trim(cls, value: Any, handler: Any) -> Any:
        if not isinstance(value, Mapping):
            return handler(value)
        given = {
            name: text.get_secret_value() if isinstance(text, SecretStr) else text
            for name, text in value.items()
        }
        cleaned = {name: trim(text) if isinstance(text, str) else text for name, text in given.items()}
        made = handler(cleaned)
        made._trimmed = tuple(  # noqa: SLF001 - the model's own private attribute
            sorted(name for name, text in given.items() if text != cleaned[name])
        )
        return made

    @field_validator("username")
    @classmethod
    def _no_colon(cls, value: str) -> str:
        # RFC 7617: the first colon ends the user name, so one inside it would cut it short.
        if ":" in value:
            msg = "must not contain a colon"
            raise ValueError(msg)
        return value


def _read_rules(value: object) -> object:
    """Takes the rules as JSON text as well as a list."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            msg = 'must be JSON, like [{"status": ["VOID"], "then": "flag"}]'
            raise ValueError(msg) from None
    return value


class Settings(ConnectionSettings):
    """Everything else about a connection; each setting has a default."""

    base_url: RemoteUrl = LIVE_BASE_URL
    """Where the API is. Change it only to use a sandbox; https is required except on this machine."""
    look_up_orders: LookUpOrders = LookUpOrders.IF_FOUND
    """Look the sales order up in Cin7: required (no order, no note), if_found, or off."""
    check_double_credit: bool = True
    """Stop when Cin7 already holds a credit note for the same sales order that the hub did not make."""
    approve: bool = True
    """Create notes approved; false creates drafts for a person to approve."""
    prices: Prices = Prices.GROSS
    """gross sends what was paid with tax (taxStatus Incl); net sends it without (taxStatus Excl)."""
    credited_resolutions: Annotated[tuple[str, ...], BeforeValidator(read_list)] = ()
    """Resolutions that are credited, by name or type, like Refund,Store credit; empty credits all."""
    fees: Fees = Fees.OFF
    """Put the return's fees (restocking, return, shipment) on the note as freight or surcharge, or off."""
    fee_sign: FeeSign = FeeSign.MINUS
    """minus writes a fee as a negative amount, so that it lowers the credit; plus as a positive one."""
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_read_rules), Field(max_length=50)] = DEFAULT_RULES
    """What a note's state means for the goods: the first rule that holds decides, none means ignore."""
    short_receipts: ShortReceipts = ShortReceipts.FLAG
    """When a completed note has fewer units than expected: flag, or count the rest as not_returned."""
