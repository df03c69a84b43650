"""How our encoder compares with the contenders that it has to be better than, in words."""

from collections.abc import Collection, Mapping

# The contenders that a trained encoder has to be better than, and their names in words.
REFERENCES = {
    "raw_pixels": "raw pixels",
    "tfidf": "TF-IDF",
    "statistics": "statistics and frequencies",
    "random_encoder": "the same encoder untrained",
    "pretrained_backbone": "the weights that the encoder started from",
}


def describe_gaps(
    gaps: Mapping[str, float],
    words: Mapping[str, str] | None = None,
    no_shares: Collection[str] = (),
    *,
    of_all: bool = True,
) -> str:
    """In how many tasks our encoder is better, in which tasks it is worse, and by how much.

    Parameters
    ----------
    gaps : for each entry of the results, our primary measure minus the reference's. A gap below
        .0005 counts as none.
    words : of each entry; None: their names are said.
    no_shares : the entries whose measure is no share, so that percentage points mean nothing.
    of_all : whether every entry of the results has a gap; otherwise the tasks are named, so that
        nobody takes "every task" for more than it is.
    """
    gaps, words = _rounded(gaps), words or {}
    better = {name: gap for name, gap in gaps.items() if gap > 0}
    worse = {name: gap for name, gap in gaps.items() if gap < 0}
    parts = []
    every = "every task" if of_all else _named(gaps, words)
    if better:
        some = f"{len(better)} of {len(gaps)} tasks" if of_all else _named(better, words)
        tasks = every if len(better) == len(gaps) else some
        parts.append(f"better in {tasks} ({_sizes(better, words, no_shares)})")
    if worse:
        parts.append(f"worse in {_named(worse, words)} ({_sizes(worse, words, no_shares)})")
    return ", ".join(parts) or f"equal in {every}"


def is_worse(gaps: Mapping[str, float]) -> bool:
    """Whether our encoder is worse in any task."""
    return min(_rounded(gaps).values()) < 0


def _rounded(gaps: Mapping[str, float]) -> dict[str, float]:
    """The gaps rounded to a tenth of a percentage point, as they are shown."""
    return {task: round(gap, 3) for task, gap in gaps.items()}


def _named(gaps: Collection[str], words: Mapping[str, str]) -> str:
    return ", ".join(words.get(name, name) for name in gaps)


def _sizes(gaps: Mapping[str, float], words: Mapping[str, str], no_shares: Collection[str]) -> str:
    shares = [gap for name, gap in gaps.items() if name not in no_shares]
    others = [
        f"{words.get(name, name)} by {abs(gap):.3f}"
        for name, gap in gaps.items()
        if name in no_shares
    ]
    return ", ".join([*([_points(shares)] if shares else []), *others])


def _points(gaps: Collection[float]) -> str:
    """The range of the gaps in percentage points, such as 'by 1.2 to 8.0 points'."""
    sizes = sorted({f"{abs(100 * gap):.1f}" for gap in gaps}, key=float)
    return f"by {' to '.join(dict.fromkeys((sizes[0], sizes[-1])))} points"
