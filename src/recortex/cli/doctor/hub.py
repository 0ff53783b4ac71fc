"""Where weights and data come from and go to: the Hugging Face hub and its cache, ``RECORTEX_MIRROR``, the data folder."""

from __future__ import annotations

import os
import re
import shlex
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from recortex.cli.doctor.cache import try_folder
from recortex.cli.doctor.examination import Scope
from recortex.cli.doctor.finding import Finding, note, number, ok, one_line, problem

TIMEOUT_S = 3.0
ELSEWHERE = "export HF_HUB_OFFLINE=1 HF_HOME=FOLDER RECORTEX_MIRROR=FOLDER  # folders filled on a machine with internet"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def look_hub(scope: Scope) -> list[Finding]:
    """Ask the hub once, and try the folder of its downloads."""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    kept = judge_folder("hub", f"its cache {place}", try_folder(place).refused, not constants.HF_HUB_OFFLINE, "HF_HOME")
    if constants.HF_HUB_OFFLINE:
        return [ok("hub", "HF_HUB_OFFLINE is set: nothing is downloaded; its cache and RECORTEX_MIRROR are read"), kept]
    proxy = next((name for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy") if os.environ.get(name)), "")
    return [judge_hub(constants.ENDPOINT, proxy), kept]


def ask(endpoint: str, timeout_s: float = TIMEOUT_S) -> str:
    """Ask a host for its head, through the proxies of the environment; what is in the way, or empty."""
    told: list[str] = []
    # in a thread: looking up a name has no timeout, and takes half a minute on many a cluster node
    thread = threading.Thread(target=lambda: told.append(_ask(endpoint, timeout_s)), daemon=True)
    thread.start()
    thread.join(timeout_s + 0.5)
    return told[0] if told else f"does not answer within {timeout_s:.0f} s"


def _ask(endpoint: str, timeout_s: float) -> str:
    request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": "recortex-doctor"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            other = urlsplit(response.url).hostname
            return "" if other == urlsplit(endpoint).hostname else f"leads to {other}: a login page of your network?"
    except urllib.error.HTTPError as error:  # somebody is there
        refused = error.code >= 500 or error.code in (403, 407)
        return f"refuses (status {error.code}): its own trouble, or a proxy or firewall" if refused else ""
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return f"does not answer within {timeout_s:.0f} s"
        said = one_line(getattr(reason, "strerror", None) or reason, 100)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"has a certificate that is not trusted here ({said}): a proxy of your site that opens connections?"
        return f"cannot be reached ({said})"


def judge_hub(endpoint: str, proxy: str = "", asked: Callable[[str], str] = ask) -> Finding:
    """Can weights be downloaded; `proxy` is the name of the variable that names one."""
    if not re.match(r"https?://[\w.-]+(:\d+)?(/|$)", endpoint):
        what = "HF_ENDPOINT is no address: it must begin with http:// or https:// and name a host"
        return problem("hub", what, "unset HF_ENDPOINT  # the hub is then https://huggingface.co")
    asker = urlsplit(endpoint).netloc + (f" (through {proxy})" if proxy else "")
    start = time.perf_counter()
    trouble = asked(endpoint)
    if not trouble:
        return ok("hub", f"{asker} answers in {time.perf_counter() - start:.1f} s")
    what = f"{asker} {trouble}. The pipelines that come with recortex need no download; weights from the hub do"
    certificates = f"export SSL_CERT_FILE={CERTIFICATES} REQUESTS_CA_BUNDLE={CERTIFICATES}"
    return note("hub", what, certificates if "certificate" in trouble else ELSEWHERE)


def look_data(scope: Scope) -> list[Finding]:
    """The folders that data are looked for in."""
    from recortex.data.manifests import data_folder

    place = data_folder()
    by = "RECORTEX_DATA" if os.environ.get("RECORTEX_DATA") else "the default of this platform"
    # a folder that others fill may well be read-only
    kept = judge_folder("data", f"the data folder {place} ({by})", try_folder(place).refused, not place.is_dir(), "RECORTEX_DATA")
    return [*judge_mirrors(os.environ.get("RECORTEX_MIRROR", "")), kept]


def judge_mirrors(variable: str) -> list[Finding]:
    """Does each folder of a path list exist, and may it be read."""
    named = [text for text in variable.split(os.pathsep) if text]
    if not named:
        return [ok("data", "RECORTEX_MIRROR names no folder")]
    troubles = {text: _trouble(Path(text).expanduser()) for text in named}
    kept = [shlex.quote(str(Path(text).expanduser().absolute())) for text in named if not troubles[text]]
    remedy = f"export RECORTEX_MIRROR={os.pathsep.join(kept)}" if kept else "unset RECORTEX_MIRROR"
    findings = [problem("data", f"RECORTEX_MIRROR names {text}, {why}", remedy) for text, why in troubles.items() if why]
    return findings or [ok("data", f"RECORTEX_MIRROR names {number(len(named), 'folder')}, which can be read")]


def _trouble(folder: Path) -> str:
    try:
        next(os.scandir(folder), None)
    except FileNotFoundError:
        return "which does not exist"
    except NotADirectoryError:
        return "which is a file, not a folder"
    except OSError as error:
        return f"which cannot be read ({error.strerror})"
    return ""


def judge_folder(subject: str, told: str, refused: str, serious: bool, variable: str) -> Finding:
    """Can downloads be kept."""
    if refused:
        what = f"{told} cannot be written ({refused}): what is downloaded cannot be kept"
        return (problem if serious else note)(subject, what, f"export {variable}=FOLDER  # one that you may write to, with room")
    return ok(subject, told)
