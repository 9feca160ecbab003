"""One picture from a URL, bounded in every way against a hostile server."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache
from urllib.parse import quote

from shortlist.base.errors import PictureError
from shortlist.vision.images.header import MAX_BYTES

READ_TIMEOUT = 10.0  # seconds without a byte
TOTAL_TIMEOUT = 60.0  # seconds for all of it
MAX_REDIRECTS = 5
MAX_ATTEMPTS = 3
UNQUOTED = "%:/?#[]@!$&'()*+,;=~"  # all else is quoted: spaces and other alphabets
MISSING_STATUS = {404, 410}
RETRY_STATUS = {408, 425, 429, 500, 502, 503, 504}


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = (
        MAX_REDIRECTS  # and urllib follows them to http, https and ftp, of which the opener has no ftp
    )


@cache
def _opener() -> urllib.request.OpenerDirector:
    """Only http and https: no files, no data, no ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "shortlist"), ("Accept", "image/*")]
    return opener


def is_url(source: str) -> bool:
    """Whether a source is fetched rather than read from disk."""
    return source.startswith(("http://", "https://"))


def fetch(url: str, *, wait: Callable[[float], None] = time.sleep) -> bytes:
    """What is at ``url``; a server that is busy or unreachable is tried again, MAX_ATTEMPTS times in all.

    Raises PictureError: missing, too many bytes, or not fetched. Private addresses are fetched like any others,
    since they are the catalogue's own.
    """
    for attempt in range(MAX_ATTEMPTS):
        if attempt:
            wait(0.5 * 4 ** (attempt - 1))
        try:
            return _once(url)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in MISSING_STATUS:
                raise PictureError("missing", f"nothing is at {url}") from error
            problem = f"{url} answers {error.code}"
            if error.code not in RETRY_STATUS:
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"{url}: {error}"
    raise PictureError("not fetched", problem)


def _once(url: str) -> bytes:
    end = time.monotonic() + TOTAL_TIMEOUT
    data = bytearray()
    with _opener().open(quote(url, safe=UNQUOTED), timeout=READ_TIMEOUT) as answer:
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > MAX_BYTES:
            raise PictureError("too many bytes", f"{url} has {int(length):,}: {MAX_BYTES:,} are the most")
        while part := answer.read1(1 << 16):
            data += part
            if len(data) > MAX_BYTES:
                raise PictureError("too many bytes", f"{url} has more than {MAX_BYTES:,}")
            if time.monotonic() > end:
                raise TimeoutError(f"not done after {TOTAL_TIMEOUT:.0f} s")
    if length.isdecimal() and len(data) < int(length):
        raise OSError("the connection broke")
    return bytes(data)
