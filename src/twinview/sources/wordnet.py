"""WordNet 3.0: the meanings of English words, of Debian's package wordnet-base.

A meaning (synset) has a definition, sentences that use it, and the words that have it. Its class is
its lexicographer file, such as noun.animal. WordNet's licence allows any use
(/usr/share/doc/wordnet-base/copyright). `man wndb` describes the files, `man lexnames` the classes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from annotated_types import Ge
from pydantic import AfterValidator

from twinview.core import declare
from twinview.core.errors import DataError
from twinview.core.paths import inside_project, root
from twinview.data.fetching import find_or_unpack
from twinview.data.labels import Labels, unlabel_small_classes
from twinview.data.text_source import TextSource, TokenOptions

DEBIAN_PACKAGE = "wordnet-base"
DEBIAN_FOLDER = Path("usr/share/wordnet")
FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# By their numbers.
CLASSES = (
    "adj.all",
    "adj.pert",
    "adv.all",
    "noun.Tops",
    "noun.act",
    "noun.animal",
    "noun.artifact",
    "noun.attribute",
    "noun.body",
    "noun.cognition",
    "noun.communication",
    "noun.event",
    "noun.feeling",
    "noun.food",
    "noun.group",
    "noun.location",
    "noun.motive",
    "noun.object",
    "noun.person",
    "noun.phenomenon",
    "noun.plant",
    "noun.possession",
    "noun.process",
    "noun.quantity",
    "noun.relation",
    "noun.shape",
    "noun.state",
    "noun.substance",
    "noun.time",
    "verb.body",
    "verb.change",
    "verb.cognition",
    "verb.communication",
    "verb.competition",
    "verb.consumption",
    "verb.contact",
    "verb.creation",
    "verb.emotion",
    "verb.motion",
    "verb.perception",
    "verb.possession",
    "verb.social",
    "verb.stative",
    "verb.weather",
    "adj.ppl",
)
_OFFSETS = 10**8  # an offset in a file has 8 digits
_QUOTED = re.compile(r'"([^"]*)"')
_POSITION = re.compile(r"\((a|p|ip)\)$")  # marks where an adjective may stand


class Synset(NamedTuple):
    """A meaning. number: of its lexicographer file. lemmas: its words, with spaces."""

    offset: int
    number: int
    lemmas: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]


def wordnet(
    *,
    folder: Annotated[str, AfterValidator(inside_project)],
    origin: Literal["folder", "debian"],
    smallest_class: Annotated[int, Ge(1)],
    tokens: TokenOptions,
) -> TextSource:
    """All meanings; the companions are the definition, the example sentences, and the words.

    Meanings with the same definition are one group, so that they fall into one split.

    Parameters
    ----------
    folder : where the package's files lie, or are put unless the package is installed; it is inside
        the project's folder.
    origin : folder fetches nothing; debian fetches Debian's package where it is missing.
    smallest_class : the meanings of smaller classes are unlabelled.
    tokens : how texts become tokens.

    Raises
    ------
    DataError : the files are not there and could not be fetched, or are broken.
    """
    place = find_or_unpack(
        root() / folder, origin, DEBIAN_PACKAGE, DEBIAN_FOLDER, "sources.wordnet"
    )
    synsets = [
        (number, name, synset)
        for number, name in enumerate(FILES)
        for synset in _read_synsets(place / name)
    ]
    counts = Counter(of.definition for _, _, of in synsets)
    groups = tuple(of.definition if counts[of.definition] > 1 else None for _, _, of in synsets)
    labels = Labels(tuple(CLASSES[of.number] for _, _, of in synsets), groups)
    return TextSource(
        [(of.definition, " ".join(of.examples), ", ".join(of.lemmas)) for _, _, of in synsets],
        [number * _OFFSETS + of.offset for number, _, of in synsets],
        [f"{name}:{of.offset:08}" for _, name, of in synsets],
        unlabel_small_classes(labels, smallest_class),
        tokens,
    )


DECLARES = declare.Source(modality="text")


def _read_synsets(path: Path) -> Iterator[Synset]:
    """The meanings of a file. Raises DataError when it is missing or has another form."""
    if not path.is_file():
        raise DataError.at(path, "is missing", "delete its folder and run `dvc repro`")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith(" "):
            continue  # the licence
        try:
            yield _parse_synset(line)
        except (ValueError, IndexError) as error:
            place = f"{path}, line {number}"
            raise DataError.at(
                place, f"is no synset ({error})", "put the file there as the package has it"
            ) from None


def _parse_synset(line: str) -> Synset:
    """The meaning of a line. Raises ValueError or IndexError for a line of another form."""
    data, gloss = line.split(" | ", 1)
    offset, number, _, count, *rest = data.split(" ")
    words = rest[: 2 * int(count, 16) : 2]
    lemmas = tuple(_POSITION.sub("", word).replace("_", " ") for word in words)
    definition = gloss.partition('"')[0].strip(" ;")
    CLASSES[int(number)]
    return Synset(int(offset), int(number), lemmas, definition, tuple(_QUOTED.findall(gloss)))
