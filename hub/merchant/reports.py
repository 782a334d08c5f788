"""What the last check of a connection found: kept, so that pages know the ERP's locations by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from hub.outcomes import ConnectReport, Location, Permission, PermissionState

if TYPE_CHECKING:
    from hub.store.models import Connection


def as_text(report: ConnectReport) -> str:
    """A report as its connection's row keeps it."""
    return json.dumps(asdict(report))


def last(row: Connection) -> ConnectReport | None:
    """What the last check that went well found; None before the first."""
    if row.connect_report is None:
        return None
    kept = json.loads(row.connect_report)
    return ConnectReport(
        permissions=tuple(
            Permission(**{**each, "state": PermissionState(each["state"])}) for each in kept["permissions"]
        ),
        locations=tuple(Location(**each) for each in kept["locations"]),
        warnings=tuple(kept["warnings"]),
    )


def location_name(row: Connection | None, location_id: str | None) -> str | None:
    """What people call a location of a connection's ERP: its id where no check has named it."""
    if row is None or location_id is None:
        return location_id
    report = last(row)
    known = {each.location_id: each.name for each in report.locations} if report else {}
    return known.get(location_id, location_id)
