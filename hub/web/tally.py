"""Log lines that a stranger can cause: the first few of a minute as they are, the rest in one line.

Otherwise whoever asks for nonsense often enough fills the disk.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MINUTE_S = 60.0
WHOLE = 10
"""So many lines of each kind are written as they are, each minute."""
LONGEST = 300
"""Characters of each text in such a line: some of it is the stranger's own."""

log = structlog.get_logger()


class Tally:
    """Counts what happened since the last line about it.

    Args:
        now: seconds, of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._began = now()
        self._whole = Counter[str]()
        self._more = Counter[str]()
        self._counts = defaultdict[str, Counter[str]](Counter)

    def warn(
        self,
        event: str,
        facts: Mapping[str, object],
        *,
        kind: object = "",
        trace: BaseException | None = None,
    ) -> None:
        """Writes a line, or counts it when there were enough of its kind this minute.

        Args:
            event: what happened, one of few texts.
            facts: what else the line says.
            kind: divides the event further, one of few as well.
            trace: an exception to add, with where it came from.
        """
        self.tick()
        name = f"{event} ({kind})" if kind != "" else event
        self._whole[name] += 1
        if self._whole[name] > WHOLE:
            self._more[name] += 1
            return
        cut = {key: each[:LONGEST] if isinstance(each, str) else each for key, each in facts.items()}
        if trace is not None:
            log.error(event, exc_info=trace, **cut)
        else:
            log.warning(event, **cut)

    def count(self, event: str, reason: str, number: int = 1) -> None:
        """Counts what is told in one line a minute only.

        Args:
            event: what happened.
            reason: why, one word of few.
            number: how often.
        """
        self._counts[event][reason] += number

    @property
    def suppressed(self) -> int:
        """How many lines were not written since the last one that counts them."""
        return self._more.total()

    def told(self) -> Mapping[str, Mapping[str, int]]:
        """What was counted since the last line, by event and reason."""
        return {event: dict(counts) for event, counts in self._counts.items()}

    def tick(self) -> None:
        """Writes what was counted, once the minute is over. To be called now and then."""
        if self._now() - self._began >= MINUTE_S:
            self.flush()

    def flush(self) -> None:
        """Writes what was counted, and begins a minute."""
        for name, number in self._more.items():
            log.warning("more of a kind that the log holds already", kind=name, times=number)
        for event, counts in self._counts.items():
            log.warning(event, **counts)
        self._whole.clear()
        self._more.clear()
        self._counts.clear()
        self._began = self._now()


TALLY = web.AppKey("tally", Tally)
