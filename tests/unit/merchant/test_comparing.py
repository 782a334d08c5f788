from __future__ import annotations

from hub.merchant.comparing import side_by_side


def test_lines_that_belong_together_stand_beside_each_other() -> None:
    pairs = side_by_side("{\n a\n b\n}", "{\n a\n c\n d\n}")
    assert [(each.old, each.new) for each in pairs] == [
        ("{", "{"),
        (" a", " a"),
        (" b", " c"),
        (None, " d"),
        ("}", "}"),
    ]
    assert [each.is_changed for each in pairs] == [False, False, True, True, False]
    assert (pairs[-1].old_number, pairs[-1].new_number) == (4, 5)


def test_an_empty_text_has_no_lines() -> None:
    assert side_by_side("", "") == []
    assert [(each.old, each.new) for each in side_by_side("", "x")] == [(None, "x")]
