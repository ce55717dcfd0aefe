"""Checksum files as row sources."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from crawler.model import Task
from tests.manifest.rows.reading import rows, tasks
from tests.manifest.rows.samples import SHA

URL = "http://h/pub/${row.name | urlencode}"


@pytest.mark.parametrize(
    ("command", "algorithm"),
    [
        (["sha256sum"], "sha256"),
        (["sha256sum", "--tag"], "sha256"),
        (["sha512sum", "-b"], "sha512"),
        (["md5sum"], "md5"),
        (["b2sum", "--tag"], "blake2b"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_list_by_its_own_tool_gives_urls_and_checksums(
    tmp_path: Path, command: list[str], algorithm: str
) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    names = ["a b.txt", "back\\slash", "line\nend", "plain"]
    for name in names:
        (tmp_path / name).write_text(name)
    made = subprocess.run([*command, *names], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "SHA256SUMS").write_bytes(made.stdout)
    found = tasks(tmp_path, {"file": "SHA256SUMS", "url": URL}, to="${index}")
    assert [task.url for task in found if isinstance(task, Task)] == [
        "http://h/pub/a%20b.txt",
        "http://h/pub/back%5Cslash",
        "http://h/pub/line%0Aend",
        "http://h/pub/plain",
    ]
    expected = [f"{algorithm}:{hashlib.new(algorithm, name.encode()).hexdigest()}" for name in names]
    assert [str(task.checksum) for task in found] == expected  # type: ignore[union-attr]


def test_a_signed_list_is_read_without_its_signature() -> None:
    signed = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

# a comment
{SHA}  ./a.iso

-----BEGIN PGP SIGNATURE-----

iQIzBAEBCgAdFiEE
-----END PGP SIGNATURE-----
"""
    assert rows("sha256sums", signed.encode()) == [{"name": "a.iso", "checksum": f"sha256:{SHA}"}]


def test_a_line_that_lists_no_file_is_located_and_the_next_goes_on() -> None:
    found = rows("sha256sums", f"404 Not Found\n{SHA}  a\nSHA384 (a) = {'0' * 96}\n".encode())
    assert found[0] == "in:1: expected a checksum and a name, as sha256sum writes them, found '404 Not Found'"
    assert found[1] == {"name": "a", "checksum": f"sha256:{SHA}"}
    assert str(found[2]).startswith("in:3: expected a checksum and a name")
