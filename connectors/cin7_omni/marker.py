"""The sign on a credit note that it is ours, pure.

It stands at the start of ``internalComments``, a field that Cin7 keeps and customers do not see. A person
may write behind it; a note on which it stands anywhere else may be a copy, and is not ours.
"""

from __future__ import annotations

import re

_ANY_MARKER = re.compile(r"\s*\[hub:(?P<delivery_id>\S+) rma:(?P<rma_id>[^\]]+)\]")


def marker(delivery_id: str, rma_id: str) -> str:
    """The sign of one delivery's note."""
    return f"[hub:{delivery_id} rma:{rma_id}]"


def is_marked(comments: str, delivery_id: str, rma_id: str) -> bool:
    """Tells whether a note's comments start with the sign of this delivery."""
    return comments.lstrip().startswith(marker(delivery_id, rma_id))


def marked_rma(comments: str) -> str | None:
    """The id of the return for which a hub made a note; None when no hub made it."""
    match = _ANY_MARKER.match(comments)
    return match["rma_id"] if match else None


def read_marker(comments: str) -> tuple[str, str] | None:
    """The delivery's and the return's id of a hub's sign; None when no hub made the note."""
    match = _ANY_MARKER.match(comments)
    return (match["delivery_id"], match["rma_id"]) if match else None


def without_marker(comments: str) -> str:
    """What a person or a mapping wrote behind a hub's sign; all of it when there is none."""
    return _ANY_MARKER.sub("", comments, count=1) if _ANY_MARKER.match(comments) else comments
