"""Whatever stands in a manifest, loading it gives a manifest or located problems, never a crash."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.config import Config
from crawler.errors import ManifestInvalid
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.load import parse

SCALARS = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            1,
            -1,
            2.5,
            10**30,
            "",
            "a",
            "b",
            "x y",
            "https://x/",
            "ftp://x/",
            "${vars.v}",
            "${v}",
        ),
        *(
            "${row.a}",
            "${name}",
            "${env.A}",
            "${env}",
            "${vars}",
            "${env.NO}",
            "${",
            "$${x}",
            "a\r\nb",
            "\u202e",
        ),
        *(
            "1s",
            "re:(",
            "../x",
            "/abs",
            "*.x",
            "-",
            "gone.csv",
            "${matrix.m}",
            "${job}",
            "${1/0}",
            "${v.x.y}",
        ),
        *("https://u:p@x/", "https://[::1", "https://x:99999/", "Z" * 300, "${index}", "${env.A ~ index}"),
    ]
)
KEYS = st.sampled_from(
    sorted(
        {"version", "vars", "defaults", "jobs", "v", "m", "url", "to", "total", "file", "job", "password"}
        | {
            field.alias or name
            for kind in JOB_TYPES.values()
            for name, field in kind.spec.model_fields.items()
        }
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def jobs(draw: st.DrawFn) -> object:
    job = draw(st.dictionaries(KEYS, VALUES, max_size=5))
    frame = {"name": draw(st.sampled_from(["a", "b", "c"])), "type": draw(st.sampled_from([*JOB_TYPES, "x"]))}
    sources: list[dict[str, object]] = [{}, {"url": "https://x/"}, {"urls": ["https://x/", "https://x/y"]}]
    source = draw(st.sampled_from(sources))
    return {**job, **source, **frame} if draw(st.integers(0, 9)) else job


MANIFESTS = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 1, 1, 2]), "jobs": st.lists(jobs(), max_size=3) | VALUES},
    optional={
        "vars": st.dictionaries(KEYS, VALUES, max_size=3),
        "defaults": VALUES,
        "hosts": VALUES,
        "name": VALUES,
    },
)


@settings(deadline=None, max_examples=300)
@given(MANIFESTS, st.sampled_from([(), ("a",)]))
def test_any_manifest_gives_jobs_or_located_problems(manifest: object, only: tuple[str, ...]) -> None:
    seen = outcome(json.dumps(manifest), only)
    assert seen
    assert all("s3cret-value" not in line for line in seen)


def outcome(text: str, only: tuple[str, ...]) -> list[str]:
    """What a person may see of it: the problems, or the manifest."""
    try:
        loaded = parse(
            text,
            "m.yaml",
            folder=Path("/nonexistent"),
            config=Config(),
            environ={"A": "s3cret-value"},
            now=datetime(2024, 1, 1),
            only=only,
        )
    except ManifestInvalid as error:
        return list(map(str, error.problems))
    return [repr(loaded), *(job.name for job in loaded.jobs)]
