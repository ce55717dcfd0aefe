"""Templates: what is known is put in once, the rest task by task, and nothing can break out."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import TemplateFailed
from crawler.syntax.environ import Environ
from crawler.syntax.template import TASK_NAMES, Template, render, resolve, text

ROW = {"row": {"id": 5, "name": "ada", "empty": None, "items": "own"}, "index": 3}


def failure(source: str, values: Mapping[str, object] = ROW) -> str:
    with pytest.raises(TemplateFailed) as caught:
        resolve(source, values, frozenset())
    return str(caught.value)


def test_text_without_expressions_stays_as_it_is() -> None:
    assert resolve("a $ b {c} $d }", {}, frozenset()) == "a $ b {c} $d }"


def test_a_whole_expression_keeps_its_native_value() -> None:
    assert resolve("${row.id}", ROW, frozenset()) == 5
    assert resolve("${[row.id, true]}", ROW, frozenset()) == [5, True]
    assert resolve("${row.empty}", ROW, frozenset()) is None


def test_an_expression_among_text_becomes_text() -> None:
    assert resolve("a/${row.id}/${1.5}/${true}.x", ROW, frozenset()) == "a/5/1.5/true.x"


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("$${row.id}", "${row.id}"),
        ("$$${row.id}", "$${row.id}"),
        ("a$${", "a${"),
        ("${row.id}$${x}${row.id}", "5${x}5"),
        ("$$", "$$"),
    ],
)
def test_a_doubled_dollar_escapes(source: str, meant: str) -> None:
    assert resolve(source, ROW, frozenset()) == meant


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("${ {'a': {'b': 1}}['a']['b'] }", 1),
        ("${'}'}", "}"),
        ('${"${x}"}', "${x}"),
        (r"${'\'}'}", "'}"),
        ("<${ {'k': '}'}['k'] }>", "<}>"),
        ("${row['name'][:2] | upper}", "AD"),
        ("${row.id * 2 + 1}", 11),
        ("${'x' if row.id > 3 else 'y'}", "x"),
        ("${row.nope | default('z')}", "z"),
        ("${row.a.b | default('z')}", "z"),
        ("${row.nope is defined}", False),
        ("${row.items}", "own"),
        ("${row.name.removeprefix('a')}", "da"),
        ("${'%s' | replace('%s', row.name)}", "ada"),
        ("${row.id | string | length}", 1),
        ("${'7'.zfill(3)}", "007"),
        ("${[1, 2] | map('string') | list}", ["1", "2"]),
        ("${[3, 1] | sort | join(',')}", "1,3"),
        ("${{'a': 'ö<'} | tojson}", '{"a":"ö<"}'),
        ("${'a b' | urlencode}", "a%20b"),
    ],
)
def test_expressions_mean_what_jinja_says(source: str, meant: object) -> None:
    assert resolve(source, ROW, frozenset()) == meant


def test_a_deferred_name_gives_a_template_with_the_known_values_inside() -> None:
    made = resolve("${base}/${row.id}", {"base": "http://x"}, TASK_NAMES)
    assert isinstance(made, Template)
    assert made.names == {"row"}
    assert made.render(ROW) == "http://x/5"


def test_a_result_is_final_even_if_it_looks_like_a_template() -> None:
    assert resolve("${a}", {"a": "${row.id}"}, TASK_NAMES) == "${row.id}"
    made = resolve("${a}/${row.id}", {"a": "${row.id}"}, TASK_NAMES)
    assert isinstance(made, Template)
    assert made.render(ROW) == "${row.id}/5"


def test_a_deferred_name_hides_a_known_one() -> None:
    made = resolve("${name}", {"name": "at load"}, TASK_NAMES)
    assert isinstance(made, Template)
    assert made.render({"name": "per task"}) == "per task"


def test_a_known_value_that_fails_beside_a_deferred_one_fails_at_load() -> None:
    with pytest.raises(TemplateFailed, match="environment variable TOKEN is not set"):
        resolve("${env.TOKEN}/${row.id}", {"env": Environ({})}, TASK_NAMES)


def test_known_values_within_one_expression_are_carried_along() -> None:
    made = resolve("${vars.prefix ~ row.id}", {"vars": {"prefix": "p"}, "unused": 1}, TASK_NAMES)
    assert isinstance(made, Template)
    assert made.render(ROW) == "p5"


def test_a_template_survives_pickling_and_hashing() -> None:
    made = resolve("${vars.a ~ row.id}/${row.name|upper}", {"vars": {"a": [1]}}, TASK_NAMES)
    assert isinstance(made, Template)
    copy = pickle.loads(pickle.dumps(made))
    assert copy == made
    assert {made: 1}[copy] == 1
    assert isinstance(copy, Template)
    assert copy.render(ROW) == made.render(ROW) == "[1]5/ADA"


def test_a_template_cannot_be_changed_and_never_shows_what_is_bound() -> None:
    made = Template("${secret ~ row.id}").bind({"secret": "hunter2"})
    assert "hunter2" not in repr(made)
    with pytest.raises(AttributeError):
        made.source = "x"  # type: ignore[misc]


def test_a_template_tells_every_text_that_was_put_into_it() -> None:
    made = Template("a/${s}/${v ~ row.id}").bind({"s": "one", "v": {"x": ["two"]}})
    assert {"one", "two"} <= {piece.strip("/") for piece in made.texts()}


def test_equal_sources_with_other_bound_values_are_not_equal() -> None:
    template = Template("${a}/${b}")
    assert template.bind({"a": 1}) != template.bind({"a": 2})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("${rwo.id}", "${rwo.id}: unknown name 'rwo'; did you mean 'row'?"),
        ("${row.idd}", "${row.idd}: there is no 'idd'; did you mean 'id'?"),
        ("${row['idd'] ~ 1}", "there is no 'idd'; did you mean 'id'?"),
        ("${row.id.x}", "a number has no attribute 'x'"),
        ("${zzz + 1}", "unknown name 'zzz'; expected one of index, row"),
        ("${row.name | uper}", "unknown filter 'uper'; did you mean 'upper'?"),
        ("${row.id is evn}", "unknown test 'evn'; did you mean 'even'?"),
        ("${[row.idd]}", "there is no 'idd'"),
        ("${row.id", "'${' is never closed by '}'"),
        ("${}", "the expression is empty"),
        ("${row id}", "unexpected 'id' after the expression"),
        ("${row.}", "${row.}: "),
        ("${1 + 'a'}", "unsupported operand"),
        ("${1 // 0}", "division"),
        ("${row.name[9]}", "text of length 3 has no item 9"),
        ("x${row.empty}", "expected text or a number, found null"),
        ("x${row}", "expected text or a number, found a mapping"),
        ("${row.name.upper}", "a method must be called; add ()"),
    ],
)
def test_failures_name_the_expression_and_the_reason(source: str, reason: str) -> None:
    assert reason in failure(source)


def test_an_upper_case_name_is_taken_for_a_forgotten_env() -> None:
    assert failure("${HOME}", {"env": {}}).endswith("environment variables are written ${env.HOME}")


class Refusing(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        raise KeyError(f"{key} is kept in the vault")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("source", ["${env.A}", "${env['A']}", "${env.A ~ 'x'}", "a${env.A}"])
def test_a_mapping_that_explains_its_missing_keys_is_quoted(source: str) -> None:
    assert failure(source, {"env": Refusing()}).endswith("A is kept in the vault")


def test_an_unset_variable_can_have_a_default() -> None:
    assert resolve("${env.A | default('x')}", {"env": Environ({})}, frozenset()) == "x"


def test_the_environment_never_shows_its_values() -> None:
    assert "hunter2" not in repr(Environ({"A": "hunter2"}))


@pytest.mark.parametrize(
    "attack",
    [
        "''.__class__",
        "row.__class__.__mro__",
        "row['__class__']",
        "''['__class__']",
        "row.items.__globals__",
        "'{0.__class__}'.format(row)",
        "row | attr('__class__')",
        "[''] | map(attribute='__class__') | list",
        "self",
        "cycler",
        "range(3)",
        "lipsum()",
        "dict(a=1)",
        "row.name.encode()",
        "row.update({'a': 1})",
        "[].append(1)",
        "row.name.upper.__self__",
    ],
)
def test_nothing_but_data_can_be_reached(attack: str) -> None:
    assert failure(f"${{{attack}}}")


@pytest.mark.parametrize(
    "bomb",
    [
        "'a' * 10**9",
        "10**9 * 'a'",
        "[1] * 10**9",
        "10**10**10**10**10",
        "9**9**9**9 | length",
        "'%9999999999d' % 1",
        "'a'.zfill(10**9)",
        "'a'.ljust(10**9)",
        "'a' | center(10**9)",
        "'a' | indent(10**9)",
        "1 | round(10**9, 'ceil')",
        "1 | round(0 - 10**9)",
        "('a' * 10**6) | replace('a', 'b' * 10**6)",
        "('a,' * 10**5) .split(',') | join('b' * 10**6)",
        "(" * 900 + "1" + ")" * 900,
        "1" + "+1" * 900,
        "-" * 1500 + "1",
        "'" + "a" * 5000 + "'",
        "[" * 800 + "]" * 800,
    ],
)
def test_a_small_expression_cannot_make_something_huge(bomb: str) -> None:
    assert len(failure(f"${{{bomb}}}")) < 250


def test_a_tree_is_rendered_wherever_a_template_stands() -> None:
    tree = {"a": [Template("${row.id}"), 1, None], "b": (Template("x${index}"),), "c": "${row.id}"}
    assert render(tree, ROW) == {"a": [5, 1, None], "b": ("x3",), "c": "${row.id}"}


def test_text_is_text_or_a_failure() -> None:
    assert text("${not a template}", {}) == "${not a template}"
    assert text(Template("${row.id}"), ROW) == "5"
    assert text(Template("${true}"), {}) == "true"
    with pytest.raises(TemplateFailed, match=r"\$\{row\}: expected text or a number, found a mapping"):
        text(Template("${row}"), ROW)


def test_a_missing_task_value_is_a_failure_at_render() -> None:
    with pytest.raises(TemplateFailed, match="unknown name 'row'"):
        Template("${row.id}").render({})
    with pytest.raises(TemplateFailed, match="unknown name 'row'"):
        Template("${row.id + 1}").render({})


def test_simple_names_never_load_jinja() -> None:
    program = (
        "import sys; from crawler.syntax.template import Template as T;"
        "assert T('${row.id}/${name}').render({'row': {'id': 1}, 'name': 'n'}) == '1/n';"
        "assert 'jinja2' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@given(st.text(st.sampled_from("${}()[]'\"\\ab.|+1 ~"), max_size=30))
def test_any_text_is_resolved_or_refused(source: str) -> None:
    with suppress(TemplateFailed):
        result = resolve(source, {"a": "x", "b": {"a": 1}}, frozenset())
        assert not isinstance(result, Template)


@given(st.text(max_size=30), st.text(max_size=30))
def test_values_come_out_as_they_went_in(before: str, value: str) -> None:
    literal = before.replace("${", "$${")
    if literal.endswith("$"):
        literal += " "
    assert resolve(literal + "${v}", {"v": value}, frozenset()) == (
        literal.replace("$${", "${") + value if literal else value
    )
