"""Connectors."""

from __future__ import annotations

from typing import Any, Literal

from hub.web.api.models.shared import Answer, Page, Time


class Conformance(Answer):
    """What the conformance kit last found."""

    kept: int
    broken: int
    exempt: int
    at: Time | None


class ConnectorListed(Answer):
    """An installed connector."""

    name: str
    title: str | None
    status: Literal["ready", "disabled"]
    distribution: str
    contract_version: int | None
    problem: str | None
    fix: str | None
    conformance: Conformance | None


class Connectors(Page[ConnectorListed]):
    """What is installed, also what is broken; all on one page."""


class ConnectorSchema(Answer):
    """JSON Schemas of what a connector takes."""

    name: str
    title: str
    credentials: dict[str, Any]
    settings: dict[str, Any]
    mapping: dict[str, Any]
