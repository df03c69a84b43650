"""Plug-ins bound to small options, and inputs for them."""

from functools import partial
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import Tensor

from tests.support.workspace import ROOT
from twinview.core import registry

PARAMS = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
# In params.yaml's place where its options are too large for quick laws.
SMALL: dict[str, dict[str, dict[str, Any]]] = {
    "encoders": {
        "backbone": {"library": "torchvision", "model": "shufflenet_v2_x0_5"},
        "convnet": {"widths": [6, 8], "strides": [2, 1], "grid": 2, "pooled": 2, "norm": "batch"},
    },
    "heads": {
        "identity": {},
        "linear": {"out": 5},
        "nonlinear": {"depth": 1, "hidden": 7, "out": 5, "norm": "hidden"},
    },
    "optimizers": {
        "adamw": {"weight_decay": 0.1},
        "sgd": {"weight_decay": 0.1, "momentum": 0.9},
        # Without a gradient, its step is trust times the weight, whatever the decay.
        "lars": {"weight_decay": 0.1, "momentum": 0.9, "trust": 0.1},
    },
    "objectives": {
        "alignment_uniformity": {"power": 2.0, "concentration": 2.0, "uniformity_weight": 0.5},
        "barlow_twins": {"off_diagonal": 0.0051},
        "contrastive": {"margin": 1.0, "distance": "cosine"},
        "info_nce": {"temperature": 0.2},
        "n_pair": {"length_weight": 0.001},
        "nt_logistic": {"temperature": 0.2, "mining": "all"},
        "nt_xent": {"temperature": 0.2},
        "sup_con": {"temperature": 0.2},
        "triplet": {"margin": 1.0, "distance": "cosine", "mining": "all"},
    },
    "methods": {
        "byol": {"decay": 0.9, "hidden": 6},
        "moco": {
            "temperature": 0.2,
            "decay": 0.9,
            "rising": True,
            "queue": 10,
            "symmetric": False,
            "hidden": None,
            "norm_group": 2,
        },
        "swav": {
            "prototypes": 7,
            "temperature": 0.1,
            "epsilon": 0.05,
            "iterations": 3,
            "frozen_until": 0.3,
            "queue": 20,
            "queue_from": 0.2,
            "small": {"count": 3, "size": 6, "scale": [0.2, 0.4]},
        },
    },
}
# What an objective takes from its method, beyond the contract.
OWNED = {"info_nce": {"queue": None}}


def bound(kind: str, name: str) -> Any:
    stated = SMALL.get(kind, {}).get(name) or PARAMS[kind][name]
    made = registry.bind(kind, name, stated)
    if "objective" in stated:
        made = partial(made, objective=bound("objectives", stated["objective"]))
    return made


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def objective(name: str) -> Any:
    return partial(bound("objectives", name), **OWNED.get(name, {}))


def labels(n: int) -> Tensor:
    return torch.arange(n) % 3
