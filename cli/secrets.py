"""Secrets for a command: from a file, standard input, a variable, or asked for on a terminal."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cli.running import pairs_of
from hub.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.merchant.connections import Form

LARGEST = 64 * 1024


def gather(schema: Form, values: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Reads the secrets given, and asks for the ones a new connection lacks when someone is there to ask.

    Raises:
        UsageError: one was given as a plain value, or is missing and there is no terminal.
    """
    found = read_secrets(schema, values, given)
    for name in _secret_fields(schema):
        if name in found or not schema.credentials.model_fields[name].is_required():
            continue
        if not sys.stdin.isatty():
            raise UsageError(
                f"read secret {name}: it was not given, and there is no terminal to ask on",
                fix=f"add --secret {name}=@FILE, --secret {name}=- or --secret {name}=env:VAR",
            )
        found[name] = getpass.getpass(f"{schema.credentials.model_fields[name].title or name}: ")
    return found


def read_secrets(schema: Form, values: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Reads the secrets given with ``--secret``.

    Raises:
        UsageError: a secret stands in plain sight on the command line.
    """
    for name in _secret_fields(schema):
        if any(each.startswith(f"{name}=") for each in values):
            raise UsageError(
                f"set {name}: it is a secret",
                why="values on a command line are seen by other users and kept in the shell's history",
                fix=f"use --secret {name}=@FILE, --secret {name}=- or --secret {name}=env:VAR",
            )
    return {name: read_secret(source, f"{name}=") for name, source in pairs_of(given, "--secret").items()}


def read_secret(source: str, before: str = "") -> str:
    """Reads one secret from where it was said to be.

    Args:
        source: ``@FILE``, ``-`` for standard input, or ``env:VAR``.
        before: what stands before it in the value of ``--secret``: ``api_key=``.

    Raises:
        ConfigError: it is not there.
        UsageError: it was given in plain sight.
    """
    name = f"secret {before.removesuffix('=')}".rstrip()
    if source == "-":
        text = sys.stdin.read(LARGEST)
    elif source.startswith("@"):
        try:
            text = Path(source[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"read {name}", why=str(error), fix="check the file's name") from error
    elif source.startswith("env:"):
        variable = source.removeprefix("env:")
        if variable not in os.environ:
            raise ConfigError(f"read {name}: the variable {variable} is not set", fix="export it first")
        text = os.environ[variable]
    else:
        raise UsageError(
            f"read {name}: a secret is not given in plain sight",
            why="values on a command line are seen by other users and kept in the shell's history",
            fix=f"use --secret {before}@FILE, --secret {before}- or --secret {before}env:VAR",
        )
    # An editor ends a file with a line break that nobody means to be part of the secret.
    return text.rstrip("\r\n")


def _secret_fields(schema: Form) -> list[str]:
    return [name for name, f in schema.credentials.model_fields.items() if f.annotation is SecretStr]
