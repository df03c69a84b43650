"""A git that refuses to answer, as in a repository of another user."""

import os

import pytest


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git finds that every repository is another user's, whatever the real settings say."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", os.devnull)
