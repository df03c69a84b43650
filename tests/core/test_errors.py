"""An error's sentence, and its parts."""

from twinview.core.errors import ConfigError, Fault


def test_an_error_is_one_sentence_of_place_problem_and_remedy() -> None:
    error = ConfigError.at("pretrain.micro_batch", "is 256, which does not fit", "set it to 128")
    assert str(error) == "pretrain.micro_batch is 256, which does not fit; set it to 128"
    assert error.fault == Fault(
        "pretrain.micro_batch", "is 256, which does not fit", "set it to 128"
    )
    assert error.faults == () and ConfigError("another").fault is None
