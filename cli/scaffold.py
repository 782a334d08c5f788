"""Writes a new connector's package: a copy of `cli/template/` under another name.

The template is a working package for the invented ERP Acme, so that linters and tests can run on it as it is.
"""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

from hub.errors import ConfigError, ConflictError, NotFoundError, UsageError
from hub.hookspecs import ENTRY_POINT_GROUP

TEMPLATE = Path(__file__).parent / "template"
LONGEST_NAME = 24
"""Longer ones would push lines of the template past its own limit."""

_NAME = re.compile(r"[a-z](?:_?[a-z0-9])*")


def write_connector(name: str, into: Path) -> dict[str, Any]:
    """Writes the package `hub-NAME` as a new folder.

    Args:
        name: of the connector: what `hub connections add` will take.
        into: the folder in which the new one is made; it exists.

    Returns:
        What was made: ``name``, ``distribution``, ``package``, ``folder``, and ``files`` as paths in it.

    Raises:
        UsageError: the name cannot be one.
        ConflictError: the name or the folder is taken.
        NotFoundError: there is no such folder to write into.
        ConfigError: it cannot be written.
    """
    _check_name(name)
    folder = into.absolute() / f"hub-{name.replace('_', '-')}"
    if not into.is_dir():
        raise NotFoundError(f"write into {into}", why="there is no such folder", fix="make it first")
    if folder.exists():
        raise ConflictError(
            f"make connector {name}",
            why=f"{folder} exists already",
            fix="choose another name, or another place with --into",
        )
    try:
        files = [_write(path, folder, name) for path in _template_files()]
    except OSError as error:
        raise ConfigError(
            f"write {folder}", why=str(error), fix="choose a folder that you may write in, with --into"
        ) from error
    return {
        "name": name,
        "distribution": folder.name,
        "package": f"hub_{name}",
        "folder": str(folder),
        "files": sorted(files),
    }


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise UsageError(
            f"make connector {name!r}",
            why=f"a name is a lower-case letter, then letters, digits and single underscores, "
            f"at most {LONGEST_NAME} in all",
            fix="choose one like acme or acme_cloud",
        )
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.name == name:
            owner = entry_point.dist.name if entry_point.dist else "an installed package"
            raise ConflictError(
                f"make connector {name}",
                why=f"{owner} brings a connector of that name",
                fix="choose another name, or uninstall that package",
            )


def _template_files() -> list[Path]:
    """All of it but what tools left there: pip compiles what it installs, and linters keep hidden notes."""
    files = (path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part.startswith((".", "__py")) for part in path.parts))


def _write(path: Path, folder: Path, name: str) -> str:
    # What is hidden in the package is visible in the template, so that every tool packs it.
    place = _renamed(path.as_posix(), name).replace("dot_", ".")
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_renamed((TEMPLATE / path).read_text(encoding="utf-8"), name), encoding="utf-8")
    if place.startswith(".ci/"):
        target.chmod(0o755)
    return place


def _renamed(text: str, name: str) -> str:
    """The template's text or path with Acme's names replaced."""
    words = name.split("_")
    spelled = {
        "hub-acme": f"hub-{'-'.join(words)}",
        "TestAcme": f"Test{''.join(word.capitalize() for word in words)}",
        "Acme": " ".join(word.capitalize() for word in words),
        "acme": name,
    }
    return re.sub("|".join(spelled), lambda found: spelled[found[0]], text)
