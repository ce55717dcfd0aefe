"""Target names: safe on every OS, one file each, never outside the output root."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crawler.errors import UnsafePath
from crawler.policy.names import MAX_COMPONENT_BYTES, MAX_TARGET_BYTES, fold, safe_target, twin

NASTY = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "con",
        "NUL.",
        "COM¹",
        ".part",
        ":",
        "\u202e",
        "é",
        "e\u0301",
        "\x00",
        " ",
        ".bashrc",
    ]
)
TEXT = st.one_of(st.text(), st.lists(st.one_of(NASTY, st.text(max_size=4)), max_size=12).map("".join))


def target_or_nothing(raw: str) -> str:
    try:
        return safe_target(raw)
    except UnsafePath:
        assume(False)
        raise


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("reports/a.csv", "reports/a.csv"),
        ("docs.example.org+8080/a b/ü.html", "docs.example.org+8080/a b/ü.html"),
        ("a//b/./c", "a/b/c"),
        ("x/.bashrc", "x/_bashrc"),
        (".crawler/ledger.db", "_crawler/ledger.db"),
        ("...", "___"),
        ("a.", "a_"),
        ("a . ", "a___"),
        ("con", "_con"),
        ("NUL.zip", "_NUL.zip"),
        ("nul .txt", "_nul .txt"),
        ("COM¹", "_COM¹"),
        ("console", "console"),
        ("Desktop.ini", "_Desktop.ini"),
        ("a:b?c*", "a%3Ab%3Fc%2A"),
        ("a\\b", "a%5Cb"),
        ("..\\..\\x", "_.%5C..%5Cx"),
        ("x\x1b[31m\n", "x%1B[31m%0A"),
        ("photo\u202egpj.exe", "photo%E2%80%AEgpj.exe"),
        ("\ud800", "%ED%A0%80"),
        ("e\u0301", "é"),
        ("\n\u0301", "%0Á"),
        ("a.part", "a.part_"),
        ("a.PART/b", "a.PART_/b"),
        ("x.{20D04FE0-3AEA-1069-A2D8-08002B30309D}", "x_{20D04FE0-3AEA-1069-A2D8-08002B30309D}"),
        ("h/a/../b", "h/a/__/b"),
        ("%2e%2e/x", "%2e%2e/x"),
    ],
)
def test_a_name_is_made_safe_in_the_documented_way(raw: str, expected: str) -> None:
    assert safe_target(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "../x",
        "a/../../x",
        "h/../../etc/passwd",
        "/etc/passwd",
        "//host/share",
        "C:\\x",
        "c:/x",
        "",
        ".",
        "a/",
        "a/.",
    ],
)
def test_a_drive_or_what_names_no_file_is_refused(raw: str) -> None:
    with pytest.raises(UnsafePath):
        safe_target(raw)


def test_a_long_name_is_cut_at_a_code_point_and_keeps_its_extension() -> None:
    name = safe_target("漢" * 100 + ".html")
    assert len(name.encode()) <= 250
    assert re.fullmatch(r"漢+~[0-9a-f]{8}\.html", name)


def test_long_names_that_differ_only_at_the_end_stay_apart() -> None:
    assert safe_target("a" * 300 + "1") != safe_target("a" * 300 + "2")


def test_a_path_longer_than_any_os_takes_is_refused_in_a_short_message() -> None:
    with pytest.raises(UnsafePath) as caught:
        safe_target("/".join(["abcdefgh"] * 2000))
    assert str(MAX_TARGET_BYTES) in str(caught.value)
    with pytest.raises(UnsafePath) as caught:
        safe_target("../" * 10_000)
    assert len(str(caught.value)) < 300


@given(TEXT)
def test_any_text_is_refused_or_safe_on_every_os(raw: str) -> None:
    target = target_or_nothing(raw)
    assert len(target.encode()) <= MAX_TARGET_BYTES
    assert not [char for char in target if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert not set('<>:"|?*\\\0') & set(target)
    assert unicodedata.is_normalized("NFC", target)
    for name in target.split("/"):
        assert name
        assert not name.startswith(".")
        assert name[-1] not in ". "
        assert len(name.encode()) <= MAX_COMPONENT_BYTES
        assert not fold(name).endswith(".part")
        stem = name.partition(".")[0].rstrip(" ").lower()
        assert stem not in {
            "con",
            "prn",
            "aux",
            "nul",
            *(f"{d}{n}" for d in ("com", "lpt") for n in "0123456789¹²³"),
        }


@given(TEXT)
def test_a_safe_target_is_left_as_it_is(raw: str) -> None:
    target = target_or_nothing(raw)
    assert safe_target(target) == target


@given(st.one_of(TEXT, st.sampled_from(["..", "a/..", "a/../b", "C:", "/", "//", "./", "ü", "a/./b", "con"])))
def test_a_folder_has_one_name_whatever_lies_in_it(folder: str) -> None:
    usual = targets_or_refusal(f"{folder}/17.csv", f"{folder}/a number.csv")
    assert usual is None or usual[0].removesuffix("17.csv") == usual[1].removesuffix("a number.csv")


def targets_or_refusal(*raw: str) -> list[str] | None:
    """The targets; ``None`` if each is refused, and never some of them only."""
    made = []
    for each in raw:
        with suppress(UnsafePath):
            made.append(safe_target(each))
    assert len(made) in (0, len(raw))
    return made or None


@given(TEXT)
def test_case_and_unicode_twins_have_one_key(raw: str) -> None:
    target = target_or_nothing(raw)
    assert fold(target) == fold(unicodedata.normalize("NFD", target))
    assert fold(target) == fold(target.casefold())
    assert fold(fold(target)) == fold(target)


@given(TEXT)
def test_a_twin_is_safe_and_a_file_of_its_own(raw: str) -> None:
    target = target_or_nothing(raw)
    second = twin(target)
    assert safe_target(second) == second
    assert fold(second) != fold(target)
    assert second.rpartition("/")[0] == target.rpartition("/")[0]


def test_twins_of_each_other_get_different_names() -> None:
    assert fold("A.txt") == fold("a.txt")
    assert fold(twin("A.txt")) != fold(twin("a.txt"))
    assert re.fullmatch(r"a~[0-9a-f]{8}\.txt", twin("a.txt"))
