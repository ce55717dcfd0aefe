"""What a crawl archives: every answer as it came, nothing twice, whole whatever happens, and no secret."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from tests.cli.crawls import Crawls, crawl_manifest
from tests.cli.running import started, wait_until
from tests.cli.test_bugs import assert_nowhere
from tests.serving.arrivals import Arrivals
from tests.serving.site import Site, pages
from tests.store.archives import bodies, everything, index, warcio_check

ARCHIVE = "to: null\nwarc: {max_bytes: 64KiB}"


def archives(crawls: Crawls) -> list[Path]:
    return sorted((crawls.output / "warc").glob("*.warc.gz"))


def test_every_answer_is_archived_byte_for_byte(site: Site, web: Arrivals, crawls: Crawls) -> None:
    paths = pages(site, 12)
    big = random.Random(1).randbytes(2_000_000)
    site.put("/big.bin", big, "application/octet-stream")
    site.move("/old", "/part1/page1.html")
    site.page("/", *paths[1:], "/big.bin", "/old")
    done = crawls.run(crawl_manifest(crawls.folder, web, ARCHIVE))
    assert done.ran.returncode == 0, done.ran.stderr
    code, said = warcio_check(*archives(crawls))
    assert code == 0, said
    kept = bodies(everything(crawls.output))
    for path in (*paths, "/big.bin"):
        assert kept[web.url(path)] == site.documents[path].body, path
    assert kept[web.url("/old")] == b""
    listed = {told["url"] for path in archives(crawls) for _, _, told in index(path)}
    assert listed == {web.url(path) for path in (*paths, "/big.bin", "/old")}
    assert len(archives(crawls)) > 1  # it began a new file


def test_the_second_crawl_adds_revisits_only(site: Site, web: Arrivals, crawls: Crawls) -> None:
    paths = pages(site, 8)
    site.put("/untagged", "plain", "text/plain", tagged=False)
    site.page("/", *paths[1:], "/untagged")
    path = crawl_manifest(crawls.folder, web, ARCHIVE)
    crawls.run(path)
    first = everything(crawls.output)
    again = crawls.run(path)
    assert again.counts == {"unchanged": 9}
    records = everything(crawls.output)[len(first) :]
    assert warcio_check(*archives(crawls))[0] == 0
    visits = [each for each in records if each.kind in ("response", "revisit")]
    assert [each.kind for each in visits] == ["revisit"] * 9
    targets = {each.url: each for each in first if each.kind == "response"}
    for each in visits:
        earlier = targets[each.url]
        assert each["WARC-Refers-To"] == earlier["WARC-Record-ID"]
        assert each["WARC-Refers-To-Date"] == earlier["WARC-Date"]
        profile = "identical-payload-digest" if "untagged" in (each.url or "") else "server-not-modified"
        assert each["WARC-Profile"].endswith(profile)


def test_an_archive_that_was_torn_is_whole_after_the_next_run(
    site: Site, web: Arrivals, crawls: Crawls
) -> None:
    paths = pages(site, 30)
    site.hold = 0.01
    path = crawl_manifest(crawls.folder, web, ARCHIVE.replace("64KiB", "1GiB"))
    with started("run", path, cwd=crawls.folder) as process:
        wait_until(lambda: len(web.log) > 12)
        process.kill()
    (torn,) = (crawls.output / "warc").glob("*.open")
    with torn.open("ab") as file:  # half a record, as a power cut leaves it
        file.write(gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\n" + bytes(500))[:60])
    done = crawls.run(path)
    assert done.ran.returncode == 0, done.ran.stderr
    assert "an earlier run left it open" in done.ran.stderr
    assert not list((crawls.output / "warc").glob("*.open"))
    assert warcio_check(*archives(crawls))[0] == 0
    kept = bodies(everything(crawls.output))
    assert {web.url(each): site.documents[each].body for each in paths} == kept


def test_a_run_that_adds_nothing_closes_what_was_left_open(site: Site, web: Arrivals, crawls: Crawls) -> None:
    pages(site, 3)
    path = crawl_manifest(crawls.folder, web, ARCHIVE)
    assert crawls.run(path).ran.returncode == 0
    (whole,) = archives(crawls)
    whole.rename(f"{whole}.open")  # as a run leaves it that is killed when its last page is recorded
    whole.with_name(whole.name.replace(".warc.gz", ".cdxj")).unlink()
    assert crawls.run(path, "--retry-failed").paths == []
    assert archives(crawls) == [whole]
    assert len(bodies(everything(crawls.output))) == len(index(whole)) == 3


SECRET = "c4nary+s3cret/=x"
LITERAL = "l1teral-t0ken"


@pytest.mark.parametrize(
    "keys", ["warc: true", "warc: true\nconvert_links: true\nextract: {fields: {t: h1}}"]
)
def test_no_secret_of_the_manifest_is_kept_or_told(
    keys: str, site: Site, web: Arrivals, crawls: Crawls
) -> None:
    quoted = "c4nary%2Bs3cret%2F%3Dx"
    site.traps.append(lambda path: site.documents.get(path.partition("?")[0]))
    site.page("/start", "/page", "/gone")
    site.page("/page", "/start", "/start?token=other", headers=[("X-Echo", SECRET)])
    site.move("/login", f"/page?again={quoted}")
    more = """
headers: {X-Api-Key: "${env.CANARY_KEY}"}
cookies: {session: "${env.CANARY_KEY}"}
params: {sig: "${env.CANARY_KEY}"}"""
    path = crawl_manifest(crawls.folder, web, keys + more, start="/start")
    text = path.read_text().replace(
        f"start: {web.url('/start')}",
        f'start: ["{web.url("/start")}?token=${{env.CANARY_KEY|urlencode}}", '
        f'"{web.url("/login")}?token={LITERAL}"]',
    )
    path.write_text(text)
    done = crawls.run(path, "-vv", env={"CANARY_KEY": SECRET})
    assert done.ran.returncode in (0, 4), done.ran.stderr
    sent = [each for each in done.asked if each.path.startswith("/start")]
    assert sent
    assert all(each.headers["x-api-key"] == SECRET for each in done.asked if each.path != "/robots.txt")
    texts = [done.ran.stdout, done.ran.stderr]
    texts += [(crawls.folder / name).read_text() for name in ("report.json", "events.jsonl")]
    packed = b"".join(gzip.decompress(each.read_bytes()) for each in archives(crawls))
    names = "\n".join(str(each) for each in crawls.output.rglob("*"))
    for secret in (SECRET, LITERAL):
        assert_nowhere(secret, *texts, packed, names, crawls.output)
    again = crawls.run(path, env={"CANARY_KEY": SECRET})
    assert again.counts["new"] == 0
