"""What every test stands on: a cache and data folder of its own, one thread, and no data but what it asks for."""

import os
import signal

# before NumPy is first imported: xdist has a process a core already
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from pathlib import Path

import pytest
from hypothesis import settings

# a shell that starts the tests in the background has them ignore Ctrl-C, and what they start inherits it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"

# the same examples everywhere; a shared machine has slow moments, which are no failures
settings.register_profile("recortex", derandomize=True, deadline=None, database=None)
settings.load_profile("recortex")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this test and the processes it starts; data and mirrors of the person at the keyboard stay out."""
    root = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("RECORTEX_CACHE", str(root / "cache"))
    monkeypatch.setenv("RECORTEX_DATA", str(root / "data"))
    monkeypatch.delenv("RECORTEX_MIRROR", raising=False)
    return root


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real data beside the repository, as a mirror; also as ``@pytest.mark.usefixtures("shared")``."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"{SHARED} is not here; it holds the real data of this test")
    monkeypatch.setenv("RECORTEX_MIRROR", str(SHARED / "data"))
    return SHARED
