from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.store.mark import Mark, mark_new, mark_of, write_mark


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return mark_of(tmp_path / "hub.db")


def read(file: Path) -> tuple[str, int] | None:
    mark = Mark.read(file)
    return (mark.epoch, mark.attempt) if mark else None


def test_what_was_written_is_read(file: Path) -> None:
    assert file.name == "hub.db.mark"
    write_mark(file, epoch="", attempt=0)
    assert read(file) == ("", 0)
    write_mark(file, epoch="0123456789abcdef", attempt=2**62)
    assert read(file) == ("0123456789abcdef", 2**62)


def test_a_longer_mark_leaves_nothing_behind_in_a_shorter_one(file: Path) -> None:
    write_mark(file, epoch="0123456789abcdef", attempt=10**18)
    size = file.stat().st_size
    write_mark(file, epoch="", attempt=1)
    assert (read(file), file.stat().st_size) == (("", 1), size)


def test_a_copy_proves_nothing_even_with_its_times_kept(file: Path, tmp_path: Path) -> None:
    write_mark(file, epoch="", attempt=5)
    kept = tmp_path / "kept"
    shutil.copy2(file, kept)
    time.sleep(1.1)
    shutil.copy2(kept, file)
    assert file.stat().st_mtime_ns == kept.stat().st_mtime_ns
    assert Mark.read(file) is None
    write_mark(file, epoch="", attempt=6)
    assert read(file) == ("", 6)


@pytest.mark.parametrize(
    "text", ["", "no", "[]", '{"epoch": ""}', '{"epoch": "", "attempt": "x", "stamped_ns": 1}', "ä"]
)
def test_what_cannot_be_understood_proves_nothing(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert Mark.read(file) is None


def test_no_mark_proves_nothing(file: Path) -> None:
    assert Mark.read(file) is None


def test_only_a_database_that_is_new_is_given_one(file: Path) -> None:
    database = file.with_name("hub.db")
    mark_new(database)
    assert read(file) == ("", 0)
    write_mark(file, epoch="", attempt=9)
    mark_new(database)
    assert read(file) == ("", 9)
    file.unlink()
    database.touch()
    mark_new(database)
    assert not file.exists()


def test_a_mark_that_cannot_be_written_is_a_clear_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ConfigError, match=r"^write .*hub\.db\.mark: Is a directory$") as caught:
        write_mark(file, epoch="", attempt=1)
    assert "nothing is sent meanwhile" in caught.value.fix


def test_it_is_on_the_disk_before_the_call_returns(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_mark(file, epoch="", attempt=1)
    assert synced == [str(file), str(file.parent)]
    write_mark(file, epoch="", attempt=2)
    assert synced == [str(file), str(file.parent), str(file)]
