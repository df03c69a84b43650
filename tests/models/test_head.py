"""The head's files, and the projections that it makes of saved features."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.plugins import bound, options
from twinview.core import registry
from twinview.core.errors import DataError
from twinview.core.types import Embeddings
from twinview.models import embeddings
from twinview.models.head import load, save

H = torch.randn(9, 6, generator=torch.Generator().manual_seed(0))


def used(name: str = "nonlinear") -> nn.Module:
    """One whose batch norm has seen something."""
    torch.manual_seed(0)
    head: nn.Module = bound("heads", name)(6)
    head(3 + H)
    return head


def saved(folder: Path, name: str = "nonlinear") -> Path:
    save(folder, used(name), name, options("heads", name), 6)
    return folder


@pytest.mark.parametrize("name", registry.names("heads"))
def test_what_is_loaded_projects_like_what_was_saved(name: str, tmp_path: Path) -> None:
    loaded = load(saved(tmp_path / "head", name))
    assert torch.equal(loaded(H), used(name).eval()(H)) and not loaded.training


def test_equal_heads_give_equal_bytes(tmp_path: Path) -> None:
    first, second = saved(tmp_path / "first"), saved(tmp_path / "second")
    names = sorted(path.name for path in first.iterdir())
    assert names == ["head.json", "head.safetensors"]
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in names)


def test_weights_of_another_head_are_named_by_tensor(tmp_path: Path) -> None:
    folder = saved(tmp_path / "head")
    described = json.loads((folder / "head.json").read_text())
    (folder / "head.json").write_text(json.dumps(described | {"width": 5}))
    with pytest.raises(DataError, match=r"head\.safetensors is of another.*than head\.json says"):
        load(folder)


@pytest.mark.parametrize("key", ["architecture", "options", "width"])
def test_a_description_that_lacks_something_is_refused(key: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "head")
    described = json.loads((folder / "head.json").read_text())
    del described[key]
    (folder / "head.json").write_text(json.dumps(described))
    with pytest.raises(DataError, match=rf"head\.json has no '{key}'"):
        load(folder)


def test_projections_are_the_head_s_answers_beside_the_same_labels_and_ids() -> None:
    own = Embeddings(H, torch.arange(9) % 3, torch.arange(9) + 50)
    found = embeddings.project(used().eval(), {"train": own, "test": own.take(torch.arange(4))})
    # Float32 sums in batches of another size.
    assert torch.allclose(found["train"].features, used().eval()(H), atol=1e-6)
    assert torch.allclose(found["test"].features, found["train"].features[:4], atol=1e-6)
    assert torch.equal(found["test"].ids, own.ids[:4])
    assert torch.equal(found["train"].required_labels(), own.required_labels())
    assert not found["train"].features.requires_grad
