"""What may never write, and what a merchant is told about permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import AuthError
from hub.outcomes import PermissionState
from hub.testing.ruling import require, rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.outcomes import Permission
    from hub.testing.bench import Bench


@rule
async def connect_writes_nothing(bench: Bench) -> None:
    """Connecting changes nothing in the ERP.

    A merchant connects to try things out, on the live account, and again whenever something looks wrong. A
    check that leaves a test document behind is found by their accountant.
    """
    before = bench.sandbox.documents()
    await bench.connect()
    _wrote_nothing(bench, before, "connect")


@rule
async def connect_names_permissions(bench: Bench) -> None:
    """Connecting names every permission, and says what to tick where one is not granted.

    "It does not work" is the most expensive support case there is. A permission that is missing is found when
    connecting, by a person who can grant it, and not by the first return of the evening.
    """
    report = await bench.connect()
    require(report.permissions, "connect names no permission")
    for each in report.permissions:
        require(each.resource and each.action, "connect gives a permission without resource or action")
    _advises(report.permissions)
    if "forbidden" not in bench.sandbox.faults:
        return
    bench.fault("forbidden")
    try:
        refused = await bench.connect()
    except AuthError:
        return  # the very sign-in was refused
    require(refused.missing, "every call was answered 403, and connect reports no permission as missing")
    _advises(refused.permissions)


def _advises(permissions: Sequence[Permission]) -> None:
    for each in permissions:
        if each.state is not PermissionState.GRANTED:
            require(
                each.advice, f"{each.resource}/{each.action} is {each.state}, and no advice says what to do"
            )


@rule
async def reading_writes_nothing(bench: Bench) -> None:
    """Preparing, looking, polling and listing change nothing in the ERP.

    The hub repeats these as often as it likes: a preview is ``prepare``, a doubt is three looks, a poll comes
    every five minutes. Only ``on_rma_approved`` may write, since only its writes are written down before.
    """
    (made,) = await bench.sent()
    (ready,) = await bench.prepared()
    before, calls = bench.sandbox.documents(), len(bench.watched.calls)
    await bench.prepare([ready, made])
    await bench.look([ready, made])
    await bench.poll_all(None)
    if bench.connector.has("list_documents"):
        await bench.connector.list_documents(bench.view(), bench.time.now(), None)
    _wrote_nothing(bench, before, "a hook that only reads", since=calls)


def _wrote_nothing(bench: Bench, before: object, who: str, since: int = 0) -> None:
    declared = [call for call in bench.watched.calls[since:] if call.is_write]
    require(not declared, f"{who} made {len(declared)} calls that it calls writes")
    require(bench.sandbox.documents() == before, f"{who} changed documents in the ERP")
    seen = [call.get("is_write") for call in bench.sandbox.calls()[since:]]
    require(True not in seen, f"{who} made a call that may write")
