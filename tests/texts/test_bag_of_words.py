"""TF-IDF and its reduction, against scikit-learn's own."""

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from twinview.texts import bag_of_words

TOKENS = (torch.arange(40 * 9).view(40, 9) ** 2 % 23).int()


def test_tf_idf_is_scikit_learn_s() -> None:
    fitted = bag_of_words.fit(TOKENS, 23)
    ours = bag_of_words.tf_idf(TOKENS, fitted["idf"]).toarray()
    counts = bag_of_words.count(TOKENS, 23)
    theirs = TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
    assert np.allclose(ours, theirs, atol=1e-6)  # ours are float32
    assert not ours[:, 0].any(), "0 is no token"


def test_features_have_length_1_and_those_of_an_empty_text_are_0() -> None:
    fitted = bag_of_words.fit(TOKENS, 23)
    features = bag_of_words.features(torch.cat([TOKENS, TOKENS[:1] * 0]), fitted)
    lengths = features.norm(dim=1)
    assert torch.allclose(lengths[:-1], torch.ones(40), atol=1e-6) and lengths[-1] == 0
    assert torch.equal(bag_of_words.features(TOKENS[:7], fitted), features[:7])
