"""What the environment says: data folder, database, key (INTERFACE: ``HUB_*``)."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from platformdirs import user_data_path
from pydantic import IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_BYTES = 32


class Environment(BaseSettings):
    """Settings read from ``HUB_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="HUB_", use_attribute_docstrings=True, extra="ignore")

    home: Path = user_data_path("returns-hub")
    """Data folder."""
    database_url: str = ""
    """``sqlite:///path`` or ``postgres://user:password@host/name``; empty for ``$HUB_HOME/hub.db``."""
    secret_key: SecretStr | None = None
    """Base64 of 32 bytes; seals every secret in the database. Older keys may follow, with commas between:
    they only open what they sealed."""
    secret_key_file: Path | None = None
    """File that holds the key; ``$HUB_HOME/secret.key`` when neither is given. Older keys follow, one a
    line."""
    behind_proxy: bool = False
    """True when a proxy of ours stands before ``hub serve`` and sets ``X-Forwarded-Proto`` and
    ``X-Forwarded-For`` itself: only then are they believed."""
    egress_allow: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Networks inside that the hub may connect to all the same, like ``127.0.0.0/8,10.1.0.0/16``. Empty for
    none: addresses that a user sets must then be public."""

    log: Literal["text", "json"] = "text"
    """How each line of the log is written, on stderr: for people, or one JSON object a line."""

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.replace(",", " ").split() if part] if isinstance(value, str) else value

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
        """Gives the 32 bytes of the key that seals.

        Raises:
            ConfigError: see :meth:`read_keys`.
        """
        return self.read_keys()[0]

    def read_keys(self) -> tuple[bytes, ...]:
        """Gives every key, as they are now: first the one that seals, then older ones, which only open.

        Raises:
            ConfigError: there is no key, or one is not the base64 of 32 bytes.
        """
        if self.secret_key is not None:
            return _decode(self.secret_key.get_secret_value().split(","), "HUB_SECRET_KEY")
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
                # What cannot be decoded is not repeated: it may be most of a key.
                why=error.strerror or "" if isinstance(error, OSError) else "it is not plain text",
                fix="make the file readable to the user that runs the hub",
            ) from None
        return _decode([line for line in text.splitlines() if line.strip()], str(self.key_file))

    def write_key(self) -> bool:
        """Writes a new key file, mode 0600, unless a key exists already.

        Returns:
            True when a key was written.
        """
        if self.secret_key is not None or self.key_file.exists():
            return False
        self.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # O_EXCL: two `hub init` at once must not leave two keys behind.
        handle = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        return True

    def add_key(self) -> None:
        """Puts a new key before those in the key file, in one step: readers see the old file or the new.

        Raises:
            ConfigError: the key is not in a file, or the file cannot be replaced.
        """
        old = self.read_keys()
        if self.secret_key is not None:
            raise ConfigError(
                "make a new key: the present one is in HUB_SECRET_KEY, which the hub cannot change",
                fix="put a new one (`openssl rand -base64 32`) and a comma before it, restart `hub serve`, "
                "and run this again",
            )
        lines = [base64.b64encode(key) for key in (secrets.token_bytes(KEY_BYTES), *old)]
        beside = self.key_file.with_name(f"{self.key_file.name}.new")
        try:
            was = self.key_file.stat()
            beside.unlink(missing_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(b"\n".join(lines) + b"\n")
                file.flush()
                # Whoever runs this may be another user than the one that runs `hub serve`.
                os.fchmod(file.fileno(), stat.S_IMODE(was.st_mode))
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), was.st_uid, was.st_gid)
                os.fsync(file.fileno())
            beside.replace(self.key_file)
            folder = os.open(self.key_file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ConfigError(
                f"write the new key to {self.key_file}",
                why=error.strerror or str(error),
                fix="put a new key (`openssl rand -base64 32`) on the first line of that file yourself, "
                "before the old one, and run this again",
            ) from error

    @classmethod
    def load(cls) -> Self:
        """Reads the environment.

        Raises:
            ConfigError: a variable holds what it cannot.
        """
        try:
            return cls()
        except ValidationError as error:
            problems = {str(each["loc"][0]): each["msg"] for each in error.errors(include_input=False)}
            raise ConfigError(
                f"read the environment: {', '.join(f'HUB_{name.upper()}' for name in problems)}",
                why="; ".join(problems.values()).lower(),
                fix="correct the variable or unset it; HUB_EGRESS_ALLOW takes networks like 10.1.0.0/16",
            ) from error


def _decode(texts: Sequence[str], where: str) -> tuple[bytes, ...]:
    keys = tuple(_bytes_of(text) for text in texts)
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise ConfigError(
            f"read the secret key from {where}",
            why=f"it is not the base64 of {KEY_BYTES} bytes",
            fix="put back the key that `hub init` wrote, or make one with `openssl rand -base64 32`",
        )
    return keys


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return b""
