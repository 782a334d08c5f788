"""A virtual environment with the hub from its wheel, and with what the hub needs from this one.

Nothing is downloaded. What this environment has of the hub itself is left out, so that only the wheel counts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING, Self

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.processes import REPOSITORY, Finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.markers import Marker

LONGEST_S = 600.0
_AUTHORS = ("mypy", "pytest", "pytest-asyncio", "setuptools")
"""What an author's tests need besides: the template's extra `dev`, and what builds its package."""


class CleanEnvironment:
    """The environment, made in a folder.

    Attributes:
        folder: where commands run; the data folder of its hub is below.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder / "env"
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PYTHON"))},
            "HUB_HOME": str(folder / "home"),
            "PATH": f"{self._root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        call([sys.executable, "-m", "venv", "--without-pip", str(self._root)], self)
        site = next(self._root.glob("lib/python*/site-packages"))
        (site / "needs.pth").write_text(f"{_needs(folder / 'needs')}\n", encoding="utf-8")

    def install(self, package: Path, *, is_editable: bool = False) -> None:
        """Installs a wheel or a folder, from what is here."""
        pip = [sys.executable, "-m", "pip", "--python", self.program("python"), "install", "--quiet"]
        pip += ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
        call([*pip, *(["--editable"] if is_editable else []), str(package)], self)

    def program(self, name: str) -> str:
        """Its own `python`, `hub` and the like."""
        return str(self._root / "bin" / name)

    def run(self, *words: str, cwd: Path | None = None) -> Finished:
        """Runs one of its programs to its end, which must be a good one."""
        return call([self.program(words[0]), *words[1:]], self, cwd=cwd)


def build_wheel(folder: Path) -> Path:
    """The hub's wheel, built from a copy: a build leaves files behind in the sources."""
    source = folder / "source"
    for name in ("hub", "cli", "connectors"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source / name)
    program = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(folder)], cwd=source, check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


class Resident:
    """One process of the environment that runs one `hub` command after the other, a context manager.

    A process for each would spend most of its time on importing.
    """

    def __init__(self, place: CleanEnvironment) -> None:
        self._place = place

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [self._place.program("python"), "-c", _RESIDENT],
            cwd=self._place.folder,
            env=self._place.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, words: Sequence[str], cwd: Path) -> Finished:
        """Runs one command to its end, which must be a good one."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(cwd), *words]) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        assert code == 0, f"hub {' '.join(words)}\n{out}\n{err}"
        return Finished(code=code, out=out, err=err)


_RESIDENT = """
import json, os, sys
import structlog
from typer.testing import CliRunner
from cli.main import app
for line in sys.stdin:
    folder, *words = json.loads(line)
    os.chdir(folder)
    done = CliRunner().invoke(app, words)
    structlog.reset_defaults()
    print(json.dumps([done.exit_code, done.stdout, done.stderr or repr(done.exception)]), flush=True)
"""


def call(
    words: Sequence[str], place: CleanEnvironment, *, cwd: Path | None = None, code: int = 0
) -> Finished:
    """Runs a program in the environment; fails with what it printed when it does not end with the code."""
    done = subprocess.run(  # noqa: S603 - our own programs
        [place.program(words[0]) if words[0] == "python" else words[0], *words[1:]],
        cwd=cwd or place.folder,
        env=place.variables,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == code, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return Finished(code=code, out=done.stdout, err=done.stderr)


def _needs(folder: Path) -> Path:
    """A folder that shows what the hub and an author say they need, and nothing else of what is here."""
    folder.mkdir()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for distribution in _with_what_they_need([*project["dependencies"], *_AUTHORS]):
        for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (folder / name).symlink_to(Path(str(distribution.locate_file(name))))
    return folder


def _with_what_they_need(requirements: Sequence[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        found[name] = Distribution.from_name(name)
        asked = [Requirement(text) for text in found[name].requires or ()]
        waiting += [each for each in asked if not each.marker or _holds(each.marker, wanted.extras)]
    return list(found.values())


def _holds(marker: Marker, extras: Iterable[str]) -> bool:
    return any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
