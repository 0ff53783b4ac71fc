"""A hub that cannot be reached, and its cache in a folder of the test's own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch) -> Path:
    """Where the hub's cache lies in this test; nothing in it, and no network."""

    def unreachable(*args, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(HfApi, "list_repo_files", unreachable)  # which would try for half a minute
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"
