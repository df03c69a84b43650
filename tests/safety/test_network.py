"""Nothing leaves the machine, and nothing listens to more than it; witnessed in every process."""

import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL

import pytest

from tests.support.commands import LONG_S, output, started
from tests.support.servers import free_port, wait_for
from tests.support.workspace import ROOT, make_workspace, tiny_params

WITNESS = Path(__file__).parent / "witness"
LOCAL = re.compile(r"^(127\.0\.0\.1|localhost|::1)('|$)|^/|^$|^None$")
TRAINING = """
from twinview.tracking import mlflow_runs
with mlflow_runs.pretraining({"pretrain": {"epochs": 1}}, "one", "one") as run:
    run.log({"loss": 1.0}, 1)
"""
# The process stays until it has been witnessed, since MLflow reports from a thread of its own.
UNTIL_TOLD = """
import os, pathlib, time
witness, until = pathlib.Path(os.environ["TWINVIEW_WITNESS"]), time.monotonic() + 60
while time.monotonic() < until:
    if witness.exists() and "mlflow-telemetry" in witness.read_text():
        break
    time.sleep(0.1)
"""
# What tells MLflow that nobody uses it: in CI it reports nothing anyway.
CI = ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "PYTEST_VERSION")

Told = Callable[..., list[str]]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project as it is cloned, and the environment of someone who has set nothing."""
    folder = tmp_path_factory.mktemp("network") / "project"
    environment = make_workspace(folder, tiny_params({}))
    for name in ("DVC_NO_ANALYTICS", *CI):
        environment.pop(name, None)
    environment["PYTHONPATH"] += f"{os.pathsep}{WITNESS}"
    return folder, environment


@pytest.fixture
def told(workspace: tuple[Path, dict[str, str]], tmp_path: Path) -> Told:
    """Runs a command; what its processes wanted of other machines, and of DVC's reporters."""
    folder, environment = workspace

    def run(*command: str, **more: str) -> list[str]:
        to = tmp_path / "witness"
        own = environment | {"TWINVIEW_WITNESS": str(to)} | more
        output(*command, cwd=folder, env=own)
        time.sleep(1)  # a reporter that is apart may still be starting
        return outward(to)

    return run


def outward(file: Path) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    pairs = [line.partition(" ")[::2] for line in lines]
    return [f"{event} {what}" for event, what in pairs if not is_local(event, what)]


def is_local(event: str, what: str) -> bool:
    """A bind to port 0 of nowhere is how a free one is asked for; nobody listens to it yet."""
    return bool(LOCAL.search(what.strip("b'()\"")))


def test_names_and_addresses_that_look_like_ours_are_not() -> None:
    for ours in ("('127.0.0.1', 80)", "('::1', 0, 0, 0)", "localhost", "b'localhost'", "/a/socket"):
        assert is_local("", ours), ours
    for other in ("('2606:4700::1', 443)", "localhost.example.org", "('10.127.0.0.1', 80)"):
        assert not is_local("", other), other


@pytest.mark.parametrize("command", [("status",), ("params", "diff"), ("exp", "show", "--csv")])
def test_dvc_reports_nothing(command: tuple[str, ...], told: Told) -> None:
    assert told("dvc", *command) == []


def test_the_witness_sees_dvc_s_reporter(
    told: Told, workspace: tuple[Path, dict[str, str]]
) -> None:
    """Without our .dvc/config it would report: the test above can fail."""
    own = workspace[0] / ".dvc/config.local"
    own.write_text("[core]\n    analytics = true\n")
    try:
        # To a closed port of this machine.
        seen = told("dvc", "version", DVC_ANALYTICS_ENDPOINT="http://127.0.0.1:9")
    finally:
        own.unlink()
    assert "daemon analytics" in seen


@pytest.mark.slow
def test_mlflow_reports_nothing_and_would(told: Told) -> None:
    assert told(sys.executable, "-c", TRAINING) == []
    seen = told(sys.executable, "-c", TRAINING + UNTIL_TOLD, MLFLOW_DISABLE_TELEMETRY="false")
    assert any("mlflow-telemetry" in line for line in seen)


def test_whoever_imports_our_tracking_first_has_mlflow_silent() -> None:
    asked = (
        "import twinview.tracking, os;"
        "from mlflow.telemetry.utils import is_telemetry_disabled as off;"
        "from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as bars;"
        "print(os.environ['MLFLOW_DISABLE_TELEMETRY'], off(), bars.get())"
    )
    environment = {k: v for k, v in os.environ.items() if k not in CI and "MLFLOW" not in k}
    said = output(sys.executable, "-c", asked, env=environment)
    assert said.split() == ["true", "True", "False"], "no reports; bars in no pipe"


def test_all_that_imports_mlflow_is_of_tracking_or_imports_it_before() -> None:
    """Two files run in a process of MLflow's, whose owner has imported it already."""
    theirs = {"serving/mlflow_model.py", "serving/pyfunc.py"}
    package = ROOT / "src/twinview"
    loose = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"^ *(import|from) mlflow", path.read_text(), re.MULTILINE)
        and path.parent.name != "tracking"
        and "\nfrom twinview.tracking import" not in path.read_text()
    }
    assert loose == theirs


@pytest.fixture
def ui(workspace: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[tuple[int, int, Path]]:
    """Process and port of `twinview ui` when it answers, and what it was witnessed to do."""
    folder, environment = workspace
    port = free_port()
    witness = tmp_path / "witness"
    own = environment | {"TWINVIEW_WITNESS": str(witness)}
    command = (sys.executable, "-m", "twinview.cli", "ui", "--port", str(port))
    with started(*command, cwd=folder, env=own, stdout=DEVNULL, stderr=DEVNULL) as process:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield process.pid, port, witness


@pytest.mark.slow
def test_mlflow_s_pages_are_for_this_machine_alone(ui: tuple[int, int, Path]) -> None:
    process, port, witness = ui
    listening = listened_on(process)
    assert f"0100007F:{port:04X}" in listening
    assert all(address.startswith("0100007F:") for address in listening), listening
    # A page elsewhere whose name leads here (DNS rebinding) gets nothing.
    url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1"
    foreign = urllib.request.Request(url, headers={"Host": "example.org"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(foreign, timeout=30)
    caught.value.close()
    assert caught.value.code == 403
    assert outward(witness) == []


@pytest.mark.slow
def test_several_processes_of_a_training_talk_on_this_machine_alone(
    workspace: tuple[Path, dict[str, str]],
) -> None:
    folder, environment = workspace
    own = environment | {"TWINVIEW_WITNESS": os.devnull}
    output("dvc", "repro", "views", limit_s=LONG_S, cwd=folder, env=own)
    settings = folder / "params.yaml"
    settings.write_text(settings.read_text().replace("processes: 1", "processes: 2"))
    seen: set[str] = set()
    command = (sys.executable, "-m", "pipeline.pretrain")
    with started(*command, cwd=folder, env=own, stdout=DEVNULL) as process:
        while process.poll() is None:
            seen |= listened_on(process.pid)
            time.sleep(0.1)
    assert process.returncode == 0
    assert len(seen) >= 2 and all(address.startswith("0100007F:") for address in seen), seen


def listened_on(process: int) -> set[str]:
    """Addresses, in the kernel's own writing, on which a process or its descendants listen."""
    open_sockets = set()
    for one in descendants(process):
        try:
            open_sockets |= {str(link.readlink()) for link in Path(f"/proc/{one}/fd").iterdir()}
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        found |= {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in open_sockets}
    return found


def descendants(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return [process]
    return [process, *(below for child in children for below in descendants(int(child)))]
