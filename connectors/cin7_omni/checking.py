"""What a connection's credentials can do: which calls show it, and what the answers mean.

Read can be probed with one row; create and update cannot be probed without writing. The permissions are
those that the returns platform's own page asks a merchant to tick (https://api.cin7.com/api/Help names the
resources; help.omni.cin7.com 10015165519503 shows the boxes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.cin7_omni.marker import marked_rma
from connectors.cin7_omni.models import BranchRow, CreditNoteRow
from connectors.cin7_omni.wire import MAX_BATCH
from hub.errors import AuthError
from hub.outcomes import ConnectReport, Location, Permission, PermissionState

if TYPE_CHECKING:
    from connectors.cin7_omni.client import Client
    from hub.hookspecs import Connection

ACTIONS: dict[str, tuple[str, ...]] = {
    "Branches": ("read", "create", "update"),
    "SalesOrders": ("read", "create", "update"),
    "Payments": ("read", "create", "update"),
    "CreditNotes": ("read", "create", "update"),
    "Contacts": ("read", "create"),
    "ProductCategories": ("read",),
    "Products": ("read",),
    "ProductOptions": ("read",),
    "Stock": ("read",),
}
"""Resource → the boxes to tick. Nine resources, so nine calls."""

_PROBES: dict[str, dict[str, Any]] = {
    "Branches": {"rows": MAX_BATCH},
    "CreditNotes": {"rows": MAX_BATCH, "order": "ModifiedDate DESC"},
}
"""What is asked for where the rows themselves are of use; one row of all others."""


async def check(connection: Connection, client: Client) -> ConnectReport:
    """Asks once for each resource.

    Raises:
        AuthError: the credentials are refused; a missing permission is reported instead.
        RetriableError: Cin7 Omni cannot be reached now.
    """
    permissions: list[Permission] = []
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for resource, actions in ACTIONS.items():
        try:
            rows_of[resource] = await client.list_page(resource, **_PROBES.get(resource, {"rows": 1}))
        except AuthError as error:
            if error.kind == "unauthorized":
                raise
        permissions += [_permission(resource, action, is_granted=resource in rows_of) for action in actions]
    locations = read_locations(rows_of.get("Branches", []))
    warnings = [
        f"blanks around {field} were removed; they often come along when a value is copied"
        for field in connection.credentials.trimmed
    ]
    if "Branches" in rows_of:
        warnings += branch_warnings(locations)
    warnings += other_makers(rows_of.get("CreditNotes", []))
    return ConnectReport(permissions=tuple(permissions), locations=locations, warnings=tuple(warnings))


def read_locations(rows: list[dict[str, Any]]) -> tuple[Location, ...]:
    """Branches as places where stock comes back."""
    branches = [branch for branch in map(BranchRow.read, rows) if branch is not None]
    return tuple(
        Location(location_id=str(branch.id), name=branch.company, is_active=branch.is_active)
        for branch in branches
    )


def _permission(resource: str, action: str, *, is_granted: bool) -> Permission:
    box = f"{action.capitalize()} for {resource}"
    if action != "read":
        return Permission(
            resource=resource,
            action=action,
            state=PermissionState.UNPROVABLE,
            advice=f"see that {box} is ticked for this API connection in Cin7 Omni; it cannot be tried "
            "without writing",
        )
    if is_granted:
        return Permission(resource=resource, action=action, state=PermissionState.GRANTED)
    return Permission(
        resource=resource,
        action=action,
        state=PermissionState.MISSING,
        advice=f"tick {box} for this API connection in Cin7 Omni and save; if it stays missing, generate a "
        "new API key there and enter that one",
    )


def branch_warnings(locations: tuple[Location, ...]) -> list[str]:
    """What a merchant should know about the branches."""
    if len(locations) == MAX_BATCH:
        return [f"only the first {MAX_BATCH} branches are listed"]
    if not any(location.is_active for location in locations):
        return ["this account shows no active branch; without one, stock comes back to the main branch"]
    return []


def other_makers(rows: list[dict[str, Any]]) -> list[str]:
    """Warns when somebody else makes credit notes too, such as a shop connector that imports refunds.

    Args:
        rows: the credit notes modified last.
    """
    notes = [note for note in map(CreditNoteRow.read, rows) if note is not None and not note.is_void]
    ours = [note for note in notes if marked_rma(note.internal_comments) is not None]
    others = [note for note in notes if marked_rma(note.internal_comments) is None and note.sales_reference]
    credited = {note.sales_reference.casefold() for note in ours if note.sales_reference}
    twice = [note for note in others if (note.sales_reference or "").casefold() in credited]
    if twice:
        names = ", ".join(f"{note.reference} on order {note.sales_reference}" for note in twice[:3])
        return [
            (
                f"{len(twice)} of the latest {len(notes)} credit notes stand on orders that the hub "
                f"credited too ({names}); see whether these customers were credited twice"
            )
        ]
    if others:
        return [
            (
                f"{len(others)} of the latest {len(notes)} credit notes were not made by the hub; if another "
                "integration also credits refunds, such as a shop connector, switch that off there, or one "
                "return is credited twice"
            )
        ]
    return []
