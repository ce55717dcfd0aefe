"""Fields become values of their types, and what is missing or wrong is said with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.pages.extraction import Extracted, Field, extract, query_problem
from crawler.pages.field_values import FieldType, Value

URL = "https://h/docs/page.html"
HTML = """<!doctype html><title> The
 title </title><base href=/img/><h1>A <em>b</em>c<br>d <script>no</script></h1>
<p class=price> 12 </p><p class=price>abc</p><a href="x?a&amp;b#f" rel>go</a>
<pre>
one
  <b>two</b>
</pre><div>before <p>in</p>  after<pre>k
 e</pre>end</div><ul><li>1<li>2</ul>"""
JSON = {"id": 7, "price": 9.5, "tags": ["a", None, "b"], "deep": {"url": "/y"}, "ok": True, "none": None}


def of_html(wanted: Field) -> Extracted:
    return extract(HTML.encode(), "text/html; charset=utf-8", URL, [wanted])


def of_json(wanted: Field) -> Extracted:
    return extract(json.dumps(JSON).encode(), "application/json", URL, [wanted])


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (Field(name="f", css="title"), "The title"),
        (Field(name="f", css="h1"), "A bc d"),
        (Field(name="f", css="h1 em"), "b"),
        (Field(name="f", css="pre"), "one\n  two\n"),
        (Field(name="f", css="div"), "before in after\nk\n e\nend"),
        (Field(name="f", css="ul"), "1 2"),
        (Field(name="f", css="li", many=True, type="int"), [1, 2]),
        (Field(name="f", css="h1 script"), "no"),
        (Field(name="f", css="h1 em", type="html"), "b"),
        (Field(name="f", css="h1", type="html"), "A <em>b</em>c<br>d <script>no</script>"),
        (Field(name="f", css=".price", type="int"), 12),
        (Field(name="f", css="a", attribute="href"), "x?a&b#f"),
        (Field(name="f", css="a", attribute="HREF", type="url"), "https://h/img/x?a&b#f"),
        (Field(name="f", css="a", attribute="rel"), ""),
        (Field(name="f", css="p", attribute="class", many=True), ["price", "price"]),
        (Field(name="f", css=".none"), None),
        (Field(name="f", css=".none", default=3), 3),
        (Field(name="f", css=".none", many=True), []),
    ],
)
def test_selectors_find_text_attributes_and_markup(wanted: Field, value: Value) -> None:
    assert of_html(wanted) == Extracted({"f": value})


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (Field(name="f", jmespath="id", type="int"), 7),
        (Field(name="f", jmespath="id"), "7"),
        (Field(name="f", jmespath="price", type="float"), 9.5),
        (Field(name="f", jmespath="tags", many=True), ["a", "b"]),
        (Field(name="f", jmespath="tags"), '["a", null, "b"]'),
        (Field(name="f", jmespath="deep.url", type="url"), "https://h/y"),
        (Field(name="f", jmespath="ok", type="bool"), True),
        (Field(name="f", jmespath="none"), None),
        (Field(name="f", jmespath="length(id)"), None),
    ],
)
def test_expressions_find_values_in_json(wanted: Field, value: Value) -> None:
    assert of_json(wanted) == Extracted({"f": value})


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (
            Field(name="p", css=".price ~ .price", type="int"),
            "expected int, found 'abc' (css: .price ~ .price)",
        ),
        (Field(name="p", css=".none", required=True), "required, found nothing (css: .none)"),
        (Field(name="p", css=".none", required=True, many=True), "required, found nothing (css: .none)"),
        (
            Field(name="p", css="p", attribute="id", required=True),
            "required, found nothing (css: p, attribute id)",
        ),
        (Field(name="p", jmespath="id", required=True), "expected JSON, found text/html (jmespath: id)"),
    ],
)
def test_a_problem_names_page_field_and_query(wanted: Field, problem: str) -> None:
    assert of_html(wanted).problems == (f"{URL}: field 'p': {problem}",)


def test_the_good_values_of_a_list_are_kept_beside_the_problem_of_a_bad_one() -> None:
    found = of_html(Field(name="p", css=".price", type="int", many=True))
    assert found.values == {"p": [12]}
    assert found.problems == (f"{URL}: field 'p': expected int, found 'abc' (css: .price)",)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("+7", "int", 7),
        ("1.5e3", "float", 1500.0),
        (".5", "float", 0.5),
        ("Yes", "bool", True),
        ("0", "bool", False),
        *[("x", "url", "https://h/img/x"), ("//o/y#z", "url", "https://o/y#z")],
        *[(bad, "int", None) for bad in ("1,234", "1_0", "٣", "1.5", "", "0x1")],
        *[(bad, "float", None) for bad in ("nan", "inf", "1_0", ".", "1 2")],
        *[("maybe", "bool", None), ("mailto:x@y", "url", None)],
    ],
)
def test_types_are_strict(text: str, kind: FieldType, value: Value) -> None:
    body = f"<base href=/img/><p title='{text}'>".encode()
    found = extract(
        body, "text/html; charset=utf-8", URL, [Field(name="f", css="p", attribute="title", type=kind)]
    )
    assert found.values == {"f": value}
    assert bool(found.problems) == (value is None)


def test_a_wrong_query_is_named_before_the_run() -> None:
    assert query_problem(Field(name="f", css="a[href]")) is None
    assert query_problem(Field(name="f", jmespath="a[*].b")) is None
    assert query_problem(Field(name="f", css="a[[")) == "field 'f': not a CSS selector: 'a[['"
    assert (query_problem(Field(name="f", jmespath="a[")) or "").startswith(
        "field 'f': not a JMESPath expression: "
    )
    assert query_problem(Field(name="f")) == "field 'f': expected one of css and jmespath"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000,
        "<ul><li>" * 50_000,
        "<p>" + "".join(f"<font size={n}>" for n in range(2000)) + "</p>" + "<p>x" * 20_000,
        ("".join(f"<b n={n}>" for n in range(90)) + "<table><td>" + "</b>" * 90) * 200 + "<p>x" * 20_000,
        "".join(f"<font n={n} x='</font>'><!-- </font> -->" for n in range(2000)) + "<p>x" * 20_000,
    ],
)
def test_a_page_whose_tree_would_be_enormous_is_refused(html: str) -> None:
    found = extract(html.encode(), "text/html", URL, [Field(name="f", css="p", required=True)])
    assert found.problems == (f"{URL}: field 'f': the document's elements are nested too deep (css: p)",)


@pytest.mark.parametrize(
    "html",
    [
        "<table>" + "<tr><td><b>x</b><td><font>y" * 3000 + "</table><p>z",
        "<dl>" + "<dt><a href=x><code>a</code></a><dd><p>b <em>c</em>" * 3000 + "</dl><p>z",
        "<div><span><b><i>" + "<p>x</p>" * 5000 + "</i></b></span></div>",
        "<ul>" + "<li><a href=x>y</a>" * 5000 + "</ul><p>z",
    ],
)
def test_long_pages_are_not_refused(html: str) -> None:
    assert extract(html.encode(), "text/html", URL, [Field(name="f", css="p", required=True)]).problems == ()


@given(st.binary(max_size=120), st.sampled_from(["text/html", "application/json", None]))
def test_any_bytes_are_values_or_problems(body: bytes, content_type: str | None) -> None:
    wanted = [Field(name="a", css="a", required=True), Field(name="b", jmespath="b", many=True, type="int")]
    assert extract(HTML.encode() + body, content_type, URL, wanted).values.keys() == {"a", "b"}
    assert extract(b"{" + body, content_type, URL, wanted).values.keys() == {"a", "b"}


def test_a_document_that_is_too_large_is_not_read() -> None:
    found = extract(b"<p>x", None, URL, [Field(name="f", css="p", required=True)], max_bytes=3)
    assert found.problems == (f"{URL}: field 'f': the document has 4 bytes, more than 3 (css: p)",)
    deep = extract(b"[" * 100_000, None, URL, [Field(name="f", jmespath="a", required=True)])
    assert "not JSON" in deep.problems[0]


def test_a_url_s_query_is_in_the_encoding_of_the_document() -> None:
    field = Field(name="f", css="a", attribute="href", type="url")
    body = "<base href='/b/'><a href='ä?ä#ä'>".encode("cp1252")
    assert extract(body, "text/html; charset=iso-8859-1", URL, [field]).values == {"f": "https://h/b/ä?%E4#ä"}
    body = json.dumps({"f": "?ä"}).encode()
    field = Field(name="f", jmespath="f", type="url")
    assert extract(body, "application/json", "https://h/", [field]).values == {"f": "https://h/?ä"}
