"""Pairs of options: which are ranges and which are not."""

import pytest
from pydantic import TypeAdapter, ValidationError

from twinview.settings.ranges import PositiveRange, ShareRange


@pytest.mark.parametrize("pair", [(0.2, 0.2), (1e-9, 1.0)])
def test_a_share_range_rises_within_zero_and_one(pair: tuple[float, float]) -> None:
    assert TypeAdapter(ShareRange).validate_python(pair) == pair


@pytest.mark.parametrize("pair", [(0.0, 1.0), (0.2, 1.1), (0.2, 0.1), (0.2,)])
def test_what_is_no_share_range_is_rejected(pair: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ShareRange).validate_python(pair)


def test_a_positive_range_may_exceed_one_but_not_fall() -> None:
    assert TypeAdapter(PositiveRange).validate_python((0.5, 4.0)) == (0.5, 4.0)
    with pytest.raises(ValidationError, match=r"the low end 4\.0 is above the high end 0\.5"):
        TypeAdapter(PositiveRange).validate_python((4.0, 0.5))
