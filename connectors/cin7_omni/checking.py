"""What a connection's credentials can do: which calls show it, and what the answers mean.

Read can be probed with one row; create and update cannot be probed without writing. The permissions are
those that the returns platform's own page asks a merchant to tick (https://api.cin7.com/api/Help names the
resources; help.omni.cin7.com 10015165519503 shows the boxes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.cin7_omni.models import BranchRow
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


async def check(connection: Connection, client: Client) -> ConnectReport:
    """Asks once for each resource.

    Raises:
        AuthError: the credentials are refused; a missing permission is reported instead.
        RetriableError: Cin7 Omni cannot be reached now.
    """
    permissions: list[Permission] = []
    locations: tuple[Location, ...] = ()
    for resource, actions in ACTIONS.items():
        is_granted = True
        try:
            rows = await client.list_page(resource, rows=250 if resource == "Branches" else 1)
        except AuthError as error:
            if error.kind == "unauthorized":
                raise
            is_granted = False
        else:
            if resource == "Branches":
                locations = read_locations(rows)
        permissions += [_permission(resource, action, is_granted=is_granted) for action in actions]
    return ConnectReport(
        permissions=tuple(permissions),
        locations=locations,
        warnings=tuple(_warnings(connection, locations, permissions)),
    )


def read_locations(rows: list[dict[str, object]]) -> tuple[Location, ...]:
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


def _warnings(
    connection: Connection, locations: tuple[Location, ...], permissions: list[Permission]
) -> list[str]:
    warnings = [
        f"blanks around {field} were removed; they often come along when a value is copied"
        for field in connection.credentials.trimmed
    ]
    branches_read = permissions[0].state is PermissionState.GRANTED
    if branches_read and not any(location.is_active for location in locations):
        warnings.append(
            "this account shows no active branch; without one, stock comes back to the main branch"
        )
    if len(locations) == 250:  # noqa: PLR2004 - one page
        warnings.append("only the first 250 branches are listed")
    return warnings
