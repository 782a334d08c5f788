"""Who on the machine may read what."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hub.environment import Environment
from hub.store.modes import close_to_others, make_database, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MADE = ("hub.db", "hub.db-wal", "hub.db-shm", "hub.db.mark", "hub.db.replaced-20260301T000000.0Z")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path) -> Environment:
    """An installation of an earlier version, under the usual umask."""
    home = tmp_path / "hub"
    home.mkdir()
    for name in MADE:
        (home / name).touch()
    (home / "secret.key").touch(0o600)
    return Environment(home=home)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "hub")
    make_database(tmp_path / "a" / "hub" / "hub.db")
    assert (mode(tmp_path / "a" / "hub"), mode(tmp_path / "a" / "hub" / "hub.db")) == (0o700, 0o600)
    (tmp_path / "a" / "hub" / "hub.db").write_text("not empty", encoding="ascii")
    make_database(tmp_path / "a" / "hub" / "hub.db")
    assert (tmp_path / "a" / "hub" / "hub.db").read_text(encoding="ascii") == "not empty"


def test_an_earlier_installation_is_closed_and_that_is_told_once(place: Environment) -> None:
    found = close_to_others(place)
    assert {path.name for path in found.closed} == {*MADE, "hub"}
    assert found.left_open == []
    assert {mode(place.home / name) for name in MADE} == {0o600}
    assert mode(place.home) == 0o700
    again = close_to_others(place)
    assert (again.closed, again.left_open) == ([], [])


def test_a_folder_with_more_in_it_is_told_and_left(place: Environment) -> None:
    (place.home / "somebody's").touch()
    found = close_to_others(place)
    assert list(found.left_open) == [place.home]
    assert (mode(place.home), mode(place.home / "somebody's"), mode(place.home / "hub.db")) == (
        0o755,
        0o644,
        0o600,
    )


def test_a_group_that_was_let_in_stays_in(place: Environment) -> None:
    place.home.chmod(0o750)
    for name in MADE:
        (place.home / name).chmod(0o640)
    found = close_to_others(place)
    assert (found.closed, found.left_open) == ([], [])
    assert mode(place.home / "hub.db") == 0o640


def test_a_key_that_others_read_is_told_and_left(place: Environment) -> None:
    place.key_file.chmod(0o644)
    found = close_to_others(place)
    assert list(found.left_open) == [place.key_file]
    assert mode(place.key_file) == 0o644


def test_a_database_elsewhere_is_closed_there(tmp_path: Path) -> None:
    for name in ("home", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "shop[1].db").touch()
    place = Environment(home=tmp_path / "home", database_url=f"sqlite:///{tmp_path}/data/shop[1].db")
    assert [path.name for path in close_to_others(place).closed] == ["shop[1].db", "data"]
    elsewhere = Environment(home=tmp_path / "home", database_url="postgres://a@b/c")
    assert close_to_others(elsewhere).closed == []
