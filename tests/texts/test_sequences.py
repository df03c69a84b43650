"""Rows of tokens: compact ones, the text of an example, and who shares a text."""

import torch

from twinview.texts.sequences import compact, sharing, text_of

A, B, C, NONE = [5, 6, 0], [7, 0, 0], [8, 9, 3], [0, 0, 0]


def test_tokens_move_to_the_front_in_their_order() -> None:
    assert compact(torch.tensor([[0, 5, 0, 4], [1, 2, 3, 0]])).tolist() == [
        [5, 4, 0, 0],
        [1, 2, 3, 0],
    ]


def test_the_text_of_an_example_is_its_first_one_or_all_joined() -> None:
    inputs = torch.tensor([[A, B], [NONE, C], [NONE, NONE]])
    assert text_of(inputs, joined=False).tolist() == [A, C, NONE]
    assert text_of(inputs, joined=True).tolist() == [
        [5, 6, 7, 0, 0, 0],
        [8, 9, 3, 0, 0, 0],
        [0] * 6,
    ]


def test_examples_that_share_a_text_have_one_number_also_by_chains() -> None:
    inputs = torch.tensor([[A, B], [B, C], [C, NONE], [[1, 2, 3], NONE], [NONE, NONE]])
    first, second, third, alone, empty = sharing(inputs).tolist()
    assert first == second == third and len({first, alone, empty}) == 3
