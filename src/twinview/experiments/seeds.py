"""reports/seeds.json: the results of one training over several seeds, and where they come from.

No stage writes the file, since it holds results of several runs: {"settings": digest, "seeds":
[...], "metrics": {name: [a value for each seed]}, "hardware": ..., "versions": ...}. `RecordedRun`
tells whether the file belongs to a run, `deviation` how far the run's results are from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from twinview.core.errors import DataError
from twinview.experiments.intervals import Interval, interval

FILE = Path("reports/seeds.json")
COMMAND = "twinview seeds"


@dataclass(frozen=True)
class Seeds:
    """The content of reports/seeds.json.

    settings: the identity of the training without its seeds and its code. metrics: a value for
    each seed, by the names of `RecordedRun.results`. hardware, versions: those of the machine that
    measured, see provenance; a file of an earlier commit lacks them.
    """

    settings: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, tuple[float, ...]]
    hardware: str = "hardware that it does not name"
    versions: str = "versions that it does not name"

    def interval(self, name: str) -> Interval:
        """The mean over the seeds, with its interval."""
        return interval(self.metrics[name])

    def of_seed(self, seed: int) -> dict[str, float]:
        """The metrics of one of the seeds."""
        index = self.seeds.index(seed)
        return {name: values[index] for name, values in self.metrics.items()}


def parse(text: str, place: Path = FILE) -> Seeds:
    """The content of the file with this text. Raises DataError, with its place, if it is broken."""
    try:
        content = TypeAdapter(Seeds).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise _broken(place, f"({where}: {first['msg']})") from None
    seeds = list(content.seeds)
    short = [name for name, values in content.metrics.items() if len(values) != len(seeds)]
    if short or not seeds:
        names = f"({', '.join(short[:3])})"
        raise _broken(place, f": not a value for each of the seeds {seeds} {names}")
    return content


def _broken(place: Path, reason: str) -> DataError:
    space = "" if reason.startswith(":") else " "
    return DataError(f"{place} is broken{space}{reason}; `{COMMAND}` writes it anew")
