from __future__ import annotations

import pytest
from tortoise import fields, models

from hub.store import models as tables
from hub.store import people
from hub.store.model import Model


def test_the_source_text_of_a_table_is_not_searched_for_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_get_comments", lambda cls: pytest.fail(f"{cls} is read"))

    class Thing(Model):
        id = fields.IntField(primary_key=True)

    assert Thing._meta.pk_attr == "id"  # noqa: SLF001 - Tortoise has no other door


def test_every_table_is_made_from_it() -> None:
    classes = [
        each for module in (tables, people) for each in vars(module).values() if isinstance(each, type)
    ]
    assert [each for each in classes if issubclass(each, models.Model) and not issubclass(each, Model)] == []
