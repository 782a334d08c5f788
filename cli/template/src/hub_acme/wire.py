"""The wire format, pure: values to a query or a body, and a reply to a value or to a typed error.

Here stands what each status means, and nowhere else. Name the page of the ERP's documentation from which
each rule was taken; the API here is invented, and so are these rules.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from hub.errors import AuthError, InDoubtError, RejectedError, RetriableError
from hub.outcomes import Document, Outcome, Verdict
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hookspecs import HttpReply
    from hub.outcomes import Prepared

    from hub_acme.models import Result

Model = TypeVar("Model", bound=BaseModel)

MAX_BATCH = 20
"""Most records of one POST."""
PAGE = 20
"""Most rows of one list call; a page with fewer is the last."""


def query(filters: Sequence[tuple[str, str]]) -> str:
    """A query string, percent-encoded; a name may stand in it several times."""
    return urlencode([*filters, ("limit", str(PAGE))])


def batch(requests: Sequence[str]) -> bytes:
    """The body of a POST: the frozen texts as they are, in one array."""
    return f"[{','.join(requests)}]".encode()


def read(reply: HttpReply, operation: str, model: type[Model], *, is_write: bool = False) -> Model:
    """The value of a good reply.

    Raises:
        AuthError, RejectedError, RetriableError, InDoubtError: see :func:`raise_for_status`; an unreadable
            answer is worth asking for again after a read, and leaves a write in doubt.
    """
    raise_for_status(reply, operation, is_write=is_write)
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        what, why = f"{operation}: the answer cannot be read", f"{first['loc']}: {first['msg']}"
        if is_write:
            raise InDoubtError(what, why=why) from error
        raise RetriableError(what, why=why) from error


def raise_for_status(reply: HttpReply, operation: str, *, is_write: bool) -> None:
    """Turns every status but success into the error that says what to do next.

    Raises:
        AuthError: 401 and 403.
        RetriableError: 429 and 503, which it answers before it reads the request; a failed read.
        RejectedError: 400 and 422: the same request would be refused again.
        InDoubtError: anything else after a write.
    """
    status, what = reply.status, f"{operation}: acme answered {reply.status}"
    if status == 200:
        return
    if status == 401:
        raise AuthError(what, why="the API key is wrong", fix="copy it again from Acme")
    if status == 403:
        fix = "tick memos:read and memos:create for this API key in Acme"
        raise AuthError(what, why="the API key lacks a permission", fix=fix, kind="forbidden")
    if status in {429, 503}:
        wait = reply.headers.get("retry-after", "")
        raise RetriableError(what, retry_after=timedelta(seconds=int(wait)) if wait.isdecimal() else None)
    if status in {400, 422}:
        raise RejectedError(what, why=reply.body[:200].decode(errors="replace"))
    if is_write:
        raise InDoubtError(what)
    raise RetriableError(what, fix="see that base_url is right and that acme is up")


def read_outcomes(prepared: Sequence[Prepared], results: Sequence[Result]) -> list[Outcome]:
    """What became of each record. Only a result in its place and under our reference is believed."""
    return [
        _outcome(each, results[place] if place < len(results) else None)
        for place, each in enumerate(prepared)
    ]


def _outcome(prepared: Prepared, result: Result | None) -> Outcome:
    if result is None or result.external_ref != prepared.reference:
        reason = "acme gave no result under our reference in this record's place"
        return Outcome(delivery_id=prepared.delivery_id, verdict=Verdict.IN_DOUBT, reason=reason)
    if result.id is not None:
        document = Document(document_id=str(result.id), reference=prepared.reference)
        return Outcome(delivery_id=prepared.delivery_id, verdict=Verdict.CREATED, document=document)
    return Outcome(
        delivery_id=prepared.delivery_id,
        verdict=Verdict.REJECTED,
        reason=f"acme refused the memo: {result.error}",
        fix="correct what acme names, then run: hub deliveries retry",
    )
