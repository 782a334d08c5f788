"""The log of a command: on stderr, since stdout carries results only."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

_MANY_LINES = {"exception", "stack"}


def log_to_stderr() -> None:
    """Sends the hub's log and that of its libraries to stderr. ``HUB_LOG=json`` makes it JSON lines.

    No line says a secret of the connection at work, and none steers a terminal.
    """
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _written(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    root = logging.getLogger()
    if not any(isinstance(each, _Libraries) for each in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))


def show_traceback(error: BaseException) -> None:
    """Prints what nobody caught, or ``--debug`` lets through."""
    from hub.plain_text import visible_lines

    sys.stderr.write(visible_lines("".join(traceback.format_exception(error))))


class _Libraries(logging.Handler):
    """Writes what libraries log as lines of the hub's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        import structlog

        told: dict[str, Any] = {"library": record.name}
        if record.exc_info:
            told["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **told)


def _written() -> Processor:
    """The last step: a line as it goes out."""
    import structlog

    from hub.plain_text import visible, visible_json
    from hub.redaction import without_secrets

    if os.environ.get("HUB_LOG") == "json":
        as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
        return lambda *event: visible_json(without_secrets(str(as_json(*event))))
    if sys.stderr.isatty():
        coloured = structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0)
        return lambda logger, name, event: without_secrets(coloured(logger, name, _visible(event)))
    plain = structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event"))
    return lambda *event: visible(without_secrets(plain(*event)))


def _visible(event: EventDict) -> EventDict:
    """An event whose texts steer no terminal; the colours come after."""
    from hub.plain_text import visible, visible_lines

    return {
        key: each
        if each is None or isinstance(each, bool | int | float)
        else visible_lines(str(each))
        if key in _MANY_LINES
        else visible(str(each))
        for key, each in event.items()
    }
