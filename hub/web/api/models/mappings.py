"""Mapping documents, and what one would send."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from hub.web.api.models.shared import Answer, Body


class MappingDocument(Answer):
    """A mapping document; which fields there are, the connector's schema says."""

    model_config = ConfigDict(extra="allow")


class MappingChecked(Answer):
    """A mapping that is valid."""

    is_valid: bool
    fields: list[str]
    """What it sets."""


class PreviewOf(Body):
    """What to try a mapping on."""

    rma: dict[str, Any]
    """An RMA document, or the envelope around one, as for an event."""
    mapping: dict[str, Any] | None = None
    """A mapping to try; null tries the one in use."""


class Preview(Answer):
    """The request that would be sent; nothing is sent."""

    rejected: str | None
    """Why it would need a person instead; null when it would be sent."""
    fix: str | None
    reference: str | None
    request: Any
    origins: dict[str, str]
    warnings: list[str]
    total: str | None
