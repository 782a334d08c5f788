"""What the environment says: data folder, database, key (INTERFACE: ``HUB_*``)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Self

from platformdirs import user_data_path
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.errors import ConfigError

KEY_BYTES = 32


class Environment(BaseSettings):
    """Settings read from ``HUB_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="HUB_", use_attribute_docstrings=True, extra="ignore")

    home: Path = user_data_path("returns-hub")
    """Data folder."""
    database_url: str = ""
    """``sqlite:///path`` or ``postgres://user:password@host/name``; empty for ``$HUB_HOME/hub.db``."""
    secret_key: SecretStr | None = None
    """Base64 of 32 bytes; seals every secret in the database."""
    secret_key_file: Path | None = None
    """File that holds the key; ``$HUB_HOME/secret.key`` when neither is given."""

    @property
    def is_sqlite(self) -> bool:
        """True when one file on this machine is the database."""
        return not self.database_url or self.database_url.startswith("sqlite:")

    @property
    def database_file(self) -> Path:
        """The SQLite file."""
        if not self.database_url:
            return self.home / "hub.db"
        path = self.database_url.removeprefix("sqlite:").removeprefix("//")
        # Both spellings in use: sqlite:///abs/path (three slashes) and sqlite://relative.
        return Path(path)

    @property
    def key_file(self) -> Path:
        """Where the key is kept when it is not in the environment itself."""
        return self.secret_key_file or self.home / "secret.key"

    def read_key(self) -> bytes:
        """Gives the 32 bytes of the key.

        Raises:
            ConfigError: there is no key, or it is not the base64 of 32 bytes.
        """
        if self.secret_key is not None:
            return _decode(self.secret_key.get_secret_value(), "HUB_SECRET_KEY")
        try:
            text = self.key_file.read_text(encoding="ascii")
        except FileNotFoundError:
            raise ConfigError(
                "start the hub: there is no secret key",
                why=f"neither HUB_SECRET_KEY nor the file {self.key_file} exists",
                fix="run `hub init` for a new hub; for an old one, put its key back: without it the "
                "stored credentials cannot be read",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"read the secret key from {self.key_file}",
                why=str(error),
                fix="make the file readable to the user that runs the hub",
            ) from error
        return _decode(text, str(self.key_file))

    def write_key(self) -> bool:
        """Writes a new key file, mode 0600, unless a key exists already.

        Returns:
            True when a key was written.
        """
        if self.secret_key is not None or self.key_file.exists():
            return False
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: two `hub init` at once must not leave two keys behind.
        handle = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        return True

    @classmethod
    def load(cls) -> Self:
        """Reads the environment."""
        return cls()


def _decode(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"read the secret key from {where}",
            why=f"it is not the base64 of {KEY_BYTES} bytes",
            fix="put back the key that `hub init` wrote, or make one with `openssl rand -base64 32`",
        )
    return key
