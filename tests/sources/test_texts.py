"""Texts of the user: what is read of each kind of file, and the one error of each bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.data.text_source import TextColumns, TextSource, TokenOptions
from twinview.sources.texts import texts

TOKENS = TokenOptions(kind="words", vocabulary=300, length=8, joined=True)
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
ROWS = [
    {"title": "a cat", "body": "", "label": "007", "group": "x", "split": "train"},
    {"title": "ein Hund", "body": "läuft, schnell", "label": "1", "group": "", "split": "dev"},
]


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    return folder


def read(path: str, layout: str | None = None, **columns: Any) -> TextSource:
    named: dict[str, Any] = {"texts": ("title",), "label": None, "group": None, "split": None}
    wanted = TextColumns(**named | columns)
    return texts(path=path, columns=wanted, layout=layout, split_names=SPLITS, tokens=TOKENS)  # type: ignore[arg-type]


def write_csv(path: str, separator: str = ",", encoding: str = "utf-8") -> None:
    lines = [separator.join(ROWS[0]), *(separator.join(f'"{c}"' for c in r.values()) for r in ROWS)]
    Path(path).write_text("\n".join(lines), encoding=encoding)


def write_tsv(path: str) -> None:
    write_csv(path, "\t")


def write_json_lines(path: str) -> None:
    rows = [{key: value or None for key, value in row.items()} for row in ROWS]
    Path(path).write_text("\n\n".join(json.dumps(row) for row in rows) + "\n")


def write_parquet(path: str) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("path", "write"),
    [("t.csv", write_csv), ("t.tsv", write_tsv), ("t.jsonl", write_json_lines),
     ("t.parquet", write_parquet)],
)  # fmt: skip
def test_every_kind_of_file_gives_the_same_texts(path: str, write: Callable[[str], None]) -> None:
    write(path)
    columns = {"texts": ("title", "body"), "label": "label", "group": "group", "split": "split"}
    source = read(path, **columns)
    assert list(source.texts) == [("a cat", ""), ("ein Hund", "läuft, schnell")]
    assert source.labels.labels == ("007", "1") and source.labels.groups == ("x", None)
    assert source.labels.splits == ("train", "validation")
    assert list(source.ids) == [0, 1] and [path.name for path in source.files] == [path]


def test_a_folder_gives_its_txt_files_with_labels_by_folder() -> None:
    for name, text in (("good/a.txt", "fine"), ("bad/b.TXT", "\ufeffpoor"), ("bad/c.pdf", "")):
        (file := Path("own", name)).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    source = read("own", "label")
    assert dict(zip(source.origins, source.texts, strict=True)) == {
        "bad/b.TXT": ("poor",),
        "good/a.txt": ("fine",),
    }
    assert source.labels.labels == ("bad", "good")
    before = dict(zip(source.origins, source.ids, strict=True))
    Path("own/bad/a.txt").write_text("another")
    assert before.items() <= dict(zip((s := read("own")).origins, s.ids, strict=True)).items()


BAD: list[tuple[str, bytes, type[TwinviewError], str]] = [
    ("t.csv", "title\nnaïve".encode("latin-1"), DataError, "line 2, is not UTF-8 text"),
    ("t.jsonl", '{"title": "naïve"}'.encode("latin-1"), DataError, "is not UTF-8 text"),
    ("t.csv", b"titel\na cat", ConfigError, "has no column 'title'.*name 'titel'"),
    ("t.jsonl", b'{"titel": "a"}', ConfigError, "has no key 'title'"),
    ("t.csv", b'title\n"a\0b"', DataError, "line 2, column 'title', holds a NUL byte"),
    ("t.jsonl", b'{"title": "a\\u0000b"}', DataError, "line 1, column 'title', holds a NUL byte"),
    ("t.jsonl", b'{"title": "a"}\n{"title":', DataError, "line 2 is no JSON"),
    ("t.jsonl", b'["a"]', DataError, "line 1 is no JSON object"),
    ("t.jsonl", b'{"title": 1.5}', DataError, "has 1.5 as 'title', which is no text"),
    ("t.jsonl", b"\n", DataError, "has no rows"),
    ("t.csv", b"", DataError, "is empty"),
    ("own/a.txt", b"\xff\xfea", DataError, "a.txt is not UTF-8 text"),
    ("own/a.txt", b"a\0b", DataError, "a.txt holds a NUL byte"),
    ("own/a.md", b"a", DataError, "holds no .txt file"),
]


@pytest.mark.parametrize(("name", "content", "error", "said"), BAD)
def test_a_bad_file_gives_one_error_with_its_place(
    name: str, content: bytes, error: type[TwinviewError], said: str
) -> None:
    (file := Path(name)).parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    with pytest.raises(error, match=said):
        read(name.split("/")[0])


def test_a_missing_file_and_an_unknown_split_are_refused() -> None:
    for path in ("t.csv", "t.jsonl"):
        with pytest.raises(ConfigError, match=rf"{path} does not exist"):
            read(path)
    Path("t.csv").write_text("title,split\na,holdout\n")
    with pytest.raises(DataError, match="line 2 has the split 'holdout'"):
        read("t.csv", split="split")


def test_a_line_of_many_megabytes_is_read() -> None:
    Path("t.jsonl").write_text(json.dumps({"title": "word " * 2_000_000}))
    assert len(read("t.jsonl").texts[0][0]) == 10_000_000
