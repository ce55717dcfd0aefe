"""A small good file of every row format."""

from __future__ import annotations

import io

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

METALINK_4 = f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="pub/disk.img">
    <size>4</size>
    <hash type="md5">{"a" * 32}</hash>
    <hash type="sha-256">{SHA}</hash>
    <pieces length="262144" type="sha-256"><hash>{"b" * 64}</hash></pieces>
    <metaurl mediatype="torrent" priority="1">http://a.example/disk.torrent</metaurl>
    <url location="de">http://last.example/disk.img</url>
    <url priority="2">http://second.example/disk.img</url>
    <url priority="1">http://first.example/disk.img</url>
    <url priority="1">ftp://first.example/disk.img</url>
  </file>
  <file name="other.txt"><url>http://a.example/other.txt</url></file>
</metalink>
"""

METALINK_3 = f"""<?xml version="1.0"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
  <files>
    <file name="a.iso">
      <verification><hash type="sha1">{"c" * 40}</hash>
        <pieces type="sha1" length="1"><hash piece="0">{"d" * 40}</hash></pieces></verification>
      <resources>
        <url type="bittorrent" preference="100">http://a.example/a.iso.torrent</url>
        <url type="http" preference="10">http://slow.example/a.iso</url>
        <url type="http" preference="90">http://fast.example/a.iso</url>
      </resources>
    </file>
  </files>
</metalink>
"""

SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <!-- one -->
  <url><image:image><image:loc>http://a.example/1.png</image:loc></image:image>
    <loc> http://a.example/1?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod></url>
  <url><loc><![CDATA[http://a.example/2]]></loc><priority>0.5</priority></url>
</urlset>
"""

ARIA2 = f"""# made by hand
http://a.example/x.bin\thttp://b.example/x.bin
  out=renamed.bin
  dir=sub
  checksum=sha-256={SHA}
  header=X-One: 1
  referer=http://a.example/
  gid=0123456789abcdef

http://a.example/y.bin
"""


def parquet_bytes() -> bytes:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    table = pyarrow.table({"url": [f"http://a.example/{n}" for n in range(50)], "id": list(range(50))})
    parquet.write_table(table, out, row_group_size=20)
    return out.getvalue()


def samples() -> dict[str, bytes]:
    """By the format's name; a second file of one format has a name behind a dash."""
    return {
        "lines": b"http://a.example/1\n# no\nhttp://a.example/2\n",
        "csv": b'id,url\n1,http://a.example/1\n2,"http://a.example/2"\n',
        "tsv": b"id\turl\n1\thttp://a.example/1\n",
        "jsonl": b'{"url": "http://a.example/1", "n": [1, {"a": null}]}\n{"url": "http://a.example/2"}\n',
        "parquet": parquet_bytes(),
        "aria2": ARIA2.encode(),
        "metalink": METALINK_4.encode(),
        "metalink-3": METALINK_3.encode(),
        "sha256sums": f"{SHA}  a b.iso\n{'e' * 128} *c.iso\nSHA256 (d.iso) = {SHA}\n".encode(),
        "sitemap": SITEMAP.encode(),
        "sitemap-utf16": SITEMAP.replace("UTF-8", "UTF-16").encode("utf-16"),
    }
