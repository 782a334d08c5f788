"""What commands print with ``--json`` and the API answers, so that both always say the same.

Shapes only: nothing here asks an ERP or changes anything. :mod:`hub.merchant.rmas` has those of RMAs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hub.dispatch.frozen import edited_of
from hub.merchant import deliveries
from hub.merchant.connections import shown_values
from hub.merchant.rmas import shown_delivery, shown_time
from hub.outcomes import Rejected
from hub.platform.returngo.config import SCHEMA
from hub.webhooks.subscription import read_settings

if TYPE_CHECKING:
    from hub.core import Hub
    from hub.merchant.health import Health
    from hub.merchant.platforms import PlatformHealth
    from hub.merchant.webhooks import Standing
    from hub.outcomes import ConnectReport, Prepared
    from hub.registry import Connector
    from hub.store.models import Connection, Delivery, MappingVersion, ReturnMethod, Rma


def rma_listed(row: Rma) -> dict[str, Any]:
    """An RMA, with its delivery fetched, as lists show it."""
    # Tortoise gives None for a row without one, and types it as always there.
    delivery: Delivery | None = row.delivery
    return {
        "rma_id": row.rma_id,
        "order_name": row.order_name or None,
        "status": row.status,
        "validation": row.validation.value,
        "delivery": delivery.status.value if delivery else None,
        "document": delivery.document_id if delivery else None,
    }


def connection_listed(row: Connection, health: Health) -> dict[str, Any]:
    """A connection and how it is, as lists show it; ages are whole seconds, None where there is nothing."""
    unsent, polled = health.unsent_for, health.not_polled_for
    return {
        **_state(row),
        **({"health": "disabled"} if health.disabled else {}),
        "disabled_reason": health.disabled,
        "oldest_unsent_age_s": round(unsent.total_seconds()) if unsent else None,
        "last_poll_age_s": round(polled.total_seconds()) if polled else None,
    }


def connection(hub: Hub, row: Connection) -> dict[str, Any]:
    """A connection with its settings; secrets are hidden."""
    schema = hub.registry.get(row.connector).schema
    settings, credentials = shown_values(schema, row, hub)
    return {
        **_state(row),
        "title": schema.title,
        "location_noun": schema.location_noun,
        "settings": settings,
        "credentials": credentials,
    }


def _state(row: Connection) -> dict[str, Any]:
    return {
        "name": row.name,
        "connector": row.connector,
        "health": "paused" if row.is_paused else "failing" if row.last_error else "ok",
        "is_paused": row.is_paused,
        "pause_reason": row.pause_reason,
        "last_success_at": shown_time(row.last_success_at),
        "last_error": row.last_error or None,
        "last_error_at": shown_time(row.last_error_at),
        "polled_at": shown_time(row.polled_at),
        "next_poll_at": shown_time(row.next_poll_at),
        "claimed_by": row.claim_owner,
    }


def report(found: ConnectReport | None) -> dict[str, Any] | None:
    """What a check of a connection found; None when there was none."""
    if found is None:
        return None
    return {
        "permissions": [
            {"resource": p.resource, "action": p.action, "state": p.state.value, "advice": p.advice}
            for p in found.permissions
        ],
        "missing": [f"{p.resource} {p.action}" for p in found.missing],
        "locations": [
            {"id": each.location_id, "name": each.name, "is_active": each.is_active}
            for each in found.locations
        ],
        "warnings": list(found.warnings),
    }


def connector_schema(connector: Connector) -> dict[str, Any]:
    """The JSON Schemas of a connector's credentials, settings and mapping."""
    described = connector.schema
    return {
        "name": described.name,
        "title": described.title,
        "credentials": described.credentials.model_json_schema(),
        "settings": described.settings.model_json_schema(),
        "mapping": described.mapping.model_json_schema(),
    }


def mapping_version(row: MappingVersion) -> dict[str, Any]:
    """One version of a mapping document."""
    return {
        "version": row.version,
        "created_at": shown_time(row.created_at),
        "created_by": row.created_by,
        "text": row.text,
    }


def preview(answer: Prepared | Rejected) -> dict[str, Any]:
    """What would be sent, or why nothing would."""
    if isinstance(answer, Rejected):
        return {
            "rejected": answer.reason,
            "fix": answer.fix,
            "reference": None,
            "request": None,
            "origins": {},
            "warnings": [],
            "total": None,
        }
    return {
        "rejected": None,
        "fix": None,
        "reference": answer.reference,
        "request": json.loads(answer.request),
        "origins": dict(answer.origins),
        "warnings": list(answer.warnings),
        "total": str(answer.total) if answer.total else None,
    }


def method(row: ReturnMethod) -> dict[str, Any]:
    """A return method, with its connection fetched; no connection is *Do not update*."""
    return {
        "name": row.name,
        "type": row.type,
        "connection": row.connection.name if row.connection else None,
        "location": row.location_id,
    }


def delivery_listed(row: Delivery) -> dict[str, Any]:
    """A delivery, with its RMA and connection fetched, as lists show it."""
    return {
        **shown_delivery(row),
        "rma_id": row.rma.rma_id,
        "method": row.method or None,
        "total": row.total,
        "mapping_version": row.mapping_version,
        "created_at": shown_time(row.created_at),
        "updated_at": shown_time(row.updated_at),
    }


async def delivery(row: Delivery) -> dict[str, Any]:
    """A delivery with its requests, its tries and the calls that were about it."""
    edited = edited_of(row)
    return {
        **delivery_listed(row),
        "request": json.loads(row.request) if row.request else None,
        "edited_request": json.loads(edited.request) if edited else None,
        "original_request": json.loads(row.original_request) if row.original_request else None,
        "origins": json.loads(row.origins),
        "warnings": json.loads(row.warnings),
        "tries": [
            {
                "number": each.number,
                "reference": each.reference,
                "mapping_version": each.mapping_version,
                "started_at": shown_time(each.started_at),
                "finished_at": shown_time(each.finished_at),
                "verdict": each.verdict.value if each.verdict else None,
                "reason": each.reason,
            }
            for each in await deliveries.attempts(row)
        ],
        "calls": [
            {
                "at": shown_time(each.at),
                "method": each.method,
                "url": each.url,
                "status": each.status,
                "error": each.error or None,
                "request_body": each.request_body,
                "reply_body": each.reply_body,
            }
            for each in await deliveries.calls(row)
        ],
    }


def webhook(row: Connection, standing: Standing) -> dict[str, Any]:
    """A subscription and how it is; secrets are left out."""
    settings = read_settings(row)
    return {
        "name": row.name,
        "url": settings.url,
        "events": [each.value for each in settings.events],
        "body": settings.body.value,
        "health": "paused" if row.is_paused else "failing" if standing.problems else "ok",
        "is_paused": row.is_paused,
        "pause_reason": row.pause_reason or None,
        "pending": standing.pending,
        "oldest_pending_at": shown_time(standing.oldest_pending_at),
        "failed": standing.failed,
        "resting_until": shown_time(row.resting_until),
        "last_success_at": shown_time(row.last_success_at),
        "last_error": row.last_error or None,
        "last_error_at": shown_time(row.last_error_at),
        "problems": list(standing.problems),
    }


def platform_listed(health: PlatformHealth) -> dict[str, Any]:
    """A platform and how it is, as lists show it."""
    row = health.row
    return {
        "name": row.name,
        "platform": row.connector,
        "health": "paused" if row.is_paused else "failing" if health.problems else "ok",
        "problems": list(health.problems),
        "to_read": health.to_read,
        "refused": dict(health.refused),
        "to_tell": health.to_tell,
        "not_told": health.not_told,
        "polled_at": shown_time(row.polled_at),
        "next_poll_at": shown_time(row.next_poll_at),
        "last_success_at": shown_time(row.last_success_at),
        "last_error": row.last_error or None,
    }


def platform(hub: Hub, row: Connection) -> dict[str, Any]:
    """A platform with its settings; secrets are hidden."""
    settings, credentials = shown_values(SCHEMA, row, hub)
    return {
        "name": row.name,
        "platform": row.connector,
        "title": SCHEMA.title,
        "is_paused": row.is_paused,
        "pause_reason": row.pause_reason,
        "settings": settings,
        "credentials": credentials,
    }
