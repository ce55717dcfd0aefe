"""``python -m crawler.demo``: the sample site alone, for trying manifests against."""

from __future__ import annotations

import asyncio

from crawler.demo.site import serving

PORT = 8000  # what the example manifests name


async def _serve() -> None:
    async with serving(port=PORT) as base:
        print(f"The sample site is at {base}; Ctrl-C ends it.", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        print()
    except OSError as error:
        raise SystemExit(f"port {PORT} of 127.0.0.1 cannot be opened: {error.strerror}") from None


if __name__ == "__main__":
    main()
