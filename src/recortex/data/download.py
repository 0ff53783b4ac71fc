"""One published file from the network to this disk: whole, as published, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from recortex import disk
from recortex.data.archives import sweep
from recortex.errors import CannotWrite, MissingData, RecortexError, shown
from recortex.unfinished import Unfinished

TIMEOUT_S = 30.0
AT_ONCE = 2**18


def download(
    url: str, target: Path, whose: str = "", size: int | None = None, sha256: str | None = None, elsewhere: str = disk.DATA
) -> Path:
    """Fetch a file, asking its host once.

    Parameters
    ----------
    url : str
    target : Path
        Where it is to stand; what stands there is replaced once the new file is whole.
    whose : str
        What messages begin with.
    size : int, optional
        Bytes that it must have.
    sha256 : str, optional
        That it must have, or the beginning of it.
    elsewhere : str
        How a person names another place for it.

    Raises
    ------
    MissingData
        There is no network, or the host gives no file, or another one.
    CannotWrite
        The disk did not take it.
    """
    with disk.refusals(target, elsewhere):
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target)
        free = shutil.disk_usage(target.parent).free
        if size is not None and size > free:
            raise CannotWrite(
                f"{target} needs {size:,} bytes and its disk has {free:,}; make room or name another with {elsewhere}"
            )
        with Unfinished(target) as unfinished:
            sink = _Sink(unfinished, size, elsewhere)
            wrong = _received(url, sink)
            if not wrong and size is not None and sink.count != size:
                wrong = f"gave {'more than ' if sink.is_over() else f'{sink.count:,} of '}{size:,} bytes"
            if not wrong and sha256 is not None and not sink.sum.hexdigest().startswith(sha256):
                wrong = "gave another file than was published (its sha256 differs)"
            if not wrong and not sink.count:
                wrong = "gave an empty file"
            if wrong:
                raise MissingData(f"{whose}{url} {wrong}; try again later, or download it elsewhere and put it here as {target}")
            unfinished.finish()
    return target


class _Sink:
    """Takes what comes, counts it, and stops a host that gives more than was published."""

    def __init__(self, unfinished: Unfinished, size: int | None, elsewhere: str):
        self.unfinished, self.size, self.elsewhere = unfinished, size, elsewhere
        self.count, self.sum = 0, hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.count += len(data)
        if self.is_over():
            raise ValueError("more than was published")
        self.sum.update(data)
        self.unfinished.write(data)
        with disk.refusals(self.unfinished.target, self.elsewhere):
            self.unfinished.check()

    def is_over(self) -> bool:
        return self.size is not None and self.count > self.size

    def flush(self) -> None:
        """Nothing is held back."""


def _received(url: str, sink: _Sink) -> str:
    """Let a sink take what a host gives; what went wrong, as the end of a sentence that the address begins."""
    import pooch
    import requests
    from urllib3.exceptions import ReadTimeoutError

    as_it_is = {"Accept-Encoding": "identity"}  # a host that packs what it sends would change what is counted and summed
    bar = sys.stderr.isatty()
    broke_off = "could not be fetched: the connection broke off"
    try:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=AT_ONCE, timeout=TIMEOUT_S, headers=as_it_is)(url, sink, None)
    except RecortexError:
        raise
    except requests.HTTPError as error:
        said = "" if error.response is None else f" {error.response.status_code} ({shown(error.response.reason or '')})"
        return f"could not be fetched: its host answers{said}"
    except requests.TooManyRedirects:
        return "could not be fetched: its host sends us round in a circle"
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        return broke_off
    except requests.exceptions.SSLError:
        return "could not be fetched: its host has no valid certificate, or something stands between"
    except (requests.Timeout, requests.ConnectionError) as error:
        if isinstance(error, requests.Timeout) or isinstance(error.args[0], ReadTimeoutError):
            return f"could not be fetched: its host was silent for {TIMEOUT_S:g} s"
        return broke_off if sink.count else "could not be reached: there is no network here, or its host is down"
    except (OSError, ValueError) as error:
        if not sink.is_over():
            return f"could not be fetched: {shown(' '.join(str(error).split()) or type(error).__name__, 200)}"
    return ""
