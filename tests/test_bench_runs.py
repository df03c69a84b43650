"""Benchmarks run from end to end, small, where the libraries that they need are installed."""

import pytest

pytest.importorskip("lightly", reason="`make bench` installs it")
pytest.importorskip("kornia", reason="`make bench` installs it")

from benchmarks import nt_xent, views


def test_views_are_compared_at_each_size() -> None:
    found = views.measure(sizes=(28,), threads=(1,), rounds=1, least_s=0.01)
    assert {"views_28.vs_lightly", "views_28.vs_kornia", "views_28.vs_torchvision"} <= set(found)


def test_nt_xent_is_compared_in_time_and_memory() -> None:
    found = nt_xent.measure(sizes=(32, 1024), large=2048, rounds=1, least_s=0.01)
    assert found["nt_xent_1024.memory_share"] < 1
    assert {"nt_xent_32.vs_lightly", "nt_xent_2048.extra_mb"} <= set(found)
