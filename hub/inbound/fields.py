"""One field of the platform's document, read as text, an id, a flag or a time.

Reading never raises: what is wrong is noted in :class:`Problems`, so that one answer names all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from decimal import Decimal

from hub.inbound.strict_json import shown

MAX_ID_LENGTH = 100
"""Characters an id may have. The platform's own have about ten."""


@dataclass(kw_only=True, slots=True)
class Problems:
    """What is wrong with one document.

    Attributes:
        sentences: the first :attr:`limit`, each starting with where it is.
        count: all of them.
    """

    limit: int = 20
    sentences: list[str] = dataclass_field(default_factory=list)
    count: int = 0

    def note(self, where: str, sentence: str) -> None:
        """Adds one problem."""
        self.count += 1
        if len(self.sentences) < self.limit:
            self.sentences.append(f"{where}: {sentence}")


class Field:
    """A value and where it stands in the document.

    A document has hundreds, so one is made with as little work as possible: its path is put together only
    when something is wrong with it.

    Attributes:
        value: as :func:`hub.inbound.strict_json.load` gives it; None when absent or null.
        problems: where what is wrong is noted.
    """

    __slots__ = ("_above", "_key", "problems", "value")

    def __init__(
        self, value: object, problems: Problems, above: Field | None = None, key: str | int = ""
    ) -> None:
        self.value = value
        self.problems = problems
        self._above = above
        self._key = key

    @property
    def where(self) -> str:
        """The path in the platform's spelling, ``items[1].paidPrice.amount``; empty for the document."""
        above = self._above.where if self._above is not None else ""
        if isinstance(self._key, int):
            return f"{above}[{self._key}]"
        return f"{above}.{self._key}" if above else self._key

    def at(self, key: str) -> Field:
        """The member of that name; an absent one when this is not an object."""
        value = self.value.get(key) if isinstance(self.value, dict | Mapping) else None
        return Field(value, self.problems, self, key)

    def each(self) -> tuple[Field, ...]:
        """The elements, in order; none when this is not a list."""
        if not isinstance(self.value, list | tuple):
            return ()
        return tuple(Field(value, self.problems, self, index) for index, value in enumerate(self.value))

    def refuse(self, sentence: str) -> None:
        """Notes what is wrong with this field."""
        self.problems.note(self.where, sentence)

    def is_object(self) -> bool:
        """Whether it is one; when not, says so as a problem."""
        if isinstance(self.value, dict | Mapping):
            return True
        self.refuse("is missing" if self.value is None else f"is not an object ({shown(self.value)})")
        return False

    def text(self) -> str | None:
        """Text that only describes, read leniently; numbers become text.

        None when it is absent, blank, or something else than text or a number: the document keeps that.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | Decimal):
            return None
        return str(self.value).strip() or None

    def name(self) -> str | None:
        """Text that tells things apart (a SKU, a return method); a whole number becomes text.

        None when it is absent or blank. Anything but text or a whole number is a problem.
        """
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, str | int):
            self.refuse(f"is not text ({shown(self.value)})")
            return None
        return str(self.value).strip() or None

    def required_id(self) -> str | None:
        """A key: present, at most :data:`MAX_ID_LENGTH` characters, all printable; else a problem.

        Surrounding blanks are taken off, so that ``" 41515515"`` is not a second RMA.
        """
        before = self.problems.count
        text = self.name()
        if text is None:
            if self.problems.count == before:
                self.refuse("is missing" if self.value is None else "is blank")
            return None
        if len(text) > MAX_ID_LENGTH:
            self.refuse(f"is longer than {MAX_ID_LENGTH} characters ({shown(text)})")
            return None
        if not text.isprintable():
            self.refuse(f"has characters that cannot be printed ({shown(text)})")
            return None
        return text

    def flag(self) -> bool | None:
        """A yes or no, also as 0/1 or as text; None when absent or when it is none of these.

        Source: returngo/REFERENCE.md, "booleans also arrive as 0/1".
        """
        value = self.value.strip().casefold() if isinstance(self.value, str) else self.value
        if isinstance(value, bool | int | Decimal):
            return bool(value) if value in (0, 1) else None
        return (
            {"true": True, "1": True, "false": False, "0": False}.get(value)
            if isinstance(value, str)
            else None
        )

    def moment(self) -> datetime | None:
        """An ISO 8601 time as aware UTC; one without an offset is taken as UTC.

        None when absent or unreadable; the caller decides whether that is a problem.
        """
        if not isinstance(self.value, str):
            return None
        try:
            read = datetime.fromisoformat(self.value.strip())
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
