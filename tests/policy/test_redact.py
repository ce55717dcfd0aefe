from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.redact import LONGEST, MASK, Redactor, printable

# "*" is left out: a secret made of stars would be found in the mask itself.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4, max_size=40)
AROUND = st.text(st.sampled_from("abc XYZ09.,:=&?/\n"), max_size=12)


def encodings(secret: str) -> dict[str, str]:
    octets = secret.encode()
    return {
        "raw": secret,
        "quote": quote(secret),
        "quote everything": quote(secret, safe=""),
        "quote_plus": quote_plus(secret),
        "lower hex": "".join(f"%{octet:02x}" for octet in octets),
        "upper hex": "".join(f"%{octet:02X}" for octet in octets),
        "quoted twice": quote(quote(secret, safe=""), safe=""),
        "json": json.dumps(secret)[1:-1],
        "json in json": json.dumps(json.dumps(secret))[3:-3],
        "json in utf-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "php's json": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "python": repr(secret)[1:-1],
    }


@given(SECRETS, AROUND, AROUND)
def test_no_textual_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for name, form in encodings(secret).items():
        shown = redactor.text(f"{before}{form}{after}")
        assert form not in shown, name
        assert MASK in shown, name


@given(SECRETS, st.binary(max_size=6), st.binary(max_size=6), st.booleans())
def test_no_base64_alignment_of_a_secret_survives(
    secret: str, user: bytes, after: bytes, urlsafe: bool
) -> None:
    octets = user + secret.encode() + after
    token = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(octets).decode()
    for form in (token, quote(token, safe="")):
        shown = Redactor([secret]).text(f"Authorization: Basic {form}")
        assert MASK in shown
        assert form not in shown


@given(SECRETS.filter(lambda secret: all(ord(char) < 256 for char in secret)), st.text("abcdefg", max_size=5))
def test_basic_credentials_in_latin_1_are_found_too(secret: str, user: str) -> None:
    token = base64.b64encode(f"{user}:{secret}".encode("latin-1")).decode()
    assert token not in Redactor([secret]).text(token)


@given(st.lists(SECRETS, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=8), AROUND)
def test_no_secret_of_several_survives_however_they_touch(
    secrets: list[str], order: list[int], between: str
) -> None:
    text = between.join(secrets[index % len(secrets)] for index in order)
    shown = Redactor(secrets).text(text)
    assert all(secret not in shown for secret in secrets)


def test_overlapping_secrets_leave_no_tail() -> None:
    assert Redactor(["abcdEFGH", "EFGHijkl"]).text("<abcdEFGHijkl>") == "<***>"


def test_the_longer_of_two_nested_secrets_goes_whole() -> None:
    assert Redactor(["pass", "password-long"]).text("x password-long pass") == "x *** ***"


def test_secrets_under_four_characters_are_not_searched_for() -> None:
    assert Redactor(["", "a", "the"]).text("the cat sat") == "the cat sat"


@given(st.text())
def test_any_text_and_any_secret_can_be_taken(text: str) -> None:
    redactor = Redactor([text, "surrogate\udc80", "plain-secret"])
    assert "plain-secret" not in redactor.line(f"{text}plain-secret")
    assert redactor.url(text) is not None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@h/x", "https://user:***@h/x"),
        ("https://ghp_abcdef@h/x", "https://***@h/x"),
        ("https://user:p@w@h/x", "https://user:***@h/x"),
        ("socks5://u:p@127.0.0.1:1080", "socks5://u:***@127.0.0.1:1080"),
        ("https://h/@user?page=2", "https://h/@user?page=2"),
        ("https://h/x?token=abc&page=2", "https://h/x?token=***&page=2"),
        ("https://h/x?page=2;sig=a/b+c%3D#frag", "https://h/x?page=2;sig=***#frag"),
        ("https://h/cb#access_token=abc&state=1", "https://h/cb#access_token=***&state=1"),
        (
            "https://b.s3/x?X-Amz-Date=1&X-Amz-Signature=f00&X-Amz-Security-Token=q",
            "https://b.s3/x?X-Amz-Date=1&X-Amz-Signature=***&X-Amz-Security-Token=***",
        ),
        (
            "https://h/?apiKey=a&accessToken=b&client_secret=c&auth=d",
            "https://h/?apiKey=***&accessToken=***&client_secret=***&auth=***",
        ),
        ("https://h/?to%6ben=abc", "https://h/?to%6ben=***"),
        ("https://h/?monkey=1&author=2&design=3&key=4", "https://h/?monkey=1&author=2&design=3&key=***"),
        ("/relative?password=abc", "/relative?password=***"),
        ("https://h/?token=", "https://h/?token="),
        ("https://h/plain", "https://h/plain"),
    ],
)
def test_a_url_shows_no_credentials(url: str, shown: str) -> None:
    assert Redactor().url(url) == shown
    assert Redactor().url(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET 'https://h/?sig=1', then", "GET 'https://h/?sig=***', then"),
        ("(see wss://u:p@h/live?token=1).", "(see wss://u:***@h/live?token=***)."),
        (r'"https://h/?a=1\u0026token=2"', r'"https://h/?a=1\u0026token=***"'),
        (r'{"next":"http:\/\/u:p@h\/x?key=1"}', r'{"next":"http:\/\/u:***@h\/x?key=***"}'),
        ('<a href="https://h/?a=1&amp;token=2">', '<a href="https://h/?a=1&amp;token=***">'),
        ("mail a@b.c about token=1", "mail a@b.c about token=1"),
    ],
)
def test_urls_inside_a_text_show_no_credentials(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@given(st.text())
def test_printable_text_can_neither_break_a_line_nor_drive_a_terminal(text: str) -> None:
    shown = printable(text)
    assert len(f"{shown}.".splitlines()) == 1
    for low, high in ((0, 0x1F), (0x7F, 0x9F), (0x202A, 0x202E), (0x2066, 0x2069), (0xD800, 0xDFFF)):
        assert not any(low <= ord(char) <= high for char in shown)
    shown.encode()


def test_unsafe_characters_stay_visible_as_escapes() -> None:
    assert printable("a\x1b[31m\n\x9b\u202eb\u2028ü") == r"a\x1b[31m\x0a\x9b\u202eb\u2028ü"


@pytest.mark.timeout(20)
def test_a_hostile_text_takes_linear_time() -> None:
    redactor = Redactor(['canary"\\/', "plain-secret"])
    for piece in ("\\", "://", "token=", "?&", "'", "%25", "@"):
        shown = redactor.text(f"http://h/?token=x{piece * 100_000} plain-secret")
        assert shown.startswith("http://")
        assert shown.endswith(" ***")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("size", [LONGEST, LONGEST + 1, 16 * 1024 * 1024])
def test_a_long_secret_is_hidden_without_a_pattern_of_its_length(size: int) -> None:
    secret = ("0123456789abcdef /" * (size // 18 + 1))[:size]
    redactor = Redactor([secret])
    assert redactor.text(f"before {secret[: LONGEST - 1]}") == f"before {secret[: LONGEST - 1]}"
    if size < 100_000:
        token = base64.b64encode(f"user:{secret}".encode()).decode()
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
            assert redactor.text(f"before {form}") == "before ***"
        assert token[8:] not in redactor.text(f"Basic {token}")


@given(st.lists(st.lists(SECRETS, max_size=3), max_size=3), AROUND)
def test_what_is_learned_later_is_hidden_like_what_was_known(lots: list[list[str]], around: str) -> None:
    learned, known = Redactor(), Redactor([secret for lot in lots for secret in lot])
    for lot in lots:
        learned.learn(lot)
    for text in [around.join(["", *lot, ""]) for lot in lots]:
        assert learned.text(text) == known.text(text)
        assert learned.holds(text) == known.holds(text)
