"""The mapping document of a Cin7 Omni connection."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class MappingDocument(BaseModel):
    """What a merchant uploads."""

    model_config = ConfigDict(extra="forbid")
