"""What a training is built of."""

import torch

from twinview.data.splits import Prepared
from twinview.learning import pretraining
from twinview.models import encoder
from twinview.settings import defaults


def test_a_training_begins_with_the_first_layer_fitted_to_the_train_pictures(
    shapes: Prepared,
) -> None:
    settings = defaults.with_changes({"encoders.convnet.first_layer": "whitening"})
    network, _ = pretraining.build(settings, shapes)
    unfitted = encoder.build(network.description, settings.pretrain.seed)
    first, before = (of.network.layers[0][0] for of in (network, unfitted))  # type: ignore[index, union-attr]
    assert not torch.equal(first.filters, before.filters)
    pictures = network.standardise(shapes.splits["train"].inputs)
    components = first(pictures)[:, :9, 1:-1, 1:-1].transpose(0, 1).flatten(1)
    # The most frequent patches have variance 1; rare ones are held down by what is added to all.
    torch.testing.assert_close(components.var(1)[:3], torch.ones(3), atol=0.1, rtol=0)
    rest = zip(
        network.network.layers[1:].parameters(),
        unfitted.network.layers[1:].parameters(),
        strict=True,
    )  # type: ignore[union-attr, index]
    assert all(torch.equal(one, other) for one, other in rest)
