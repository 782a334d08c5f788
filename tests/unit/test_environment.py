from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from hub.environment import Environment
from hub.errors import ConfigError

KEY = base64.b64encode(bytes(range(32))).decode()


def test_data_folder_and_database_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    environment = Environment.load()
    assert environment.is_sqlite
    assert environment.database_file == tmp_path / "hub.db"
    assert environment.key_file == tmp_path / "secret.key"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///srv/hub.db", "/srv/hub.db"),
        ("sqlite:/srv/hub.db", "/srv/hub.db"),
        ("sqlite://hub.db", "hub.db"),
    ],
)
def test_sqlite_address_names_a_file(url: str, file: str) -> None:
    environment = Environment(database_url=url)
    assert (environment.is_sqlite, environment.database_file) == (True, Path(file))


def test_postgres_address_is_no_file() -> None:
    assert not Environment(database_url="postgres://hub@db/hub").is_sqlite


def test_key_is_read_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", f" {KEY}\n")
    assert Environment.load().read_key() == bytes(range(32))


def test_variable_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.key").write_text(base64.b64encode(bytes(32)).decode())
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    assert Environment.load().read_key() == bytes(32)
    monkeypatch.setenv("HUB_SECRET_KEY", KEY)
    assert Environment.load().read_key() == bytes(range(32))


def test_key_file_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere.key"
    elsewhere.write_text(KEY + "\n")
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_SECRET_KEY_FILE", str(elsewhere))
    assert Environment.load().read_key() == bytes(range(32))
    assert not Environment.load().write_key()


def test_written_key_is_for_its_owner_only_and_never_replaced(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path / "new")
    assert environment.write_key()
    key = environment.read_key()
    assert len(key) == 32
    assert stat.S_IMODE(environment.key_file.stat().st_mode) == 0o600
    assert not environment.write_key()
    assert environment.read_key() == key


def test_missing_key_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Environment(home=tmp_path).read_key()
    assert "hub init" in caught.value.fix
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "text", ["", "not base64!", KEY[:-4], base64.b64encode(bytes(31)).decode(), "AAAA" * 12, "ключ"]
)
def test_key_that_is_not_32_bytes_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret.key").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Environment(home=tmp_path).read_key()
    assert caught.value.fix
    assert not text or text not in f"{caught.value} {caught.value.why} {caught.value.fix}"


def test_key_is_not_in_the_environments_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", KEY)
    assert KEY not in f"{Environment.load()!r} {Environment.load()}"


def test_networks_that_are_allowed_are_given_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Environment.load().egress_allow == ()
    monkeypatch.setenv("HUB_EGRESS_ALLOW", "127.0.0.0/8, fd00::/8")
    assert [str(each) for each in Environment.load().egress_allow] == ["127.0.0.0/8", "fd00::/8"]


def test_a_network_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_EGRESS_ALLOW", "my network")
    with pytest.raises(ConfigError, match="HUB_EGRESS_ALLOW"):
        Environment.load()
