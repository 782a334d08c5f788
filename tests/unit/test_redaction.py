from __future__ import annotations

import base64
import json
import re
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hub.errors import AuthError, HubError
from hub.needles import SHORTEST_ANYWHERE, SHORTEST_SECRET
from hub.outcomes import (
    ConnectReport,
    Document,
    Location,
    Outcome,
    Permission,
    PermissionState,
    Prepared,
    Sighting,
    SightingKind,
    Verdict,
)
from hub.redaction import REDACTED, Redactor, without_secrets
from hub.rma import Money
from tests.support.spellings import HOSTILE, SPELLINGS, holds

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = f"k3y{HOSTILE}Zx7{HOSTILE[::-1]}end"
SECRET = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=60)


def redact(text: str, *secrets: str) -> str:
    return Redactor(secrets).text(text)


def test_secret_is_hidden_wherever_it_stands() -> None:
    assert redact("key=s3cr3t-key&again=s3cr3t-key", "s3cr3t-key") == f"key={REDACTED}&again={REDACTED}"


def test_one_secret_inside_another_leaves_no_rest() -> None:
    assert redact("abcdefgh", "abcd", "abcdefgh") == REDACTED


@pytest.mark.parametrize("secrets", [[], [""], ["x"]])
def test_text_without_secrets_stays_as_it_is(secrets: Sequence[str]) -> None:
    assert redact("GET /v1/CreditNotes x", *secrets) == "GET /v1/CreditNotes x"


@given(SECRET, st.text(max_size=20), st.text(max_size=20))
@example("a-secret-key", "", "")
@example("a-secret-key", "u:", "")
@example("a-secret-key", "us:", "")
def test_secret_is_hidden_in_base64_whatever_stands_before_it(secret: str, before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}{after}".encode(errors="replace")).decode()
    hidden = redact(f"Authorization: Basic {encoded}", secret)
    assert REDACTED in hidden
    rest = base64.b64decode(hidden.removeprefix("Authorization: Basic ").split("[")[0] + "==", validate=False)
    assert secret.encode() not in rest


@given(SECRET)
def test_hidden_text_does_not_hold_the_secret(secret: str) -> None:
    assume(secret not in REDACTED)
    assert secret not in redact(f"before {secret} after", secret)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secret_is_hidden_in_every_spelling(spelling: str) -> None:
    spelled = f"before {SPELLINGS[spelling](KEY)} after"
    assert holds(spelled, KEY)
    for hidden in (redact(spelled, KEY), Redactor([KEY]).body(spelled.encode()).decode()):
        assert REDACTED in hidden
        assert not holds(hidden, KEY)
        assert hidden.startswith("before ")
        assert hidden.endswith(" after")


@given(SECRET, st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=1, max_size=3), st.text(max_size=10))
def test_secret_is_hidden_in_any_spelling_of_a_spelling(
    secret: str, names: Sequence[str], around: str
) -> None:
    nesting = [name for name in names if name.startswith(("JSON", "HTML", "percent"))]
    spelled = secret
    for name in nesting:
        spelled = SPELLINGS[name](spelled)
    assume(secret not in REDACTED)
    hidden = redact(f"{around} {spelled} {around}", secret)
    assert spelled not in hidden
    assert secret not in hidden.replace(around, "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_secret_is_hidden_in_what_json_readers_take_for_another_encoding(encoding: str) -> None:
    body = json.dumps({"message": f"your key is {KEY}"}).replace("/", r"\/").encode(encoding)
    cleaned = Redactor([KEY]).body(body)
    assert json.loads(cleaned) == {"message": f"your key is {REDACTED}"}
    assert REDACTED in Redactor([KEY]).words(body)


@pytest.mark.parametrize("spelling", ["JSON", "JSON, lower case", "as it is"])
@pytest.mark.parametrize("key", [KEY, '"starts-with-a-quote', "ends-with-a-backslash\\"])
def test_json_stays_json(spelling: str, key: str) -> None:
    spelled = json.dumps(key)[1:-1] if spelling == "as it is" else SPELLINGS[spelling](key)
    body = f'{{"message": "no {spelled}", "id": 7}}'.encode()
    assert json.loads(Redactor([key]).body(body)) == {"message": f"no {REDACTED}", "id": 7}


def test_key_bytes_are_hidden_too() -> None:
    key = bytes(range(200, 232))
    for spelled in (key.hex(), key.hex().upper(), base64.b64encode(key).decode(), key.hex(" ")):
        assert Redactor([key]).text(f"signed with {spelled}").startswith(f"signed with {REDACTED}")


@pytest.mark.parametrize("cut", [8, 12, len(KEY) - 1])
@pytest.mark.parametrize("end", ["", "…", "..."])
@pytest.mark.parametrize("half", ["", "\\", "\\u00", "%2", "&", "&#x2"])
def test_half_of_a_secret_where_a_text_breaks_off_is_hidden(cut: int, half: str, end: str) -> None:
    assert redact(f"Authenticate: refused: bad key {KEY[:cut]}{half}{end}", KEY) == (
        f"Authenticate: refused: bad key {REDACTED}{end}"
    )


# --- ordinary text stays readable ---------------------------------------------------------------------

ORDINARY = "the latest test of contest 1234 found test-1234 (test) at tests.example, 12345 times"


def test_short_secrets_are_hidden_as_words_only() -> None:
    hidden = redact(ORDINARY, "test", "1234")
    assert hidden == (
        "the latest [redacted] of contest [redacted] found [redacted]-[redacted] ([redacted]) at "
        "tests.example, 12345 times"
    )


@pytest.mark.parametrize("secret", ["a", "1", "te", "  "])
def test_what_is_too_short_for_a_secret_is_not_hidden(secret: str) -> None:
    assert redact(ORDINARY, secret) == ORDINARY


@pytest.mark.parametrize("secret", ["test", "1234", "contest"])
def test_short_secrets_stay_in_what_programs_read(secret: str) -> None:
    assert len(secret) < SHORTEST_ANYWHERE
    assert Redactor([secret]).body(ORDINARY.encode()) == ORDINARY.encode()
    assert Redactor([secret]).header("1234") == "1234"


@pytest.mark.parametrize("secret", ["日本語abc日本語", "Ключ-1234", "pässwörd-ß"])
def test_letters_that_an_encoding_lacks_do_not_shorten_a_secret(secret: str) -> None:
    assert redact(f"abc -1234 pssword {ORDINARY}", secret) == f"abc -1234 pssword {ORDINARY}"
    assert redact(f"key {secret}, {SPELLINGS['percent'](secret)}", secret) == f"key {REDACTED}, {REDACTED}"


def test_short_secret_is_hidden_in_base64() -> None:
    for before in ("", "u:", "us:", "user:"):
        encoded = base64.b64encode(f"{before}s3cr3".encode()).decode()
        assert REDACTED in redact(f"Basic {encoded}", "s3cr3")


def test_shortest_secret_is_named() -> None:
    assert SHORTEST_SECRET <= 4
    assert redact("x" * SHORTEST_SECRET, "x" * SHORTEST_SECRET) == REDACTED


@given(st.text())
def test_texts_without_the_secret_are_untouched(text: str) -> None:
    assume(not holds(text, KEY))
    assert redact(f"{text} end of text.", KEY) == f"{text} end of text."


# --- what hooks return and raise ----------------------------------------------------------------------


def test_what_people_read_of_an_answer_is_gone_through_and_the_rest_is_not() -> None:
    spelled = SPELLINGS["mixed"](KEY)
    document = Document(document_id=KEY, reference=f"RMA {KEY}", url=f"https://erp.example/?k={spelled}")
    prepared = Prepared(
        delivery_id="d",
        reference=f"RMA {KEY}",
        request=f'{{"key": "{KEY}"}}',
        warnings=(f"the order says {spelled}",),
        origins={"memo": f"order {spelled}"},
        total=Money(amount=Decimal("9.90"), currency="GBP"),
        left_off={"i": spelled},
    )
    sighting = Sighting(
        delivery_id="d", kind=SightingKind.FOREIGN, documents=(document,), reason=f"it says {spelled}"
    )
    report = ConnectReport(
        permissions=(Permission(resource="x", action="read", state=PermissionState.MISSING, advice=spelled),),
        locations=(Location(location_id="1", name=spelled),),
        warnings=(spelled,),
    )
    outcome = Outcome(
        delivery_id="d", verdict=Verdict.REJECTED, document=document, reason=spelled, fix=spelled
    )
    redactor = Redactor([KEY])
    (seen,), made = redactor.value([prepared]), redactor.value(outcome)
    found, told = redactor.value(sighting), redactor.value(report)
    as_made = (prepared.request, prepared.reference, prepared.total)
    assert (seen.request, seen.reference, seen.total) == as_made
    assert (seen.warnings, seen.origins, seen.left_off) == (
        (f"the order says {REDACTED}",),
        {"memo": f"order {REDACTED}"},
        {"i": REDACTED},
    )
    assert (made.reason, made.fix, made.verdict) == (REDACTED, REDACTED, Verdict.REJECTED)
    assert made.document is not None
    assert (made.document.document_id, made.document.reference) == (KEY, f"RMA {KEY}")
    assert found.reason == f"it says {REDACTED}"
    assert found.documents[0].url == f"https://erp.example/?k={REDACTED}"
    assert [told.permissions[0].advice, told.locations[0].name, *told.warnings] == [REDACTED] * 3


def test_answers_without_a_secret_are_handed_on_as_they_are() -> None:
    page = [Sighting(delivery_id="d", kind=SightingKind.ABSENT)]
    assert Redactor([KEY]).value(page) is page


def test_an_error_keeps_its_kind_and_says_no_secret_nor_does_its_cause() -> None:
    def call() -> None:
        try:
            int(KEY)
        except ValueError as error:
            raise AuthError(f"list {KEY}", why=SPELLINGS["HTML"](KEY), fix=KEY, kind="forbidden") from error

    with pytest.raises(AuthError) as caught, Redactor([KEY]).guard():
        call()
    told = "".join(traceback.format_exception(caught.value))
    assert caught.value.kind == "forbidden"
    assert not holds(told, KEY)
    assert f"ValueError: invalid literal for int() with base 10: '{REDACTED}'" in told


def test_an_error_of_a_library_is_replaced_when_it_says_a_secret_and_only_then() -> None:
    with pytest.raises(KeyError), Redactor([KEY]).guard():
        raise KeyError("nothing")
    with pytest.raises(Exception, match="KeyError") as caught, Redactor([KEY]).guard():
        raise KeyError(SPELLINGS["JSON"](KEY))
    assert not isinstance(caught.value, HubError)
    assert not holds("".join(traceback.format_exception(caught.value)), KEY)


def test_lines_of_the_log_are_gone_through_while_the_connection_is_at_work() -> None:
    line = f"event=seen key={KEY}"
    with Redactor([KEY]).guard():
        assert without_secrets(line) == f"event=seen key={REDACTED}"
    assert without_secrets(line) == line


def test_what_comes_up_later_is_hidden_from_then_on() -> None:
    redactor, session = Redactor([KEY]), "session/0123+4567="
    assert redactor.text(session) == session
    redactor.hide(session)
    assert redactor.text(f"{session} {KEY}") == f"{REDACTED} {REDACTED}"
    assert re.fullmatch(r"\[redacted\]", redactor.text(SPELLINGS["HTML, decimal"](session)))


def test_dates_and_numbers_are_no_texts() -> None:
    assert Redactor(["2026-03-02"]).value(datetime(2026, 3, 2, tzinfo=UTC)) == datetime(
        2026, 3, 2, tzinfo=UTC
    )
