"""The fenced blocks and the commands of README, CONTRIBUTING and docs/, as they stand there."""

import re
import shlex
from collections.abc import Iterator

from tests.support.workspace import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"))
)
# How commands begin that no test of this kind runs, and why.
NOT_RUN = {
    "make try": "installs, fetches the data and trains",
    "make repro": "installs, fetches the data and trains for twenty minutes",
    "twinview repro": "runs the pipeline for minutes; tests/pipeline/ runs its stages",
    "source .venv/bin/activate": "make repro makes this environment",
    "make test": "this suite",
    "dvc exp run": "trains for minutes",
    "dvc queue start": "trains what is queued",
    "twinview seeds": "trains three times",
    "twinview use": "rewrites params.yaml; tests/cli/test_use.py runs it",
    "twinview compare HEAD~1": "names a branch and an experiment that a reader may have",
    "twinview compare simclr-1": "names experiments that the tutorial trains",
    "twinview check --json": "shows a fault; test_check_says_what_the_page_shows makes one",
    "twinview export": "a minute; test_what_is_exported_by_command_answers_in_python runs it",
    "mlflow models serve": "a server; test_the_server_and_the_request_run starts it",
    "echo": "asks that server",
}
_FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def text(page: str) -> str:
    """The page itself."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, in the page's order."""
    return [body for name, body in _FENCED.findall(text(page)) if name == language]


def languages(page: str) -> set[str]:
    """The languages of all fenced blocks; '' is one without a language."""
    return {name for name, _ in _FENCED.findall(text(page))}


def count(page: str) -> int:
    """How many fenced blocks there are."""
    return len(_FENCED.findall(text(page)))


def commands(page: str) -> list[str]:
    """The commands of the console blocks, as they are pasted: without '$ ', and without output.

    An indented line goes on with the command above it.
    """
    found: list[str] = []
    for line in "".join(blocks(page, "console")).splitlines():
        if line.startswith("$ "):
            found.append(line.removeprefix("$ "))
        elif line.startswith("  "):
            found[-1] += f"\n{line}"
    return found


def spans(page: str) -> list[str]:
    """The code spans of the page's sentences, each in one line, without commands of their day."""
    sentences = _FENCED.sub("", text(page))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`(?! at\scommit)", sentences)]


def programs(command: str) -> Iterator[list[str]]:
    """The words of each program that a command starts, without settings of the environment."""
    words: list[str] = []
    for word in [*shlex.split(command, comments=True), ";"]:
        if word in ("&&", "||", "|", ";"):
            yield words
            words = []
        elif words or not re.match(r"[A-Z_]+=", word):
            words.append(word)


def not_run(command: str) -> list[str]:
    """The entries of NOT_RUN that speak of a command."""
    [first, *_] = programs(command)
    return [begin for begin in NOT_RUN if " ".join(first).startswith(begin)]


COMMANDS = [(page, command) for page in PAGES for command in commands(page)]
