"""What a training is built of."""

import torch
import torch.nn.functional as F

from twinview.data.splits import Prepared
from twinview.learning import pretraining
from twinview.models import encoder
from twinview.settings import defaults

FILTERS = "network.layers.0.0.filters"


def test_a_training_begins_with_the_first_layer_fitted_to_the_train_pictures(
    shapes: Prepared,
) -> None:
    settings = defaults.with_changes({"encoders.convnet.first_layer": "whitening"})
    network, _ = pretraining.build(settings, shapes)
    unfitted = encoder.build(network.description, settings.pretrain.seed)
    weights, before = network.state_dict(), unfitted.state_dict()
    differing = [name for name in weights if not torch.equal(weights[name], before[name])]
    assert differing == [FILTERS]
    pictures = network.standardise(shapes.splits["train"].inputs)
    components = F.conv2d(pictures, weights[FILTERS][:9]).transpose(0, 1).flatten(1)
    # The most frequent patches have variance 1; rare ones are held down by what is added to all.
    torch.testing.assert_close(components.var(1)[:3], torch.ones(3), atol=0.1, rtol=0)
