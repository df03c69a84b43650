"""Tables of labels: people's files are read as they are, and errors name file, line and value."""

import os
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.data.label_tables import Columns, read_labels
from twinview.data.labels import Labels

PATHS = ["a.jpg", "b.jpg", "sub/c.jpg"]
TWO = Columns(path="path", label="label", group=None, split=None)
ALL = Columns(path="path", label="label", group="group", split="split")
TEXTS = ("NA", "007", "true", "1e3", "nan", "None", "1.0", "-")


def read(
    folder: Path, content: str | bytes, columns: Columns = TWO, paths: list[str] = PATHS
) -> Labels:
    file = folder / "labels.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(file, columns, folder, paths)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("space", ["", " "])
def test_a_table_is_read_as_any_program_writes_it(
    separator: str, end: str, encoding: str, quote: str, space: str, tmp_path: Path
) -> None:
    after = "" if quote else space  # a space after a closing quote is an error of its own
    rows = [("path", "label"), ("a.jpg", "chat noir"), ("b.jpg", "é"), ("sub/c.jpg", "")]
    lines = [separator.join(f"{space}{quote}{cell}{quote}{after}" for cell in row) for row in rows]
    content = (end.join(lines) + end).encode(encoding)
    assert read(tmp_path, content).labels == ("chat noir", "é", None)


def test_a_quoted_cell_may_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    labels = read(tmp_path, 'path,label\na.jpg,"x, ""y"";\nz"\nb.jpg,q\n').labels
    assert labels == ('x, "y";\nz', "q", None)


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"path,label\na.jpg,{text}\n").labels == (text, None, None)


@pytest.mark.parametrize("cell", ["", " ", '""'])
def test_only_an_empty_cell_is_no_label(cell: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"path,label\na.jpg,{cell}\nb.jpg,x\n").labels == (None, "x", None)


def test_all_columns_are_read_by_their_names_in_any_order(tmp_path: Path) -> None:
    content = "split,path,who,label,more\ntest,sub/c.jpg,p1,x,1\n,a.jpg,,,\n"
    labels = read(
        tmp_path, content, Columns(path="path", label="label", group="who", split="split")
    )
    assert labels.labels == (None, None, "x")
    assert labels.groups == (None, None, "p1")
    assert labels.splits == (None, None, "test")
    assert any(note.endswith("columns that are not read: 'more'") for note in labels.notes)


def test_a_column_that_is_not_named_is_none_for_all(tmp_path: Path) -> None:
    labels = read(tmp_path, "path,label\na.jpg,x\n")
    assert labels.groups is None and labels.splits is None


def test_a_table_of_paths_alone_needs_no_separator(tmp_path: Path) -> None:
    columns = Columns(path="path", label=None, group=None, split=None)
    labels = read(tmp_path, "path\nx, y.jpg\n", columns, ["x, y.jpg"])
    assert labels.labels is None and labels.notes == ()


def test_without_paths_the_rows_are_the_examples_in_order(tmp_path: Path) -> None:
    columns = Columns(path=None, label="label", group=None, split=None)
    assert read(tmp_path, "label\nx\ny\nz\n", columns).labels == ("x", "y", "z")
    with pytest.raises(DataError, match="has 2 rows for 3 examples; give each example its row"):
        read(tmp_path, "label\nx\ny\n", columns)


@pytest.mark.parametrize("cell", ["./sub/c.jpg", "sub\\c.jpg", " sub/c.jpg ", "{folder}/sub/c.jpg"])
def test_a_path_may_be_written_in_another_way(cell: str, tmp_path: Path) -> None:
    labels = read(tmp_path, f"path,label\n{cell.format(folder=tmp_path)},x\n").labels
    assert labels == (None, None, "x")


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_may_be_composed_or_decomposed(forms: tuple[str, str], tmp_path: Path) -> None:
    in_folder, in_table = (unicodedata.normalize(form, "é.jpg") for form in forms)
    assert read(tmp_path, f"path,label\n{in_table},x\n", paths=[in_folder]).labels == ("x",)


def test_of_two_files_the_one_with_exactly_this_name_is_meant(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    for paths in ([decomposed, composed], [" a.jpg", "a.jpg"], ["a.jpg", "A.jpg"]):
        for number, name in enumerate(paths):
            labels = read(tmp_path, f'path,label\n"{name}",x\n', paths=paths).labels
            assert labels == tuple("x" if row == number else None for row in range(2))


def test_what_is_not_as_usual_is_counted(tmp_path: Path) -> None:
    notes = read(tmp_path, "path,label\na.jpg,x\na.jpg,x\n\n,\nb.jpg\n").notes
    assert [note.partition(": ")[2] for note in notes[:3]] == [
        "rows that repeat an earlier row: 1",
        "1 of 3 files have no row",
        "lines that end before the last column: 1",
    ]
    assert notes[3] == "2 of 3 examples have no label"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is empty; its first line has to name the columns"),
        ("\n\n", r"is empty; "),
        ("path,label\n", r"has no rows; add one"),
        ("path,label\n,\n\n", r"has no rows; add one"),
        (
            "path,lable\na.jpg,x\n",
            r"line 1 has no column 'label' \(it has 'path', 'lable'\); na.*'la",
        ),
        ("\npath,x\na.jpg,x\n", r"line 2 has no column 'label'"),
        ("path,label,label\na.jpg,x,y\n", r"line 1 has more than one column 'label'"),
        ("path,label\na.jpg,x\nd.jpg,y\n", r"line 3 names the file 'd.jpg', which is not among"),
        (
            "path,label\nd,y\ne,x\nf,x\n",
            r"line 2 names the file 'd', .* files \(such rows: 3\); remove",
        ),
        ("path,label\nA.JPG,y\n", r"line 2 names .*'A.JPG', .*; write 'a.jpg', which differs in c"),
        ("path,label\nb,y\n", r"line 2 names the file 'b', .*; write the whole path .* 'b.jpg'"),
        ("path,label\nc.jpg,y\n", r"line 2 names .*; write the whole path .* as 'sub/c.jpg'"),
        ("path,label\n,x\n", r"line 2 names no file; write the file's path"),
        ("path,label\na.jpg,x,y\n", r"line 2 has 3 cells \('a.jpg, x, y'\) where line 1 names 2"),
        ('path,label\n"\n",\n"a.jpg,x\n', r"line 4 is no line of a table \(unexpected end"),
        (
            "path,label\na.jpg,x\nb.jpg,z\na.jpg,y\n",
            r"line 4 gives 'a.jpg' the label 'y', .* 2 giv",
        ),
        ("path,label\na.jpg,x\na.jpg,\n", r"line 3 gives 'a.jpg' no label, where .* the label 'x'"),
        (b"path,label\na.jpg,x\nb.jpg,\xe9\n", r"line 3, is not UTF-8 text: .*; save it as CSV"),
        (b"PK\x03\x04rest", r"is a spreadsheet or another zip file; save it as CSV"),
        (b"PAR1rest", r"is no whole Parquet file"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_the_line(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TwinviewError, match=rf"labels\.csv.*{message}"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "a.jpg,x,p,Test",
            r"line 3 has the split 'Test', which is none of train, validation, test",
        ),
        ("b.jpg,x,q,", r"line 3 gives 'b.jpg' the group 'q', where .* 2 gives it the group 'p'"),
        ("b.jpg,x,p,test", r"line 3 gives 'b.jpg' the split 'test', where .* 2 gives it no split"),
    ],
)
def test_groups_and_splits_are_checked_alike(row: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"path,label,group,split\nb.jpg,x,p,\n{row}\n", ALL)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.csv does not exist; name a CSV, TSV or"):
        read_labels(tmp_path / "absent.csv", TWO, tmp_path, PATHS)


def parquet(folder: Path, labels: pa.Array) -> Labels:
    file = folder / os.fspath("labels.table")
    pq.write_table(pa.table({"path": PATHS, "label": labels}), file)
    return read_labels(file, TWO, folder, PATHS)


def test_a_parquet_table_is_known_by_its_content_and_its_text_stays_text(tmp_path: Path) -> None:
    assert parquet(tmp_path, pa.array(["NA", None, ""])).labels == ("NA", None, None)
    assert parquet(tmp_path, pa.array([7, None, 10])).labels == ("7", None, "10")
    assert parquet(tmp_path, pa.array([True, False, None])).labels == ("true", "false", None)
    texts = pa.array(["x", "007", None]).dictionary_encode()
    assert parquet(tmp_path, texts).labels == ("x", "007", None)


@pytest.mark.parametrize("content", ["path,label\na.jpg,x\n", "version https://git-lfs", ""])
def test_a_text_that_is_named_as_parquet_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "labels.PARQUET"
    file.write_text(content)
    with pytest.raises(DataError, match=r"is named as Parquet, but its content is not; write it"):
        read_labels(file, TWO, tmp_path, PATHS)


def test_fractions_in_a_parquet_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has a column 'label' of double; write the column as te"):
        parquet(tmp_path, pa.array([1.0, None, 3.0]))
