"""What every table's class is made from."""

from __future__ import annotations

from typing import Any

from tortoise.models import Model as TortoiseModel
from tortoise.models import ModelMeta


class _WithoutComments(ModelMeta):
    """Makes classes whose source text is not searched for comments on fields.

    Tortoise parses a module anew for each class in it, which took a third of the time in which a command
    starts, and the hub writes no such comments.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> ModelMeta:
        """As Tortoise makes one."""
        return super().__new__(cls, name, bases, attrs | {"_no_comments": True})


class Model(TortoiseModel, metaclass=_WithoutComments):
    """A row of a table."""

    class Meta:
        abstract = True
