"""Takes secrets out of texts, in whichever spelling they stand there.

A remote may quote a request back: a key then comes in as it went out, or as JSON, HTML or an address writes
it, or in base64 or hexadecimal. Texts are gone through where they come in, and again where they are kept or
shown, since whoever read them in between may have undone what hid the secret.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hub.errors import HubError
from hub.needles import Needles
from hub.spelling import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.spelling import Span

REDACTED = "[redacted]"
PROSE = frozenset({"reason", "fix", "warnings", "origins", "left_off", "advice", "name", "url"})
"""Fields of what a hook returns that people read. The others decide: ids, references, amounts, requests."""
_PARTS = frozenset({"document", "documents", "receipt", "receipts", "permissions", "locations"})
"""Fields that hold more such values (:mod:`hub.outcomes`)."""

Value = TypeVar("Value")


class RedactedError(Exception):
    """Stands for an error of a library whose text held a secret. Its own text is that text without it."""


class Redactor:
    """Knows the secrets of one connection, and takes them out of texts.

    Args:
        secrets: texts; key bytes, which are found in hexadecimal and in base64.
    """

    def __init__(self, secrets: Iterable[str | bytes]) -> None:
        self._secrets: list[str | bytes] = []
        self.hide(*secrets)

    def hide(self, *secrets: str | bytes) -> None:
        """Hides more from now on."""
        self._secrets += [each for each in secrets if each and each not in self._secrets]
        self._needles = Needles(self._secrets)

    def text(self, text: str) -> str:
        """A text for people, without the secrets."""
        if not self._secrets:
            return text
        raw = text.encode(errors="surrogatepass")
        cleaned = _without(raw, places(raw, self._needles.in_prose, self._needles.escape))
        return text if cleaned is raw else cleaned.decode(errors="surrogatepass")

    def body(self, body: bytes) -> bytes:
        """The bytes of an answer that a program reads. Short secrets stay: see :mod:`hub.needles`."""
        if not self._secrets:
            return body
        body = self._body(body)
        encoding = _encoding(body)
        if encoding == "utf-8":
            return body
        try:
            return self._body(body.decode(encoding).encode()).decode().encode(encoding)
        except UnicodeError:
            return body  # it only begins like a text in that encoding

    def header(self, value: str) -> str:
        """A header of an answer, which a program reads as well."""
        raw = value.encode(errors="surrogateescape")
        return self._body(raw).decode(errors="surrogateescape") if self._secrets else value

    def words(self, body: bytes) -> str:
        """The bytes of an answer as a text for people, without the secrets."""
        return self.text(self.body(body).decode(_encoding(body), errors="replace"))

    def _body(self, body: bytes) -> bytes:
        return _without(body, places(body, self._needles.anywhere, self._needles.escape))

    def value(self, value: Value) -> Value:
        """What a hook returned, its :data:`PROSE` gone through; the same object where nothing was found."""
        cleaned: Value = self._gone_through(value)
        return cleaned

    def _gone_through(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            gone_through = [self._gone_through(each) for each in value]
            is_same = all(one is other for one, other in zip(gone_through, value, strict=True))
            return value if is_same else type(value)(gone_through)
        if not is_dataclass(value) or isinstance(value, type):
            return value
        changed = {}
        for each in fields(value):
            if each.name in PROSE or each.name in _PARTS:
                old = getattr(value, each.name)
                new = self._prose(old) if each.name in PROSE else self._gone_through(old)
                if new != old:
                    changed[each.name] = new
        return replace(value, **changed) if changed else value

    def _prose(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._prose(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._prose(each) for each in value])
        return value

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Within the block nothing that is raised or logged says a secret, nor does what caused it."""
        token = _at_work.set(self)
        try:
            yield
        except HubError as error:
            self._clean(error)
            raise
        except Exception as error:
            if (cleaned := self._cleaned(error)) is not error:
                raise cleaned from None
            raise
        finally:
            _at_work.reset(token)

    def _clean(self, error: HubError) -> None:
        """Our own errors keep their kind, which says what to do next."""
        told = {name: vars(error)[name] for name in ("what", "why", "fix", "problems") if name in vars(error)}
        vars(error).update({name: self._prose(each) for name, each in told.items()})
        error.args = self._prose(error.args)
        self._clean_causes(error)

    def _clean_causes(self, error: BaseException) -> None:
        if error.__cause__ is not None:
            error.__cause__ = self._cleaned(error.__cause__)
        if error.__context__ is not None:
            # Setting a cause hides the context, and this must not.
            is_hidden, error.__context__ = error.__suppress_context__, self._cleaned(error.__context__)
            error.__suppress_context__ = is_hidden

    def _cleaned(self, error: BaseException) -> BaseException:
        if isinstance(error, HubError):
            self._clean(error)
            return error
        told = "".join(traceback.format_exception(None, error, error.__traceback__, chain=False))
        if self.text(told) == told:
            self._clean_causes(error)
            return error
        stand_in = RedactedError(self.text(f"{type(error).__name__}: {error}"))
        return stand_in.with_traceback(error.__traceback__)


_at_work: ContextVar[Redactor | None] = ContextVar("redactor", default=None)


def without_secrets(text: str) -> str:
    """A line for the log, without the secrets of the connection that is at work."""
    redactor = _at_work.get()
    return text if redactor is None else redactor.text(text)


def _encoding(body: bytes) -> str:
    """As JSON's readers tell it: UTF-16 and UTF-32 begin with a mark or with zeros."""
    found = json.detect_encoding(body[:4])
    return "utf-8" if found == "utf-8-sig" else found


def _without(text: bytes, found: Iterable[Span]) -> bytes:
    spans = sorted(found)
    if not spans:
        return text
    parts, done = list[bytes](), 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], REDACTED.encode()]
        done = max(done, end)
    return b"".join([*parts, text[done:]])
