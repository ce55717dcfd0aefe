"""References to captured values: found whatever stands around them, put in, or left as they are written."""

from __future__ import annotations

import pickle
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import TemplateFailed
from crawler.syntax.needs import Lost, Reference, references
from crawler.syntax.template import NEEDS, TASK_NAMES, Template, resolve, text

WORDS = st.text(string.ascii_letters + "_", min_size=1, max_size=8).filter(
    lambda word: word.lower() not in {"true", "false", "none", "not", "and", "or", "in", "is", "if", "else"}
)
JOBS = st.text(string.ascii_letters + string.digits + "._-() ,", min_size=1, max_size=12)
LITERAL = st.text(st.characters(exclude_characters="$", codec="utf-8"), max_size=20)
VALUES = st.text(max_size=20)


def deferred(source: str) -> Template:
    made = resolve(source, {"env": {}}, TASK_NAMES)
    assert isinstance(made, Template)
    return made


@given(job=JOBS, name=WORDS, before=LITERAL, after=LITERAL, value=VALUES)
def test_a_reference_is_found_and_filled_in_between_any_text(
    job: str, name: str, before: str, after: str, value: str
) -> None:
    expression = f"${{needs[{job!r}].{name}}}"
    template = deferred(before + expression + after)
    assert list(references(template)) == [Reference(job, name)]
    supplied = template.supplied({NEEDS: {job: {name: value}}})
    assert text(supplied, {}) == before + value + after
    for each in (template, supplied):
        assert text(each.as_written(NEEDS), {}) == before + expression + after
    assert pickle.loads(pickle.dumps(supplied)).render({}) == supplied.render({})


@given(job=WORDS, name=WORDS)
def test_all_spellings_of_a_reference_are_one(job: str, name: str) -> None:
    spellings = (
        f"needs.{job}.{name}",
        f"needs['{job}'].{name}",
        f'needs["{job}"]["{name}"]',
        f"needs.{job}['{name}']",
    )
    for inside in spellings:
        for around in ("{}", "{} | upper", "x if {} else y", "({} ~ 'a').strip()", "[{}, 1][0]"):
            template = resolve("${" + around.format(inside) + "}", {"x": 1, "y": 2}, TASK_NAMES)
            assert isinstance(template, Template)
            assert list(references(template)) == [Reference(job, name)]


def test_a_job_may_be_named_by_what_is_known_when_the_manifest_loads() -> None:
    source = "${needs['login (' ~ matrix.region ~ ')'].token}"
    template = resolve(source, {"matrix": {"region": "eu"}}, TASK_NAMES)
    assert isinstance(template, Template)
    assert list(references(template)) == [Reference("login (eu)", "token")]
    assert template.supplied({NEEDS: {"login (eu)": {"token": 7}}}).render({}) == 7


@pytest.mark.parametrize(
    "source",
    [
        "${needs}",
        "${needs.a}",
        "${needs | length}",
        "${needs[row.job].a}",
        "${needs.a[name]}",
        "${needs['a' * 3].b}",
        "${needs.a.b ~ needs}",
        "${needs[1].b}",
        "${row[needs.a]}",
    ],
)
def test_what_names_no_value_cannot_be_checked(source: str) -> None:
    with pytest.raises(TemplateFailed, match="captured value"):
        list(references(deferred(source)))


def test_values_of_rows_and_of_jobs_come_each_in_their_time() -> None:
    template = deferred("${needs.a.b}-${row.c}-${row.c ~ needs.a.b}").supplied({NEEDS: {"a": {"b": "1"}}})
    assert template.names == {"row"}
    assert template.render({"row": {"c": "2"}}) == "1-2-21"
    assert template.as_written(NEEDS).render({"row": {"c": "2"}}) == "${needs.a.b}-2-${row.c ~ needs.a.b}"


def test_a_value_is_never_looked_into_again() -> None:
    template = deferred("${needs.a.b}").supplied({NEEDS: {"a": {"b": "${env.HOME} ${row.x}"}}})
    assert template.render({}) == "${env.HOME} ${row.x}"


def test_a_lost_value_says_why_and_default_does_without() -> None:
    needs = {NEEDS: {"a": Lost("job 'a' did not end well")}}
    with pytest.raises(TemplateFailed, match=r"needs\.a\.b}: there is no 'b': job 'a' did not end well"):
        deferred("x${needs.a.b}").supplied(needs).render({})
    assert deferred("${needs.a.b | default('none')}").supplied(needs).render({}) == "none"
