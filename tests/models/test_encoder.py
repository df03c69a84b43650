"""The encoder's files: equal bytes for equal encoders, no pickle, and no others are taken."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from tests.support.small_convnet import SMALL_CONVNET
from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError, DataError
from twinview.core.tensor_files import load_tensors, save_tensors
from twinview.core.types import Statistics
from twinview.data.splits import Prepared
from twinview.models import encoder
from twinview.models.encoder import Description, Encoder, build, load, save
from twinview.settings import params

DESCRIPTION = Description(
    architecture="convnet",
    options=SMALL_CONVNET,
    modality="image",
    shape=(1, 12, 12),
    statistics=Statistics((0.25,), (0.5,)),
)
WIDER = dataclasses.replace(DESCRIPTION, options=SMALL_CONVNET | {"widths": (4, 7)})


def pictures(n: int = 5) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 1, 12, 12), generator=random, dtype=torch.uint8)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(tmp_path / "encoder", used())
    return tmp_path / "encoder"


def used() -> Encoder:
    """One whose batch norm has seen something."""
    made = build(DESCRIPTION, seed=0)
    made(pictures())
    return made


def test_the_first_weights_depend_on_the_seed_alone() -> None:
    first = build(DESCRIPTION, 0).state_dict()
    torch.rand(3)
    again, other = build(DESCRIPTION, 0).state_dict(), build(DESCRIPTION, 1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["network.layers.0.0.weight"], other["network.layers.0.0.weight"])


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    build(DESCRIPTION, 5)
    assert torch.equal(torch.rand(3), expected)


def test_the_network_sees_standardised_pictures() -> None:
    made = build(DESCRIPTION, 0).eval()
    x = (pictures() / 255 - 0.25) / 0.5
    assert torch.allclose(made(pictures()), made.network(x), atol=1e-6)
    assert torch.allclose(made.features(pictures()), made.network.features(x), atol=1e-6)  # type: ignore[operator]


def test_floats_of_the_same_scale_are_taken_and_left_alone() -> None:
    made, floats = build(DESCRIPTION, 0).eval(), pictures().float()
    assert torch.equal(made(floats), made(pictures()))
    assert torch.equal(floats, pictures().float())


def test_each_channel_is_standardised_by_its_own_numbers() -> None:
    colour = dataclasses.replace(
        DESCRIPTION, shape=(3, 2, 2), statistics=Statistics((0.0, 0.5, 1.0), (1.0, 0.5, 2.0))
    )
    x = build(colour, 0).standardise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert x[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_a_description_is_made_of_the_data_and_the_choice(shapes: Prepared) -> None:
    made = Description.for_data(shapes, "convnet", SMALL_CONVNET)
    assert (made.shape, made.modality) == ((1, 12, 12), "image")
    assert made.statistics == shapes.statistics


def test_what_is_loaded_answers_as_what_was_saved(saved: Path) -> None:
    loaded = load(saved)
    assert not loaded.training
    assert loaded.dim == 24
    assert torch.equal(loaded(pictures()), used().eval()(pictures()))


def test_the_description_survives_the_files(saved: Path) -> None:
    assert load(saved).description == dataclasses.replace(
        DESCRIPTION, options=SMALL_CONVNET | {"widths": [4, 6], "strides": [2, 1]}
    )


def test_equal_encoders_give_equal_bytes(saved: Path, tmp_path: Path) -> None:
    save(tmp_path / "again", used())
    save(tmp_path / "loaded", load(saved))
    for folder in (tmp_path / "again", tmp_path / "loaded"):
        for name in ("encoder.safetensors", "encoder.json"):
            assert (folder / name).read_bytes() == (saved / name).read_bytes()


def test_the_folder_holds_weights_and_description_and_no_pickle(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["encoder.json", "encoder.safetensors"]
    described = json.loads((saved / "encoder.json").read_text())
    assert set(described) == {
        "architecture", "options", "modality", "shape", "statistics", "reading", "dim",
    }  # fmt: skip


def test_the_weights_file_holds_weights_and_the_json_the_statistics(saved: Path) -> None:
    names = set(load_tensors(saved / "encoder.safetensors"))
    assert names == {f"network.{name}" for name in used().network.state_dict()}
    described = json.loads((saved / "encoder.json").read_text())
    assert described["statistics"] == {"mean": [0.25], "std": [0.5]}
    assert described["reading"] == {"background": [0, 0, 0], "jpeg_margin": 0}


def test_weights_of_another_architecture_are_named_by_tensor(saved: Path, tmp_path: Path) -> None:
    save(tmp_path / "wider", build(WIDER, 0))
    (saved / "encoder.safetensors").write_bytes(
        (tmp_path / "wider/encoder.safetensors").read_bytes()
    )
    with pytest.raises(DataError) as caught:
        load(saved)
    said = str(caught.value)
    assert "encoder.safetensors is of another architecture than encoder.json says" in said
    assert "network.layers.1.0.weight is (7, 4, 3, 3), not (6, 4, 3, 3)" in said
    assert "(5 differ)" in said  # the convolution, and four of its batch norm


@pytest.mark.parametrize("change", ["absent", "extra"])
def test_a_tensor_too_few_or_too_many_is_refused(change: str, saved: Path) -> None:
    path = saved / "encoder.safetensors"
    weights = load_tensors(path)
    if change == "absent":
        del weights["network.layers.0.1.running_mean"]
    else:
        weights["network.layers.9.0.bias"] = torch.zeros(3)
    save_tensors(path, weights)
    with pytest.raises(DataError, match=r"network\.layers\..* is .*absent"):
        load(saved)


@pytest.mark.parametrize("name", ["encoder.json", "encoder.safetensors"])
def test_a_missing_file_is_named(name: str, saved: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(name)} is missing"):
        load(saved)


@pytest.mark.parametrize("name", ["encoder.json", "encoder.safetensors"])
def test_a_truncated_file_is_named(name: str, saved: Path) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=re.escape(name)):
        load(saved)


@pytest.mark.parametrize("text", ["{}", "[]", '{"architecture": "convnet"}', "7"])
def test_a_file_that_describes_no_encoder_is_refused(text: str, saved: Path) -> None:
    (saved / "encoder.json").write_text(text)
    with pytest.raises(DataError, match=r"encoder\.json (does not describe an encoder|has no)"):
        load(saved)


def test_an_architecture_that_is_no_longer_there_is_named(saved: Path) -> None:
    text = (saved / "encoder.json").read_text()
    (saved / "encoder.json").write_text(text.replace('"convnet"', '"convnett"'))
    with pytest.raises(ConfigError, match="encoders has no 'convnett'; did you mean 'convnet'"):
        load(saved)


def test_widths_and_strides_of_different_length_are_refused() -> None:
    uneven = dataclasses.replace(DESCRIPTION, options=SMALL_CONVNET | {"strides": (2,)})
    with pytest.raises(ConfigError, match=r"encoders\.convnet"):
        encoder.build(uneven, 0)


def test_group_norm_s_features_do_not_depend_on_the_batch_even_in_training() -> None:
    made = build(
        dataclasses.replace(
            DESCRIPTION, options=SMALL_CONVNET | {"norm": "group", "first_layer": "learned"}
        ),
        0,
    ).train()
    # Float32 sums, in another order in another batch.
    assert torch.allclose(made(pictures(5))[:2], made(pictures(5)[:2]), atol=1e-5)
    assert [name for name, _ in made.network.named_buffers()] == []


def test_batch_norm_s_features_depend_on_it() -> None:
    made = build(DESCRIPTION, 0).train()
    assert not torch.allclose(made(pictures(5))[:2], made(pictures(5)[:2]), atol=1e-2)


def test_group_norm_has_eight_groups_or_as_many_as_divide_the_width() -> None:
    options = SMALL_CONVNET | {"widths": (12, 64), "norm": "group", "first_layer": "learned"}
    made = build(dataclasses.replace(DESCRIPTION, options=options), 0)
    norms = [module for module in made.modules() if isinstance(module, torch.nn.GroupNorm)]
    assert [norm.num_groups for norm in norms] == [4, 8]


@pytest.mark.parametrize("side", [3, 4, 12])
def test_features_have_the_same_width_for_all_sizes_that_the_raster_has_room_in(side: int) -> None:
    made = build(DESCRIPTION, 0)
    encoder.require_map_size(made, pictures()[..., :side, :side])
    assert made(pictures()[..., :side, :side]).shape == (5, made.dim) and made.training


def test_crops_that_the_raster_has_no_room_in_are_refused() -> None:
    said = "crops of 2 x 2, whose maps of 1 x 1 have fewer positions than .* raster of 4; raise"
    with pytest.raises(ConfigError, match=said):
        encoder.require_map_size(build(DESCRIPTION, 0), pictures()[..., :2, :2])


def test_the_default_encoder_takes_the_small_crops_of_params_yaml_s_example() -> None:
    options = params.load(ROOT / "params.yaml").encoders["convnet"]
    made = build(dataclasses.replace(DESCRIPTION, options=options), 0)
    crops = torch.zeros(1, 1, 14, 14, dtype=torch.uint8)
    encoder.require_map_size(made, crops)
    with pytest.raises(
        ConfigError, match="3 x 3 have fewer positions than the encoder's raster of 16"
    ):
        encoder.require_map_size(made, crops[..., :12, :12])


def test_asking_for_room_leaves_the_running_statistics_alone() -> None:
    made, untouched = build(DESCRIPTION, 0), build(DESCRIPTION, 0)
    encoder.require_map_size(made, pictures())
    pairs = zip(made.buffers(), untouched.buffers(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
