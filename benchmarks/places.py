"""Where benchmarks have their hubs, and what tells whether rows that were kept still fit the code."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from pydantic import SecretStr

from hub.environment import Environment

MIGRATIONS = Path(__file__).parents[1] / "hub" / "store" / "migrations"
KEY = base64.b64encode(bytes(32)).decode()


def place(folder: Path, database_url: str = "") -> Environment:
    """A hub in this folder, with this database; on SQLite without one."""
    return Environment(home=folder, secret_key=SecretStr(KEY), database_url=database_url)


def fingerprint(made_by: str) -> str:
    """Another one for another schema, and for rows that are made in another way."""
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in sorted(MIGRATIONS.glob("0*.py"))))
    digest.update(made_by.encode())
    return digest.hexdigest()[:12]
