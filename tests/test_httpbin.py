"""Every request feature, as PyPI's httpbin behind a real WSGI server understood it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpbin
import pytest
import waitress

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

MANIFEST = """
version: 1
name: parity
vars: {base: "BASE"}
defaults:
  headers: {X-Team: data}
jobs:
  - {name: get, type: request, url: "${base}/get", params: {a: "1", b: [x, "y z"]},
     expect: {status: 200, json: {args: {a: "1", b: [x, "y z"]}, headers: {X-Team: data}}}}
  - {name: encoded, type: request, url: "${base}/anything/it%27s%2Fhere?q=%27a%27",
     expect: {text: "it's", json: {args: {q: "'a'"}}}}
  - {name: post-json, type: post, url: "${base}/post", json: {day: 1, tags: [a, b], nested: {ok: true}},
     expect: {json: {json: {day: 1, tags: [a, b], nested: {ok: true}},
                     headers: {Content-Type: application/json}}}}
  - {name: post-form, type: post, url: "${base}/post", form: {user: "ä b", many: ["1", "2"]},
     expect: {json: {form: {user: "ä b", many: ["1", "2"]},
                     headers: {Content-Type: application/x-www-form-urlencoded}}}}
  - {name: post-text, type: post, url: "${base}/post", text: "grüße",
     expect: {json: {data: "grüße", headers: {Content-Type: "text/plain; charset=utf-8"}}}}
  - {name: post-latin, type: post, url: "${base}/post", text: {content: "grüße", charset: iso-8859-1},
     expect: {json: {headers: {Content-Length: "5", Content-Type: "text/plain; charset=iso-8859-1"}}}}
  - {name: post-bytes, type: post, url: "${base}/post", data: "AP8Q",
     expect: {json: {data: "data:application/octet-stream;base64,AP8Q",
                     headers: {Content-Type: application/octet-stream}}}}
  - {name: post-file, type: post, url: "${base}/post", body_file: body.txt,
     headers: {Content-Type: text/x-notes}, expect: {json: {data: "from a file\\n",
                                                            headers: {Content-Type: text/x-notes}}}}
  - name: post-multipart
    type: post
    url: ${base}/post
    multipart:
      note: plain value
      report: {file: body.txt, filename: "Bericht ä.txt", content_type: text/csv}
    expect: {json: {form: {note: plain value}, files: {report: "from a file\\n"}}}
  - {name: put, type: request, method: PUT, url: "${base}/put", json: {a: 1}, expect: {json: {json: {a: 1}}}}
  - {name: patch, type: request, method: PATCH, url: "${base}/patch", json: {a: 2}, idempotency_key: "p-1",
     expect: {json: {json: {a: 2}, headers: {Idempotency-Key: p-1}}}}
  - {name: delete, type: request, method: DELETE, url: "${base}/delete", expect: {status: 200}}
  - {name: head, type: request, method: HEAD, url: "${base}/get",
     expect: {status: 200, content_type: application/json}}
  - {name: options, type: request, method: OPTIONS, url: "${base}/get", expect: {headers: {Allow: "re:GET"}}}
  - {name: basic, type: request, url: "${base}/basic-auth/ann/s3cret-word",
     auth: {user: ann, password: s3cret-word},
     expect: {json: {authenticated: true, user: ann}}}
  - {name: digest, type: request, url: "${base}/digest-auth/auth/ann/s3cret-word/MD5",
     auth: {type: digest, user: ann, password: s3cret-word}, expect: {json: {authenticated: true}}}
  - {name: bearer, type: request, url: "${base}/bearer", auth: {token: t0ken-word},
     expect: {json: {authenticated: true, token: t0ken-word}}}
  - {name: cookies, type: request, url: "${base}/cookies", cookies: {flavour: oat},
     expect: {json: {cookies: {flavour: oat}}}}
  - {name: cookie-jar, type: request, url: "${base}/cookies/set?crumb=1", needs: [cookies],
     expect: {json: {cookies: {crumb: "1"}}}}
  - {name: redirect, type: request, url: "${base}/redirect/3", expect: {status: 200, json: {url: "BASE/get"}}}
  - {name: see-other, type: post, url: "${base}/redirect-to?url=/get&status_code=303", json: {a: 1},
     expect: {json: {url: "BASE/get"}}}
  - {name: gzip, type: request, url: "${base}/gzip", expect: {json: {gzipped: true}}}
  - {name: deflate, type: request, url: "${base}/deflate", expect: {json: {deflated: true}}}
  - {name: status, type: request, urls: ["${base}/status/404", "${base}/status/418"],
     expect: {status: [404, 418]}}
  - {name: answer-type, type: request, url: "${base}/html", expect: {content_type: text/html, text: Melville}}
  - {name: chunks, type: request, url: "${base}/stream-bytes/70000?chunk_size=1000&seed=1", save: chunks.bin}
  - {name: bytes, type: download, urls: ["${base}/bytes/50000?seed=2"], to: bytes.bin}
  - {name: image, type: download, urls: ["${base}/image/png"], to: "${name}.png",
     expect: {content_type: image/png}}
  - {name: send-up, type: upload, needs: [bytes], url: "${base}/post", files: bytes.bin, field: blob,
     fields: {kind: binary}, expect: {json: {form: {kind: binary}}}}
  - {name: send-raw, type: upload, needs: [bytes], url: "${base}/put", files: bytes.bin, as: raw,
     expect: {json: {headers: {Content-Length: "50000"}}}}
"""


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = waitress.create_server(httpbin.app, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_httpbin_understood_every_request(base: str, tmp_path: Path, run_crawler: RunCrawler) -> None:
    (tmp_path / "body.txt").write_text("from a file\n")
    (tmp_path / "parity.yaml").write_text(MANIFEST.replace("BASE", base))
    done = run_crawler("run", "parity.yaml", "-o", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["totals"]["failed"] == 0
    assert {job["outcome"] for job in report["jobs"]} == {"new"}
    assert len(report["jobs"]) == MANIFEST.count("- {name: ") + MANIFEST.count("- name: ")
    assert (tmp_path / "out/bytes.bin").stat().st_size == 50_000
    assert (tmp_path / "out/chunks.bin").stat().st_size == 70_000
    assert (tmp_path / "out/png.png").read_bytes().startswith(b"\x89PNG")
    assert "s3cret-word" not in done.stdout + done.stderr
    assert "t0ken-word" not in done.stdout + done.stderr
