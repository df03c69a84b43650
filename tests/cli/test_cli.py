"""The command: exit statuses, and one paragraph in place of a traceback."""

import contextlib
import dataclasses
import importlib
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.commands import git, output
from tests.support.refusing import refuse
from tests.support.reports import report
from tests.support.workspace import ROOT
from twinview.cli import GROUPS, commands, main, repro, show, ui
from twinview.cli.outcome import Outcome
from twinview.core import errors, files, paths
from twinview.core.errors import BusyError
from twinview.evidence import scoreboard
from twinview.experiments import identity, seeds
from twinview.experiments.recorded_run import in_folder
from twinview.release import clean, promotion
from twinview.release.gate import Check
from twinview.release.promotion import Promotion
from twinview.stages import stage

Write = Callable[[dict[str, Any]], Path]
CHECK = Check("linear.accuracy", "floor", "0.9000", ">= 0.8000", True)


@pytest.fixture(autouse=True)
def repository(folder: Path) -> Path:
    """A project's folder, as far as that takes to be one."""
    git("init", "-q")
    (folder / ".dvc").mkdir()
    (folder / "dvc.yaml").touch()
    return folder


@pytest.fixture
def outside_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below no repository, wherever the tests run."""
    (repository / "alone/.dvc").mkdir(parents=True)
    monkeypatch.chdir(repository / "alone")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository))
    return repository / "alone"


def test_a_file_in_order_ends_well(write_params: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write_params({})
    assert main(["check"]) == 0
    assert capsys.readouterr() == ("twinview: params.yaml is in order\n", "")


def test_a_typo_ends_with_status_one_and_the_remedy(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"pretrain.method": "simlcr"})
    assert main(["check"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == (
        "twinview: params.yaml has 1 fault:\n"
        "  pretrain.method: methods has no 'simlcr'; did you mean 'simclr'? (it is 'simlcr')\n"
    )


def test_another_file_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "params.yaml"
    assert main(["check", "--params", str(path)]) == 0
    assert f"{path} is in order" in capsys.readouterr().out


def test_a_missing_file_ends_with_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    assert "params.yaml is missing; run in the project's folder" in capsys.readouterr().err


def test_outside_git_what_is_missing_is_said_and_all_is_well(
    outside_git: Path, write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({}).rename(outside_git / "params.yaml")
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "is in order" in said and "not a git repository" in said and "`git init`" in said


def test_where_git_refuses_its_reason_is_said_and_no_repository_is_made(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    refuse(monkeypatch)
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["git"] is None
    for arguments, status in ((["check"], 0), (["seeds", "2"], 1), (["compare"], 1)):
        assert main(arguments) == status
        said = "".join(capsys.readouterr())
        assert "git config --global --add safe.directory" in said and "git init" not in said


def test_where_git_refuses_dvc_is_not_told_that_there_is_no_git(
    write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    write_params({})
    refuse(monkeypatch)
    monkeypatch.setattr(repro, "dvc", lambda *given: ran.append(given) or 3)
    assert main(["repro"]) == 3
    assert ran == [("repro",)]


@pytest.mark.parametrize("arguments", [[], ["zzz"], ["check", "--zzz"], ["ui", "--port", "many"]])
def test_wrong_usage_ends_with_status_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "usage: twinview" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    said = capsys.readouterr().out
    assert caught.value.code == 0 and "Exit status" in said
    assert re.findall(r"^    (\w+)  ", said, re.M) == commands()


@pytest.mark.parametrize("columns", ["60", "200"])
def test_help_fits_the_terminal_and_is_never_wider_than_a_page(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (["--help"], ["clean", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= min(int(columns), 100)


def test_every_command_is_in_a_group() -> None:
    assert set(commands()) <= {name for names in GROUPS.values() for name in names}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    said = capsys.readouterr().out
    assert caught.value.code == 0 and "--json" in said and "--debug" in said
    assert len(re.findall(rf"^    \$ twinview {name}\b", said, re.M)) == 1


@pytest.mark.parametrize("name", commands())
def test_every_example_is_a_command_line_that_is_understood(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"twinview.cli.{name}")
    monkeypatch.setattr(module, "run", lambda options: Outcome("", None))
    (example,) = re.findall(r"^    \$ twinview (.*)", str(module.__doc__), re.M)
    assert main(shlex.split(example)) == 0


def test_help_loads_no_command() -> None:
    code = "import sys; from twinview.cli import main\ntry: main(['-h'])\nexcept SystemExit: pass\n"
    code += "sys.exit('torch' in sys.modules or 'pydantic' in sys.modules)"
    output(sys.executable, "-c", code)


@pytest.mark.parametrize("name", commands())
def test_ctrl_c_ends_every_command_with_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(options: object) -> Outcome:
        raise KeyboardInterrupt

    module = importlib.import_module(f"twinview.cli.{name}")
    monkeypatch.setattr(module, "run", run)
    (example,) = re.findall(r"^    \$ twinview (.*)", str(module.__doc__), re.M)
    assert main(shlex.split(example)) == 130
    assert capsys.readouterr() == ("", "twinview: stopped by Ctrl-C\n")


def test_ctrl_c_is_passed_on_when_dvc_has_ended(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DVC's stage may have to save first."""
    (tmp_path / "dvc.py").write_text(
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "time.sleep(.3)\n"
        "pathlib.Path('saved').touch()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write_params({})
    assert main(["repro"]) == 130
    assert Path("saved").exists()


def test_what_dvc_and_its_stages_print_is_not_in_the_json(
    write_params: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "dvc.py").write_text("import os; os.system('echo noise'); os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "stdout", os.fdopen(1, "w", closefd=False))  # as outside of pytest
    write_params({})
    assert main(["repro", "--json"]) == 3
    shown = capfd.readouterr()
    assert json.loads(shown.out) == {"error": "`dvc repro` ended with 3", "faults": []}
    assert "noise" in shown.err and "params.yaml is in order" in shown.err


def test_an_old_locale_reads_and_writes_utf_8(folder: Path) -> None:
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = (
        "from pathlib import Path; from twinview.core import commands, csv_files; "
        "csv_files.save_rows(Path('rows.csv'), [{'a': chr(233)}]); "
        "assert csv_files.load_rows(Path('rows.csv')) == [{'a': chr(233)}]; "
        "assert commands.git('config', 'user.name') == chr(233)"
    )
    git("config", "user.name", "é")
    output(sys.executable, "-c", code, env=os.environ | old)


def test_ctrl_c_ends_the_pages_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(command: list[str], **given: Any) -> None:
        assert json.loads(capsys.readouterr().out)["url"] == "http://127.0.0.1:5000/#/view"
        raise KeyboardInterrupt

    monkeypatch.setattr(ui, "page_address", lambda: "/#/view")
    monkeypatch.setattr(ui, "require_free_port", lambda port: None)
    monkeypatch.setattr(ui, "subprocess", SimpleNamespace(run=interrupted))
    assert main(["ui", "--json"]) == 130


def test_a_reader_that_has_enough_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in `twinview show | head -1`; a gate's status is still the gate's."""
    monkeypatch.setattr(show, "run", lambda options: Outcome("text", None, 1))
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["show"]) == 1
    assert capsys.readouterr().err == ""


def test_a_full_disk_behind_the_output_is_told(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["check"]) == 1
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert "the disk is full" in capsys.readouterr().err


def test_what_the_terminal_cannot_show_is_escaped(
    write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_ = io.BytesIO()
    write_params({}).rename("größe.yaml")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding="ascii"))
    assert main(["check", "--params", "größe.yaml"]) == 0
    assert bytes_.getvalue() == b"twinview: gr\\xf6\\xdfe.yaml is in order\n"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            PermissionError(13, "Permission denied", "reports/a"),
            "reports/a: Permission denied; see",
        ),
        (OSError(28, "No space left on device"), "No space left on device; the disk is full"),
        (OSError(30, "Read-only file system", "x"), "x: Read-only file system; the disk can only"),
        (NotADirectoryError(20, "Not a directory", "a/b"), "a/b: Not a directory; a file lies"),
        (OSError("odd"), "odd; TWINVIEW_DEBUG=1 shows where"),
    ],
)
def test_the_system_s_refusals_are_one_line(
    fault: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(options: object) -> Outcome:
        raise fault

    monkeypatch.setattr(show, "run", run)
    assert main(["show"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"twinview: {said}") and shown.count("\n") == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"encoder": 3}', '{"a": {"b": 1}}', "3"])
@pytest.mark.parametrize("file", ["metrics", "baselines", "pretrain/metrics"])
def test_broken_results_are_told(
    file: str, content: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report(repository)
    Path("reports/baselines.json").write_text(
        '{"raw": {"linear": {"accuracy": 0.8}, "knn": {"accuracy": 0.8}}}'
    )
    Path(f"reports/{file}.json").write_text(content)
    status, shown = main(["show"]), capsys.readouterr()
    if (file, content) != ("baselines", "{}"):  # a project without baselines
        assert status == 1 and f"reports/{file}.json" in shown.err and shown.err.count("\n") == 1


def test_json_is_all_that_is_printed(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "params": "params.yaml",
        "faults": [],
        "git": True,
    }


def test_check_lists_its_faults(write_params: Write, capsys: pytest.CaptureFixture[str]) -> None:
    write_params({"pretrain.epochs": 0, "heads.linear.aut": 3})
    assert main(["check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["faults"]
    assert [fault.partition(":")[0] for fault in found] == ["pretrain.epochs", "heads.linear.aut"]


def test_json_says_where_an_error_is_what_it_is_and_the_remedy(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    assert main(["embed", "nowhere", "--out", "features.xlsx", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["error"] == f"{said['place']} {said['problem']}; {said['remedy']}"
    assert said["faults"] == [] and "features.xlsx" in said["place"] + said["problem"]


@pytest.mark.parametrize("place", ["folder.csv", "file/x.csv"])
@pytest.mark.parametrize(
    "asked", ["embed . --out", "neighbours x.png --html", "export --onnx", "export --pt2"]
)
def test_a_place_where_no_file_can_be_written_is_refused_before_the_work(
    asked: str, place: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "folder.csv").mkdir()
    (folder / "file").touch()
    # There is no encoder here, so that a later refusal would name that.
    assert main([*asked.split(), place]) == 1
    assert f"{asked.split()[-1]} is {place}, " in capsys.readouterr().err


def test_json_says_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 1
    shown = capsys.readouterr()
    assert "params.yaml is missing" in json.loads(shown.out)["error"]
    assert "params.yaml is missing" in shown.err


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_port_in_use_ends_with_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = SimpleNamespace(run=lambda *given, **more: pytest.fail("started"))
    monkeypatch.setattr(ui, "subprocess", started)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["ui", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"twinview: port {port} cannot be used")
    assert "`twinview ui --port 5001`" in said


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_cannot_be_ends_with_status_one(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ui", f"--port={port}"]) == 1
    assert f"port {port} cannot be used" in capsys.readouterr().err


def test_mlflow_s_pages_are_opened_on_this_machine_only(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    def run(
        command: list[str], env: dict[str, str], **given: Any
    ) -> subprocess.CompletedProcess[str]:
        started.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(ui, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr(ui, "require_free_port", lambda port: None)
    assert main(["ui", "--port", "5077"]) == 0
    ((command, environment),) = started
    assert command[command.index("--host") + 1] == "127.0.0.1" and "5077" in command
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{repository / 'mlflow.db'}"


SMALL_GATE = {
    "gate.floors": {"linear.accuracy": 0.9, "knn.accuracy": 0.87},
    "gate.drops": {"linear.accuracy": 0.01},
    "gate.better_than_raw": ["linear.accuracy"],
}


def test_a_gate_that_holds_ends_well(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(SMALL_GATE)
    report(repository / "results", knn="0.88")
    assert main(["gate", "--results", "results"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[1:-1]] == ["ok"] * 4
    assert shown[-1] == "The gate holds. Thresholds: params.yaml."


def test_a_gate_that_fails_ends_with_status_one_and_shows_which(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(SMALL_GATE)
    report(repository)
    assert main(["gate"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[1:-1]] == ["ok", "FAIL", "ok", "ok"]
    assert shown[2].split() == ["FAIL", "knn.accuracy", "floor", "0.8600", ">=", "0.8700"]
    assert shown[-1].startswith("The gate fails: knn.accuracy (floor).")


def test_the_gate_of_a_base_compares_with_it_and_writes_a_table(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(SMALL_GATE)
    report(repository, linear="0.95", knn="0.88")
    Path("gate.md").write_text("what was there\n")
    git("add", "-A")
    git("commit", "-qm", "base")
    write_params({"gate.drops": {"linear.accuracy": 0.5}})
    report(repository, linear="0.93", knn="0.88")
    assert main(["gate", "--baseline", "HEAD", "--markdown", "gate.md", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    failed = [check for check in found["checks"] if check["holds"] is False]
    assert not found["holds"] and [check["name"] for check in failed] == ["linear.accuracy"]
    assert failed[0]["against"].startswith("baseline ")
    table = Path("gate.md").read_text()
    assert table.startswith("what was there\n### The gate fails: linear.accuracy (baseline ")
    assert "| FAIL | linear.accuracy | baseline " in table


def test_a_table_that_cannot_be_written_ends_with_status_one(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(SMALL_GATE)
    report(repository, knn="0.88")
    assert main(["gate", "--markdown", "nowhere/gate.md"]) == 1
    assert "--markdown is nowhere/gate.md, which cannot be written" in capsys.readouterr().err


def test_the_gate_of_an_unknown_base_ends_with_status_one(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    report(repository)
    assert main(["gate", "--baseline", "zzz"]) == 1
    assert "name a commit that exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("done", "said", "status"),
    [
        (Promotion("tiny", "3", True, [CHECK], 1), "registered as version 3 of tiny", 0),
        (
            Promotion("tiny", "3", False, [CHECK], 1),
            "version 3 of tiny already; it is champion now",
            0,
        ),
        (Promotion("tiny", "3", False, [], 1), "already; its card is about 1 training", 0),
        (Promotion("tiny", "3", False, [], 3), "already; its card is about 3 trainings", 0),
        (Promotion("tiny", None, False, [CHECK], 0), "nothing is registered; the champion", 1),
    ],
)
def test_promote_says_what_became_of_the_encoder(
    done: Promotion,
    said: str,
    status: int,
    write_params: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_params({})
    monkeypatch.setattr(promotion, "promote", lambda *given: done)
    assert main(["promote"]) == status and said in capsys.readouterr().out
    assert main(["promote", "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["registered"]) == (done.version, done.registered)


def test_promote_without_results_says_what_makes_them(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    assert main(["promote"]) == 1
    assert "reports/metrics.json is missing; `dvc repro` makes it" in capsys.readouterr().err


def test_generate_writes_the_files_that_the_project_keeps(repository: Path) -> None:
    for name in ("pipeline", "src"):
        (repository / name).symlink_to(ROOT / name)
    assert main(["generate"]) == 0
    for name in ("params.schema.json", "dvc.yaml"):
        assert (repository / name).read_bytes() == (ROOT / name).read_bytes()


def test_generate_without_code_writes_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate"]) == 1
    assert "has no pipeline/*.py" in capsys.readouterr().err
    assert (repository / "dvc.yaml").read_text() == "" and not Path("params.schema.json").exists()


def test_repro_checks_before_dvc_starts(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(repro, "dvc", lambda *given: pytest.fail("started"))
    write_params({"pretrain.epochs": 0})
    assert main(["repro"]) == 1
    assert "pretrain.epochs: input should be greater than or equal to 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["repro", "seeds", "promote"])
@pytest.mark.parametrize("settings_are_there", [True, False])
def test_a_wrong_folder_is_left_as_it_is(
    command: str,
    settings_are_there: bool,
    repository: Path,
    write_params: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (repository / ".dvc").rmdir()
    if settings_are_there:
        write_params({})
    before = list(repository.iterdir())
    assert main([command]) == 1
    assert "run in the project's folder" in capsys.readouterr().err
    assert list(repository.iterdir()) == before, "DVC takes any folder with a .dvc for a project"


def test_repro_ends_with_dvc_s_status(write_params: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(repro, "dvc", lambda *given: asked.append(given) or 255)
    write_params({})
    assert main(["repro", "views"]) == 255
    assert asked == [("repro", "views")]


def test_repro_of_named_stages_prints_no_results(
    write_params: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would be of the stages as they were before."""
    monkeypatch.setattr(repro, "dvc", lambda *given: 0)
    monkeypatch.setattr(show, "run", lambda options: pytest.fail("shown"))
    write_params({})
    assert main(["repro", "prepare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stages": ["prepare"]}


def test_repro_outside_git_tells_dvc_so(
    outside_git: Path, write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(repro, "dvc", lambda *given: asked.append(given) or 1)
    write_params({}).rename(outside_git / "params.yaml")
    main(["repro"])
    assert asked == [("config", "--local", "core.no_scm", "true"), ("repro",)]


def test_a_second_run_in_the_same_folder_is_refused(
    write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    with stage.folder_lock("repro"):
        assert main(["repro"]) == 1
    assert "another run is at work in" in capsys.readouterr().err


def test_a_lock_is_free_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), stage.folder_lock("views"):
        raise ZeroDivisionError
    with stage.folder_lock("views"), pytest.raises(BusyError), stage.folder_lock("views"):
        pytest.fail("two at once")


def test_different_stages_may_run_beside_each_other() -> None:
    with stage.folder_lock("views"), stage.folder_lock("baselines"):
        pass


def test_show_prints_our_encoder_beside_its_baselines(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report(repository)
    baselines = {"raw_pixels": {"linear": {"accuracy": 0.84}, "knn": {"accuracy": 0.8449}}}
    Path("reports/baselines.json").write_text(json.dumps(baselines))
    assert main(["show"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["linear", "knn"] in lines
    assert ["encoder", "0.910", "0.860"] in lines and ["raw_pixels", "0.840", "0.845"] in lines
    assert ["Pretraining:", "healthy."] in lines


def test_show_without_results_says_what_makes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == 1
    assert "reports/metrics.json is missing; `dvc repro` makes it" in capsys.readouterr().err


def test_show_says_that_results_are_of_other_settings(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({"pretrain.epochs": 3})
    report(repository)
    Path("reports/baselines.json").write_text("{}")
    stages = {"pretrain": {"params": {"params.yaml": {"pretrain.epochs": 3}}}}
    Path("dvc.lock").write_text(json.dumps({"stages": stages}))
    assert main(["show"]) == 0 and "Not the results of params.yaml" not in capsys.readouterr().out
    write_params({"pretrain.epochs": 2})
    assert main(["show"]) == 0
    said = "Not the results of params.yaml: pretrain ran with another pretrain.epochs than params"
    assert said in capsys.readouterr().out


def test_show_says_means_with_intervals_where_the_seeds_are_of_these_results(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_folder(write_params({}).parent)
    report(repository)
    Path("reports/baselines.json").write_text(
        '{"raw_pixels": {"linear": {"accuracy": 0.84}, "knn": {"accuracy": 0.84}}}'
    )
    values = {"linear.accuracy": (0.91, 0.93), "knn.accuracy": (0.86, 0.86)}
    values |= {"raw_pixels.linear.accuracy": (0.84, 0.84), "raw_pixels.knn.accuracy": (0.84, 0.85)}
    training = identity.digest(run.in_effect, None)
    known = seeds.Seeds(training, (0, 1), values, "2 cores", "torch 2")
    files.save_json(seeds.FILE, dataclasses.asdict(known))
    assert main(["show"]) == 0
    said = capsys.readouterr().out
    assert "0.920 ± 0.127" in said and "0.840 ± 0.000" in said and "2 training seeds" in said
    assert main(["show", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["seeds"]
    assert data["seeds"] == [0, 1]
    assert data["metrics"]["linear.accuracy"]["mean"] == pytest.approx(0.92)
    write_params({"pretrain.epochs": 3})
    assert main(["show"]) == 0
    said = capsys.readouterr().out
    assert " 0.910 " in said and "±" not in said and "of other settings or other data" in said


def test_compare_writes_a_page_and_a_table_of_what_git_has(
    write_params: Write, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    report(repository)
    Path("reports/baselines.json").write_text("{}")
    Path("dvc.lock").write_text("stages: {}")
    git("add", "-A")
    git("commit", "-qm", "results")
    assert main(["compare", "HEAD", "--metric", "knn.accuracy"]) == 0
    said = capsys.readouterr().out
    assert "0.860 *" in said and "reports/compare.html" in said
    assert "<title>Experiments side by side" in Path("reports/compare.html").read_text()
    assert "**0.860**" in Path("reports/compare.md").read_text()
    assert main(["compare", "HEAD", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"][0]["metrics"] == [
        "linear.accuracy",
        "knn.accuracy",
    ]


def test_compare_and_seeds_outside_git_name_the_remedy(
    outside_git: Path, write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({}).rename(outside_git / "params.yaml")
    for command in ("compare", "seeds"):
        assert main([command]) == 1
        assert f"twinview {command} needs a git repository" in capsys.readouterr().err


def test_measure_needs_a_commit_and_leaves_checkpoints_until_then(
    folder: Path, write_params: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params({})
    (kept := folder / paths.CHECKPOINTS / "training").mkdir(parents=True)
    assert main(["measure"]) == 1
    assert "twinview measure needs a git repository with a commit" in capsys.readouterr().err
    assert kept.exists()


def test_measure_removes_checkpoints_which_would_save_time(
    folder: Path, write_params: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params({})
    (gone := folder / paths.CHECKPOINTS / "training").mkdir(parents=True)
    monkeypatch.setattr(scoreboard, "require_measurable", lambda seeds: None)
    monkeypatch.setattr(
        scoreboard, "measure", lambda seeds: files.save_json(scoreboard.SCOREBOARD, {})
    )
    assert main(["measure"]) == 0
    assert not gone.exists()


def test_the_page_on_the_terminal_has_every_command_and_name() -> None:
    page = (ROOT / "docs/terminal.md").read_text(encoding="utf-8")
    modules = {name: importlib.import_module(f"twinview.cli.{name}") for name in commands()}
    summaries = {name: str(module.__doc__).partition("\n")[0] for name, module in modules.items()}
    table = page.partition("## For programs")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.M)) == summaries
    cleaned = page.partition("## What is on the disk")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", cleaned, re.M)) == set(clean.NAMES)


def test_the_page_on_the_terminal_has_every_exit_status() -> None:
    page = (ROOT / "docs/terminal.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| (\d+) \|", page.partition("## Exit status")[2], re.M)
    assert {"0", "1", "2", str(errors.INTERRUPTED)} <= set(stated)
