"""``${needs.JOB.NAME}``: the values that earlier jobs of a run captured, as templates name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crawler.errors import TemplateFailed
from crawler.syntax.expression import chains
from crawler.syntax.template import NEEDS, Template


@dataclass(frozen=True, slots=True)
class Reference:
    """A job and the name of one of its captured values, as a template writes them."""

    job: str
    name: str


def references(template: Template) -> Iterator[Reference]:
    """Every captured value that the template names.

    Raises ``TemplateFailed`` for a use of ``needs`` that does not say which value, for that could not be
    checked before the run.
    """
    for piece in template.waiting(NEEDS):
        for keys in chains(piece, NEEDS, template.bound):
            if len(keys) < 2 or keys[0] is None or keys[1] is None:
                raise TemplateFailed(f"{piece.source}: {_expected(keys)}")
            yield Reference(keys[0], keys[1])


def _expected(keys: tuple[str | None, ...]) -> str:
    job = keys[0] if keys and keys[0] is not None else None
    if keys and None in keys[:2]:
        return "which captured value this is must be known when the manifest loads; expected needs.JOB.NAME"
    shown = "needs.JOB" if job is None else f"needs.{job}" if job.isidentifier() else f"needs[{job!r}]"
    return f"expected the name of a captured value, as in ${{{shown}.NAME}}"


class Lost(Mapping[str, object]):
    """Stands for the values of a job that captured none: whoever asks for one is told why."""

    __slots__ = ("_why",)

    def __init__(self, why: str) -> None:
        self._why = why

    def __getitem__(self, name: str) -> object:
        raise KeyError(f"there is no {str(name)[:60]!r}: {self._why}")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
