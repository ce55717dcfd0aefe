"""The environment as templates see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Environ(Mapping[str, str]):
    """``env`` of ``${env.NAME}``: an unset variable says so. Values never show in its repr."""

    __slots__ = ("_variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> str:
        try:
            return self._variables[name]
        except KeyError:
            raise KeyError(f"the environment variable {str(name)[:60]} is not set") from None

    def __iter__(self) -> Iterator[str]:
        """Refused: whoever could list them could send them all. Raises TypeError."""
        raise TypeError("env cannot be listed; expected the name of a variable, as in ${env.HOME}")

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"Environ({len(self)} variables)"
