"""Changing the key that seals every stored secret, while the hub runs."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from hub.access import audit
from hub.crashpoints import CrashPoint, reach
from hub.errors import ConfigError, ConflictError
from hub.store.database import in_transaction, wait_for_sealers
from hub.store.models import Connection, EventSecret
from hub.store.sealing import Sealer, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tortoise.models import Model

    from hub.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedColumn:
    """A column that holds sealed texts; an empty text is nothing sealed.

    Attributes:
        noun: what a row is bound to when it is sealed: ``noun/id``.
    """

    model: type[Model]
    column: str
    noun: str


SEALED = (
    SealedColumn(model=Connection, column="credentials", noun="connection"),
    SealedColumn(model=EventSecret, column="secret", noun="event_secret"),
)
"""Every column that is sealed; a test compares it with what the code seals."""

AT_ONCE = 50
"""Rows in one transaction, so that whoever else writes never waits long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rotated:
    """What :func:`rotate` did.

    Attributes:
        is_new_key: False when it finished what an earlier rotation, or a person's own new key, had begun.
        key_id: name of the key that seals now.
        resealed: texts that were sealed with another one.
    """

    is_new_key: bool
    key_id: str
    resealed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What :func:`verify` found.

    Attributes:
        sealed: name of a key → how many texts it seals; keys that seal nothing any more have 0.
        current: name of the key that seals.
        problems: one sentence for each text that does not open.
    """

    sealed: dict[str, int]
    current: str
    problems: tuple[str, ...]


async def rotate(environment: Environment) -> Rotated:
    """Makes a new key and seals everything with it; killed at any point, it is simply run again.

    The old key stays beside the new one: backups made before need it. A hub that runs meanwhile reads the
    keys again when it seals, and when it meets one it does not know.

    Raises:
        ConfigError: the key cannot be changed, or something does not open with the keys there are; then
            nothing more was changed.
        ConflictError: somebody else is changing it.
    """
    with _alone(environment):
        sealer = Sealer(*environment.read_keys())
        found = await verify(sealer)
        if found.problems:
            raise ConfigError(
                "change the key: not everything opens with the keys there are",
                why="; ".join(found.problems),
                fix="put the missing key back below the present one, or enter those secrets again",
            )
        is_new_key = not any(number for name, number in found.sealed.items() if name != sealer.key_id)
        if is_new_key and len(sealer.key_ids) > 1 and environment.secret_key is not None:
            is_new_key = False  # a person put it into the variable, and nothing was sealed before
        if is_new_key:
            environment.add_key()
            reach(CrashPoint.ROTATE_KEY_WRITTEN)
            sealer = Sealer(*environment.read_keys())
        # Whoever has read the old key has stored what they sealed by then, and it is sealed anew below.
        await wait_for_sealers()
        resealed = sum([await _reseal(sealer, each) for each in SEALED])
        await audit.record(
            "key.rotated", sealer.key_id, store=None, after={"is_new_key": is_new_key, "resealed": resealed}
        )
    return Rotated(is_new_key=is_new_key, key_id=sealer.key_id, resealed=resealed)


async def verify(sealer: Sealer) -> Verified:
    """Opens everything that is sealed, and changes nothing."""
    sealed: Counter[str] = Counter(dict.fromkeys(sealer.key_ids, 0))
    problems = []
    for each in SEALED:
        for row_id, text in await each.model.exclude(**{each.column: ""}).values_list("id", each.column):
            row = f"{each.noun}/{row_id}"
            sealed[key_of(text) or "none"] += 1
            try:
                sealer.open(text, row=row)
            except ConfigError as error:
                problems.append(f"{row}: {error.why}")
    return Verified(sealed=dict(sealed), current=sealer.key_id, problems=tuple(problems))


async def _reseal(sealer: Sealer, each: SealedColumn) -> int:
    """Seals a column's texts with the present key, some in each transaction.

    Returns:
        How many it sealed anew.
    """
    number = 0
    others = each.model.exclude(**{each.column: ""}).exclude(
        **{f"{each.column}__startswith": f"v1.{sealer.key_id}."}
    )
    while True:
        async with in_transaction():
            rows = await others.limit(AT_ONCE).select_for_update().values_list("id", each.column)
            for row_id, text in rows:
                row = f"{each.noun}/{row_id}"
                anew = sealer.seal(sealer.open(text, row=row), row=row)
                await each.model.filter(id=row_id).update(**{each.column: anew})
            if rows:
                reach(CrashPoint.ROTATE_BEFORE_COMMIT)
        if not rows:
            return number
        number += len(rows)
        reach(CrashPoint.ROTATE_AFTER_COMMIT)


@contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    """Only one changes the key at a time.

    Raises:
        ConflictError: somebody else does.
    """
    if environment.secret_key is not None:
        yield
        return
    lock = FileLock(f"{environment.key_file}.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise ConflictError(
            "change the key: somebody else is at it", fix="wait until they are done"
        ) from None
    try:
        yield
    finally:
        lock.release()
