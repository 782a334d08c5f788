"""The areas of pages, in the order of the navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.web.pages import (
    admin,
    checking,
    credited,
    desk,
    home,
    integrations,
    jobs,
    mapping,
    methods,
    quota,
    returns,
    settings,
    sources,
    wizard,
)

if TYPE_CHECKING:
    from aiohttp import web


def add_to(app: web.Application) -> None:
    """Adds the routes of every area."""
    # The wizard comes before the connections: one of its addresses stands where a name could.
    for area in (
        home,
        returns,
        desk,
        credited,
        quota,
        jobs,
        wizard,
        checking,
        integrations,
        mapping,
        sources,
        methods,
        settings,
        admin,
    ):
        area.add_to(app)
