"""The Link header, with whatever a server may put into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.links import next_page

PAGE = "https://h/list?page=1"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('<https://api.example/o?page=2>; rel="next"', "https://api.example/o?page=2"),
        ("<?page=2>;rel=next", "?page=2"),
        ("</a>; rel=prev, </b>; rel=next", "/b"),
        ('<https://x/?a=1,2;3>; rel="next"; title="a, b; c"', "https://x/?a=1,2;3"),
        ('</a>; title="it says rel=next, </b>; rel=next"; rel="prev", </c>; REL="Last NEXT"', "/c"),
        ('</a>; title="a \\" quote, </b>; rel=next"; rel=last, </c>; rel=next', "/c"),
        ("</a> ; rel = next", "/a"),
        ("</a>; rel=next, </b>; rel=next", "/a"),
        ('</a>; rel=prev; rel=next, </b>; rel="next"', "/b"),  # RFC 8288 §3.3: the first counts
        ('</a>; rel=next; anchor="https://h/list?page=1"', "/a"),
        ('</a>; rel=next; anchor="/list?page=1"', "/a"),
        ('</a>; rel=next; anchor=""', "/a"),
        ('</a>; rel=next; anchor="//["', None),
        ('</a>; rel=next; anchor="#chapter", </b>; rel=next', "/b"),  # §3.2: a link of something else
        ("</a>; crossorigin; rel=next", "/a"),
        ("<>; rel=next", ""),
        ("nonsense, </a>; rel=next", "/a"),
        ("</a>; rel=nextish", None),
        ("</a>", None),
        ("</a; rel=next", None),
        ("", None),
        (", ,, </a>; rel=next", "/a"),
        ("</a>; rel=prev </b>; rel=next", None),
    ],
)
def test_the_next_page_is_found(value: str, found: str | None) -> None:
    assert next_page([value], PAGE) == found


def test_of_several_lines_the_first_that_leads_on_counts() -> None:
    assert next_page(["</a>; rel=last", "</b>; rel=next", "</c>; rel=next"], PAGE) == "/b"
    assert next_page([], PAGE) is None


@given(st.text(alphabet='<>;,="\\ relnxt/a', max_size=60))
def test_whatever_comes_it_is_read_to_its_end(value: str) -> None:
    found = next_page([value], PAGE)
    assert found is None or found in value


@given(
    st.text(
        alphabet=st.characters(exclude_characters="<>", max_codepoint=0x7E, min_codepoint=0x21), min_size=1
    ),
    st.lists(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)), max_size=3),
)
def test_quoted_parameters_hide_nothing(target: str, titles: list[str]) -> None:
    quoted = [title.replace("\\", "\\\\").replace('"', '\\"') for title in titles]
    others = "".join(f'</other>; title="{title}"; rel="prev", ' for title in quoted)
    assert next_page([f'{others}<{target}>; title="x"; rel="next"'], PAGE) == target
