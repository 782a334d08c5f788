"""A time with another offset than UTC's stands where its moment belongs; one without any is refused."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from hub.store import bulk
from hub.store.database import client, in_transaction
from hub.store.models import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Write = Callable[[datetime], Awaitable[object]]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONES = [timezone(timedelta(hours=hours)) for hours in (-11, 0, 13)]
"""As text, noon is in the morning of one, and in the next day of another."""


async def _create(when: datetime) -> None:
    await Store.create(name="shop", created_at=when)


async def _make_then_save(when: datetime) -> None:
    row = await Store.create(name="shop", created_at=NOON - timedelta(days=9))
    row.created_at = when
    await row.save()


async def _update(when: datetime) -> None:
    await Store.create(name="shop", created_at=NOON - timedelta(days=9))
    await Store.filter(name="shop").update(created_at=when)


async def _bulk_create(when: datetime) -> None:
    await Store.bulk_create([Store(name="shop", created_at=when)])


async def _insert_many(when: datetime) -> None:
    await bulk.insert(Store, [{"name": "shop", "created_at": when}])


async def _update_many(when: datetime) -> None:
    row = await Store.create(name="shop", created_at=NOON - timedelta(days=9))
    row.created_at = when
    await bulk.update([row], ["created_at"])


async def _statement(when: datetime) -> None:
    await Store.create(name="shop", created_at=NOON - timedelta(days=9))
    mark = "?" if client().capabilities.dialect == "sqlite" else "$1"
    await client().execute_query(f"UPDATE store SET created_at = {mark} WHERE name = 'shop'", [when])  # noqa: S608


WAYS = [_create, _make_then_save, _update, _bulk_create, _insert_many, _update_many, _statement]
ways = pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__.strip("_"))


@pytest.fixture(autouse=True)
async def _no_store(store: Store) -> None:
    await store.delete()


@ways
async def test_row_is_found_by_its_moment_whatever_the_offset(write: Write) -> None:
    for given, asked in itertools.product(ZONES, ZONES):
        await Store.all().delete()
        await write(NOON.astimezone(given))
        moment = NOON.astimezone(asked)
        second = timedelta(seconds=1)
        assert await Store.filter(created_at=moment).count() == 1
        assert await Store.filter(created_at__in=[moment]).count() == 1
        assert await Store.filter(created_at__lte=moment, created_at__gte=moment).count() == 1
        assert await Store.filter(created_at__lt=moment + second, created_at__gt=moment - second).count() == 1
        assert await Store.exclude(created_at__gte=moment).count() == 0
        assert (await Store.get(name="shop")).created_at == NOON


@ways
async def test_time_without_an_offset_is_refused(write: Write) -> None:
    with pytest.raises(ValueError, match="has no offset"):
        async with in_transaction():
            await write(NOON.replace(tzinfo=None))
    assert await Store.all().count() == 0, "nothing half done is kept"


async def test_question_about_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        await Store.filter(created_at__lt=NOON.replace(tzinfo=None)).count()
