"""The file of keys: the first line seals, the others open."""

from __future__ import annotations

import base64
import stat
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from hub.environment import Environment
from hub.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


@pytest.mark.parametrize("text", [f"{ONE}\n{TWO}\n", f"\n {ONE} \n\n{TWO}", f"{ONE}\r\n{TWO}\r\n"])
def test_a_file_holds_several_keys_one_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret.key").write_text(text)
    environment = Environment(home=tmp_path)
    assert environment.read_keys() == (bytes([1]) * 32, bytes([2]) * 32)
    assert environment.read_key() == bytes([1]) * 32


def test_the_variable_holds_several_keys_with_commas(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path, secret_key=SecretStr(f"{ONE}, {TWO}"))
    assert environment.read_keys() == (bytes([1]) * 32, bytes([2]) * 32)


@pytest.mark.parametrize("text", [f"{ONE}\nnonsense", f"{ONE}\n{TWO[:-4]}", "\n\n"])
def test_one_key_that_cannot_be_read_is_enough_to_refuse(tmp_path: Path, text: str) -> None:
    (tmp_path / "secret.key").write_text(text)
    with pytest.raises(ConfigError) as caught:
        Environment(home=tmp_path).read_keys()
    assert ONE not in f"{caught.value} {caught.value.fix}"


def test_a_new_key_comes_first_and_the_files_mode_stays(tmp_path: Path) -> None:
    environment = Environment(home=tmp_path)
    environment.write_key()
    environment.key_file.chmod(0o640)
    old = environment.read_keys()
    (tmp_path / "secret.key.new").write_text("left by one that was killed")
    environment.add_key()
    new = environment.read_keys()
    assert (len(new), new[1:]) == (2, old)
    assert stat.S_IMODE(environment.key_file.stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
