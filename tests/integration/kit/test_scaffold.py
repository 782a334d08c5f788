"""What `hub connectors new` writes under any name, and what it refuses."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.scaffold import LONGEST_NAME, write_connector
from tests.support.processes import Home

LONGEST = "abcde_fghij_klmno_pqrstu"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and ".ruff_cache" not in path.parts]


@pytest.mark.parametrize("name", ["x", "acme_books", LONGEST])
def test_every_name_gives_a_package_without_another_name_in_it(name: str, tmp_path: Path) -> None:
    assert len(LONGEST) == LONGEST_NAME
    made = write_connector(name, tmp_path)
    folder = Path(made["folder"])
    assert folder.name == f"hub-{name.replace('_', '-')}"
    assert {path.relative_to(folder).as_posix() for path in files(folder)} == set(made["files"])
    assert {f"src/hub_{name}/plugin.py", ".ci/run", ".gitignore"} <= set(made["files"])
    assert stat.S_IMODE((folder / ".ci" / "run").stat().st_mode) & stat.S_IXUSR
    for path in files(folder):
        rest = re.sub(rf"{name}|{folder.name}|Acme Books|TestAcmeBooks", "", path.read_text(encoding="utf-8"))
        assert "acme" not in rest.casefold(), path
    for command in (["check"], ["format", "--check"]):
        words = [sys.executable, "-m", "ruff", *command, str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("Acme", 2, "lower-case"),
        ("acme-books", 2, "lower-case"),
        ("../acme", 2, "lower-case"),
        ("1acme", 2, "lower-case"),
        ("acme_", 2, "lower-case"),
        ("a" * (LONGEST_NAME + 1), 2, "at most 24"),
        ("cin7_omni", 6, "brings a connector of that name"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, code: int, told: str, tmp_path: Path) -> None:
    done = Home(tmp_path / "home").run("connectors", "new", name, "--into", str(tmp_path))
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert "  fix: " in done.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "hub-acme").mkdir()
    done = Home(tmp_path / "home").run("connectors", "new", "acme", "--into", str(tmp_path))
    assert done.code == 6
    assert list((tmp_path / "hub-acme").iterdir()) == []
    done = Home(tmp_path / "home").run("connectors", "new", "acme", "--into", str(tmp_path / "nowhere"))
    assert done.code == 5
