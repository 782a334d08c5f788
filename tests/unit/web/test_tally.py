"""Log lines that strangers cause: a few as they are, the rest counted once a minute."""

from __future__ import annotations

from structlog.testing import capture_logs

from hub.web.tally import LONGEST, MINUTE_S, WHOLE, Tally


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_has_a_few_lines_of_each_kind_and_one_that_counts_the_rest() -> None:
    time = Time()
    tally = Tally(time)
    with capture_logs() as lines:
        for _ in range(WHOLE + 5):
            tally.warn("refused", {"path": "/"}, kind=401)
            tally.warn("refused", {"path": "/"}, kind=404)
        assert len(lines) == 2 * WHOLE
        time.now = MINUTE_S
        tally.warn("refused", {"path": "/"}, kind=401)
    counted = [each for each in lines if "times" in each]
    assert [(each["kind"], each["times"]) for each in counted] == [("refused (401)", 5), ("refused (404)", 5)]
    assert lines[-1] == {"event": "refused", "path": "/", "log_level": "warning"}


def test_what_is_only_counted_is_one_line_a_minute_and_none_when_there_is_nothing() -> None:
    time = Time()
    tally = Tally(time)
    with capture_logs() as lines:
        tally.count("ended", "too_late")
        tally.count("ended", "gave_way", 1000)
        tally.tick()
        assert lines == []
        for minute in range(1, 4):
            time.now = minute * MINUTE_S
            tally.tick()
    assert lines == [{"event": "ended", "too_late": 1, "gave_way": 1000, "log_level": "warning"}]


def test_a_strangers_own_words_are_cut() -> None:
    with capture_logs() as lines:
        Tally().warn("refused", {"reason": "x" * 100_000})
    assert len(lines[0]["reason"]) == LONGEST
