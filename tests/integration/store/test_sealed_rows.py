from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from hub.dispatch.work import work
from hub.errors import ConfigError
from hub.store.database import client
from hub.store.models import Connection
from hub.store.sealing import Sealer

if TYPE_CHECKING:
    from hub.core import Hub


async def test_no_column_holds_a_secret_in_the_clear(hub: Hub, connection: Connection) -> None:
    _, rows = await client().execute_query("SELECT * FROM connection")
    (row,) = rows
    stored = " ".join(str(value) for value in dict(row).values())
    assert "a secret key" not in stored
    assert hub.sealer.key_id in stored
    assert connection.name in stored


async def test_credentials_copied_to_another_row_do_not_open(hub: Hub, connection: Connection) -> None:
    copied = await Connection.create(
        id="copy",
        store_id=connection.store_id,
        name="copy",
        name_key="copy",
        connector=connection.connector,
        settings=connection.settings,
        credentials=connection.credentials,
        created_at=connection.created_at,
    )
    async with aiohttp.ClientSession() as http:
        with pytest.raises(ConfigError, match="open stored credentials"):
            await work(hub, http, copied.id, owner="test")
    assert "open stored credentials" in (await Connection.get(id="copy")).last_error


async def test_another_key_opens_nothing(hub: Hub, connection: Connection) -> None:
    with pytest.raises(ConfigError, match="sealed with key"):
        Sealer(bytes(32)).open(connection.credentials, row=f"connection/{connection.id}")
    assert "a secret key" in hub.sealer.open(connection.credentials, row=f"connection/{connection.id}")
