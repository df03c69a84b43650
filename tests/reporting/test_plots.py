"""Plots for the tracker: what is drawn is what the rows say."""

import io

from matplotlib.figure import Figure
from PIL import Image

from twinview.reporting import plots

STEPS = [
    {"step": "5", "loss": "4.0", "chance": "5.0", "learning_rate": "0.1"},
    {"step": "10", "loss": "3.0", "chance": "5.0", "learning_rate": "0.05"},
]
EPOCHS = [
    {"epoch": "1", "loss": "3.5", "alignment": "0.4", "validation_knn": "0.6", "negatives": "30"},
    {"epoch": "2", "loss": "2.5", "alignment": "0.3", "validation_knn": "0.7", "negatives": "30"},
]
PREDICTIONS = [
    {"id": "1", "actual": "Bag", "linear": "Bag"},
    {"id": "2", "actual": "Bag", "linear": "Coat"},
    {"id": "3", "actual": "Bag", "linear": "Bag"},
    {"id": "4", "actual": "Bag", "linear": "Bag"},
    {"id": "5", "actual": "Dress", "linear": "Coat"},
]


def lines(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    """The first line of each plot, by its title."""
    return {
        axes.get_title(): [(float(x), float(y)) for x, y in axes.lines[0].get_xydata()]
        for axes in figure.axes
    }


def test_every_curve_is_drawn_by_step_or_by_epoch() -> None:
    drawn = lines(plots.curves(STEPS, EPOCHS))
    assert drawn == {
        "loss": [(5, 4.0), (10, 3.0)],
        "learning rate": [(5, 0.1), (10, 0.05)],
        "alignment": [(1, 0.4), (2, 0.3)],
        "validation knn": [(1, 0.6), (2, 0.7)],
        "negatives": [(1, 30), (2, 30)],
    }


def test_the_loss_has_chance_beside_it() -> None:
    loss = plots.curves(STEPS, EPOCHS).axes[0]
    assert set(loss.lines[1].get_ydata()) == {5.0}


def test_confusions_are_shares_of_the_actual_class() -> None:
    (axes,) = plots.confusion(PREDICTIONS, "linear").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Bag", "Coat", "Dress"]
    (image,) = axes.images
    # Nothing is a coat, so its row is empty.
    assert image.get_array().tolist() == [[0.75, 0.25, 0], [0, 0, 0], [0, 1, 0]]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.75", "0.25", "0.00", "0.00", "0.00", "0.00", "0.00", "1.00", "0.00"]


def test_a_plot_becomes_a_picture() -> None:
    file = io.BytesIO()
    plots.curves(STEPS, EPOCHS).savefig(file, format="png")
    assert Image.open(file).size[0] > 500
