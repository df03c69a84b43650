"""Compares experiments: means and intervals over seeds, the best, the cost.

Names are DVC experiments, commits, branches, or 'workspace' (the folder as it is now). Without
names, the command compares all experiments and the workspace. Runs that differ only in their
training seeds are one row. Runs that were measured on other data, or by another protocol, get a
separate table. Writes reports/compare.html, a page that opens offline, and reports/compare.md.

    $ twinview compare
"""

import argparse
import shutil
from pathlib import Path

from twinview.cli.outcome import Outcome
from twinview.core import files

PAGE, TEXT = Path("reports/compare.html"), Path("reports/compare.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the experiments and the metrics to compare."""
    parser.add_argument("names", nargs="*", help="experiments, commits, branches or 'workspace'")
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        help="such as knn.accuracy, linear.f1, supervised.linear.accuracy; may be repeated; "
        "default: the primary one of every task's results",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Writes the page and the Markdown; returns the table."""
    from twinview.experiments import side_by_side  # SciPy takes a second
    from twinview.reporting import compare_page, comparison_data, comparison_text

    compared = side_by_side.compare(options.names, options.metric)
    for path, text in (
        (PAGE, compare_page.page(compared)),
        (TEXT, comparison_text.markdown(compared)),
    ):
        with files.atomic_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
            temporary.chmod(0o644)
    width = shutil.get_terminal_size((comparison_text.WIDTH, 24)).columns
    table = comparison_text.terminal(compared, width)
    text = f"{table}\n\nPage: {PAGE}\nMarkdown: {TEXT}"
    return Outcome(text, comparison_data.data(compared))
