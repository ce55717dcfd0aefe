"""Settings from where they are written to one ``Config``, with every mistake at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from crawler.config.model import Config
from crawler.config.settings import environment_settings, flag_settings
from crawler.errors import ManifestInvalid, Problem
from crawler.syntax import yaml
from crawler.syntax.checked import check
from crawler.syntax.environ import Environ
from crawler.syntax.resolved import resolved
from crawler.syntax.spec import Spec

S = TypeVar("S", bound=Spec)

_NONE: Mapping[str, object] = MappingProxyType({})


def load_config(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] = _NONE
) -> Config:
    """The settings of this machine and run.

    The file is ``path``, else ``CRAWLER_CONFIG``, else ``crawler/config.yaml`` in the user's config
    folder, else none. ``CRAWLER_*`` variables win over it, and ``overrides`` (nested, from flags) over
    both. Raises ``ManifestInvalid`` with the problems of all three.
    """
    file = _config_file(path, environ)
    from_environment, problems = environment_settings(environ)
    weak, found = _layers([] if file is None else [_file_layer(file, environ)])
    strong, more = _layers([setting.layer for setting in (*from_environment, *flag_settings(overrides))])
    config = reduce(_overlay, [*weak, *strong], Config())
    problems = [*found, *problems, *more]
    if config.tls.client_key is not None and config.tls.client_cert is None:
        problems.append(Problem(str(file or "config"), 0, 0, "tls.client_key needs tls.client_cert"))
    if problems:
        raise ManifestInvalid(problems)
    config._forced = frozenset(key for layer in strong for key in _keys_set(layer))
    return config


def _layers(readers: Iterable[Callable[[], Config]]) -> tuple[list[Config], list[Problem]]:
    """What each reader gives, and the problems of those that give none."""
    layers: list[Config] = []
    problems: list[Problem] = []
    for read in readers:
        try:
            layers.append(read())
        except ManifestInvalid as error:
            problems += error.problems
    return layers, problems


def _config_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environ.get("CRAWLER_CONFIG"):
        return Path(named)
    from platformdirs import user_config_path  # imported here: most runs name their config or have none

    usual = user_config_path("crawler", appauthor=False) / "config.yaml"
    try:
        return usual if usual.is_file() else None
    except OSError:  # another user's home, under cron or systemd
        return None


def _file_layer(path: Path, environ: Mapping[str, str]) -> Callable[[], Config]:
    def read() -> Config:
        file = str(path)
        try:
            with path.open("rb") as stream:
                content = stream.read(yaml.MAX_BYTES + 1)
        except OSError as error:
            raise ManifestInvalid([Problem(file, 0, 0, f"cannot be read: {error.strerror}")]) from None
        node = yaml.parse(content, file, allow_empty=True)
        if node.value is None:
            return Config()
        value, problems = resolved(node, {"env": Environ(environ)}, frozenset(), file)
        if problems:
            raise ManifestInvalid(problems)
        return check(Config, node, value, file)

    return read


def _overlay(base: S, top: S) -> S:
    """``base`` with what ``top`` sets; nested settings are laid over one by one."""
    update: dict[str, object] = {}
    for name in top.model_fields_set:
        old, new = getattr(base, name), getattr(top, name)
        update[name] = _overlay(old, new) if isinstance(new, Spec) and isinstance(old, Spec) else new
    return base.model_copy(update=update)


def _keys_set(spec: Spec, prefix: str = "") -> Iterator[str]:
    for name in spec.model_fields_set:
        value = getattr(spec, name)
        if isinstance(value, Spec):
            yield from _keys_set(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
