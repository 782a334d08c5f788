"""Searching and listing returns: what is found, in which order, and that every page goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

from hub.errors import UsageError
from hub.inbound.accept import accept
from hub.merchant import search, stores
from hub.merchant.search import NEEDS_PERSON, Wanted, find
from hub.outcomes import ValidationState
from hub.store.models import Delivery, Rma, SearchTerm
from hub.store.terms import catch_up
from tests.support.documents import event, rma, unit
from tests.support.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.environment import Environment
    from hub.store.models import Store
    from tests.support.stage import Stage


@asynccontextmanager
async def filled(environment: Environment) -> AsyncIterator[Stage]:
    """Eight returns, of which 904 is *Do not update*, 905 has an unknown method and 906 is not approved."""
    async with open_stage(environment) as stage:
        for number in range(901, 909):
            method = "Nobody knows" if number == 905 else "Keep it" if number == 904 else "UPS label"
            one = unit(number * 100, sku=f"Shoe-{number % 2}")
            one["returnMethod"]["name"] = method
            if number == 904:
                one["returnMethod"]["type"] = "No shipment required"
            status = "Pending" if number == 906 else "Approved"
            stage.time.set_forward(timedelta(seconds=1))
            await stage.submit(rma(str(number), one, order_name=f"#{number * 10}", status=status))
        await stage.settle()
        yield stage


async def found(store: Store, text: str = "", limit: int = 3, **wanted: object) -> list[str]:
    """Every RMA of every page."""
    ids: list[str] = []
    cursor = None
    for _ in range(20):
        page = await find(store, Wanted(text=text, **wanted), cursor=cursor, limit=limit)  # type: ignore[arg-type]
        assert len(page.rows) <= limit
        ids += [row.rma_id for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            return ids
    raise AssertionError("the pages never end")


async def test_a_return_is_found_by_everything_that_names_it(migrated: Environment) -> None:
    async with filled(migrated) as stage:
        row = await stage.delivery("903")
        store = stage.store
        for text in ("903", " 903 ", "#9030", "9030", row.reference, str(row.reference)[:7].lower()):
            assert "903" in await found(store, str(text)), text
        assert await found(store, str(row.document_id)) == ["903"]
        assert await found(store, "SHOE-1") == ["907", "905", "903", "901"]
        assert sorted(await found(store, "shoe-")) == [str(each) for each in range(901, 909)]
        assert await found(store, "hoe-1") == []
        assert (await found(store, "90"))[0] == "901"  # what begins with it, by the text itself
        assert await found(store, "90", limit=1) == sorted(await found(store))
        # What it fits exactly comes before what begins with it.
        await stage.submit(rma("9", unit(9)))
        assert (await found(store, "9"))[0] == "9"


async def test_filters_choose_and_join_with_a_search(ready: Environment) -> None:
    async with filled(ready) as stage:
        store = stage.store
        await Rma.filter(rma_id="902").update(validation=ValidationState.FLAGGED)
        assert await found(store) == [str(each) for each in range(908, 900, -1)]
        assert await found(store, status="attention") == ["905"]
        assert await found(store, status=NEEDS_PERSON) == ["905", "902"]
        assert await found(store, status="done") == ["908", "907", "903", "902", "901"]
        assert await found(store, status="skipped") == ["904"]
        assert await found(store, connection="main") == ["908", "907", "903", "902", "901"]
        assert await found(store, connection="main", status="attention") == []
        assert await found(store, connection="none such") == []
        assert await found(store, validation="flagged") == ["902"]
        assert await found(store, "shoe-1", status="attention") == ["905"]
        assert await found(store, method="UPS label", validation="none") == ["908", "907", "903", "901"]
        middle = (await Rma.get(rma_id="904")).received_at
        assert await found(store, since=middle) == ["908", "907", "906", "905", "904"]
        assert await found(store, until=middle) == ["903", "902", "901"]
        assert await found(store, since=middle + timedelta(days=9)) == []
        assert await found(store, until=middle - timedelta(days=9)) == []


async def test_a_list_that_is_cut_off_says_so_and_goes_on(
    ready: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(ready) as stage:
        monkeypatch.setattr(search, "FURTHEST", 2)
        page = await find(stage.store, Wanted(method="Nobody knows"), limit=3)
        assert (page.rows, page.is_cut) == ([], True)
        assert await found(stage.store, status="skipped") == ["904"]
        assert await found(stage.store, "shoe", status="skipped") == ["904"]
        assert len(await found(stage.store)) == 8
        assert len(await found(stage.store, "90", limit=1)) == 8


async def test_nothing_of_another_store_is_found(ready: Environment) -> None:
    async with filled(ready) as stage:
        other = await stores.add("other", stage.hub.clock.now())
        await accept(stage.hub.clock, other, event(rma("950", unit(1, sku="Shoe-1"))), source="test")
        assert await found(other) == ["950"]
        assert await found(other, "shoe") == ["950"]
        assert await found(other, "903") == []
        assert await found(other, status="attention") == ["950"]
        assert await found(stage.store, status="attention") == ["905"]
        assert "950" not in await found(stage.store, "shoe")


async def test_a_place_that_is_none_is_refused(ready: Environment) -> None:
    async with open_stage(ready) as stage:
        for text, cursor in product(("", "a"), ("x", "-1", "zz.1", "61.x", "")):
            with pytest.raises(UsageError, match="place"):
                await find(stage.store, Wanted(text=text), cursor=cursor, limit=3)
        with pytest.raises(UsageError, match="status"):
            await find(stage.store, Wanted(status="lost"), limit=3)


async def test_rows_of_an_earlier_version_catch_up(ready: Environment) -> None:
    async with filled(ready) as stage:
        before = {(each.rma_id, bytes(each.term)) for each in await SearchTerm.all()}
        credited = (await stage.delivery("903")).credited_at
        assert credited is not None
        await SearchTerm.all().delete()
        await Delivery.all().update(credited_at=None)
        assert await catch_up() == 8
        after = {(each.rma_id, bytes(each.term)) for each in await SearchTerm.all()}
        # The SKU of a return that was never approved is not known either way.
        assert after == before
        assert (await stage.delivery("903")).credited_at == credited
        assert await catch_up() == 0
