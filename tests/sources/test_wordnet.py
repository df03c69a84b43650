"""WordNet's files: what a line says, and that no definition stands on two sides."""

from pathlib import Path

import pytest

from twinview.core.errors import DataError
from twinview.data.text_source import TextSource, TokenOptions
from twinview.sources.wordnet import FILES, wordnet

TOKENS = TokenOptions(kind="words", vocabulary=300, length=8, joined=False)
LICENCE = "  1 This software and database is being provided to you, the LICENSEE\n"
VERB = (
    "00001740 29 v 02 breathe 0 take_a_breath 0 001 * 00005041 v 0000 01 + 02 00 | draw air "
    'into, and expel out of, the lungs; "I can breathe"; "The patient is respiring"  \n'
)
ADJECTIVE = "00004413 00 a 01 abridged(p) 0 000 | shortened by writing  \n"
ADVERB = "00001837 02 r 01 barely 0 000 | shortened by writing  \n"


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    Path("raw").mkdir()
    lines = dict(zip(FILES, ("", VERB, ADJECTIVE, ADVERB), strict=True))
    for name, line in lines.items():
        Path("raw", name).write_text(LICENCE + line)
    return folder


def read(smallest_class: int = 1) -> TextSource:
    return wordnet(folder="raw", origin="folder", smallest_class=smallest_class, tokens=TOKENS)


def test_companions_are_the_definition_the_examples_and_the_words() -> None:
    source = read()
    assert source.texts[0] == (
        "draw air into, and expel out of, the lungs",
        "I can breathe The patient is respiring",
        "breathe, take a breath",
    )
    assert source.texts[1] == ("shortened by writing", "", "abridged")
    assert source.labels.labels == ("verb.body", "adj.all", "adv.all")
    assert list(source.ids) == [1_0000_1740, 2_0000_4413, 3_0000_1837]
    assert source.origins[0] == "data.verb:00001740"


def test_equal_definitions_are_one_group_and_others_are_none() -> None:
    assert read().labels.groups == (None, "shortened by writing", "shortened by writing")


def test_small_classes_count_as_unlabelled() -> None:
    assert read(smallest_class=2).labels.labels == (None, None, None)


@pytest.mark.parametrize("line", ["no synset\n", "x 29 v 01 a 0 000 | b\n", "1 77 v 01 a 0 | b\n"])
def test_a_line_of_another_form_is_refused_with_its_place(line: str) -> None:
    Path("raw/data.verb").write_text(LICENCE + line)
    with pytest.raises(DataError, match=r"data\.verb, line 2 is no synset"):
        read()


def test_a_missing_file_is_named() -> None:
    Path("raw/data.adv").unlink()
    with pytest.raises(DataError, match=r"data\.adv is missing"):
        read()
