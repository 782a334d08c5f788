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
