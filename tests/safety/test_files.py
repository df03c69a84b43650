"""Files that a user may be handed: none is unpickled, and none leads out of its folder."""

import ast
import gzip
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.workspace import ROOT
from twinview.core import files
from twinview.core.errors import ConfigError, DataError, TwinviewError
from twinview.core.types import Statistics
from twinview.data import split_writer, splits
from twinview.data.splits import Prepared
from twinview.experiments import provenance
from twinview.learning import checkpoints
from twinview.models import encoder, head
from twinview.settings import params
from twinview.sources import fashion_mnist
from twinview.views.cache import open_views, write_cache
from twinview.views.plan import ViewPlan

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
UNSAFE_CALLS = {"torch.load", "pandas.read_pickle", "pd.read_pickle", "eval", "exec"}
UNSAFE_METHODS = {"extractall", "unpack_archive"}
NEEDED = {"np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False)}
NEEDED["YAML"] = ("typ", "safe")
OPTIONS = {
    "widths": [4],
    "strides": [2],
    "pool_size": 1,
    "pooled_layers": 1,
    "norm": "batch",
    "first_layer": "learned",
}


class Bomb:
    """Whoever unpickles it makes the folder `gone-off`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("gone-off",)


@pytest.fixture(autouse=True)
def quiet(folder: Path) -> Any:
    yield
    assert not (folder / "gone-off").exists()


def unsafe(source: str) -> list[str]:
    """What of a module could run code that a file brings along, or write where a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            found += [name for name in names if name.partition(".")[0] in UNSAFE_MODULES]
        if isinstance(node, ast.Call):
            found += _unsafe_call(node)
    return found


def _unsafe_call(call: ast.Call) -> list[str]:
    name = ast.unparse(call.func)
    options = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
    if name in UNSAFE_CALLS or name.rpartition(".")[2] in UNSAFE_METHODS:
        return [name]
    if options.get("allow_pickle", False) is not False or options.get("shell", False) is not False:
        return [name]
    key, value = NEEDED.get(name, ("", None))
    return [name] if options.get(key) != value else []


# It evaluates annotations of the plug-ins, which are code of ours that is imported sooner or later.
# The others unpickle nothing themselves: they name pickle's error, and torch.load is told to take
# weights only (tests/encoders/test_backbone_weights.py shows that no code runs).
RUNS_OUR_CODE = {
    "signatures.py": ["eval", "eval", "exec", "eval"],
    "tensor_files.py": ["pickle", "torch.load"],
    "torchvision_sets.py": ["pickle"],
    "watch.py": ["pickle"],  # an installed package's file, and nothing but arrays
}
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "pipeline").glob("*.py")])


def test_no_module_can_unpickle_or_run_what_a_file_says() -> None:
    assert len(SOURCES) > 90
    found = {path.name: said for path in SOURCES if (said := unsafe(path.read_text()))}
    assert found == RUNS_OUR_CODE


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import joblib, json",
        "from cloudpickle import loads",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "numpy.lib.format.read_array(file, allow_pickle=yes)",
        "YAML().load(text)",
        "YAML(typ='unsafe').load(text)",
        "import yaml",
        "eval(text)",
        "tar.extractall(folder)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_search_sees(source: str) -> None:
    assert unsafe(source)


def cache(folder: Path, shapes: Prepared, edit: Callable[[Path, dict[str, Any]], None]) -> None:
    """Opens a view cache whose index and shard somebody has edited, checksums and all."""
    train, plan = shapes.splits["train"], ViewPlan(0, ())
    for _ in write_cache(folder / "views", train, plan, shapes.modality, 2, 10**6):
        pass
    index = json.loads((folder / "views/index.json").read_text())
    edit(folder / "views", index["shards"][0])
    (folder / "views/index.json").write_text(json.dumps(index))
    open_views(folder / "views", train, shapes.modality)


def test_a_shard_with_a_pickle_in_it_is_refused(folder: Path, shapes: Prepared) -> None:
    def plant(views: Path, shard: dict[str, Any]) -> None:
        np.save(views / shard["file"], np.array([Bomb()], dtype=object), allow_pickle=True)
        shard["sha256"] = files.sha256(views / shard["file"])

    with pytest.raises(DataError, match=r"views-00000\.npy holds no plain numbers"):
        cache(folder, shapes, plant)


@pytest.mark.parametrize("name", ["../secret.npy", "{folder}/secret.npy", "x/../../secret.npy"])
def test_an_index_names_files_of_its_own_folder_only(
    name: str, folder: Path, shapes: Prepared
) -> None:
    def lead_out(views: Path, shard: dict[str, Any]) -> None:
        secret = shutil.copy(views / shard["file"], folder / "secret.npy")
        shard |= {"file": name.format(folder=folder), "sha256": files.sha256(secret)}

    with pytest.raises(DataError, match="which is no file of its folder"):
        cache(folder, shapes, lead_out)


@pytest.mark.parametrize("what", ["split", "encoder", "head"])
def test_weights_and_data_that_are_pickles_are_refused(
    what: str, folder: Path, shapes: Prepared
) -> None:
    place = folder / what
    if what == "split":
        split_writer.save(place, shapes)
        path, load = place / "test.safetensors", splits.load
    elif what == "encoder":
        own = encoder.Description(
            "convnet", OPTIONS, "image", (1, 12, 12), Statistics((0.2,), (1,))
        )
        encoder.save(place, encoder.build(own, 0))
        path, load = place / encoder.WEIGHTS, encoder.load
    else:
        head.save(place, torch.nn.Linear(4, 2), "linear", {"dim": 2}, 4)
        path, load = place / head.WEIGHTS, head.load
    load(place)
    torch.save({"weight": Bomb()}, path)
    with pytest.raises(DataError, match="is broken"):
        load(place)


def test_a_checkpoint_that_is_a_pickle_is_not_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with checkpoints.open_for({"a": "b"}) as kept:
        torch.save(Bomb(), kept.folder / "step-000000001.safetensors")
        assert kept.load() is None
    assert "is broken" in capsys.readouterr().out


TAGGED = "data: !!python/object/apply:os.mkdir [gone-off]\n"


def test_settings_make_no_objects(folder: Path) -> None:
    Path("params.yaml").write_text(TAGGED)
    with pytest.raises(ConfigError, match=r"params\.yaml is not valid YAML"):
        params.load()


def test_dvc_s_record_makes_no_objects(folder: Path) -> None:
    Path("dvc.lock").write_text(TAGGED)
    with pytest.raises(DataError, match=r"dvc\.lock is broken \(could not determine a constructor"):
        provenance.data()


@pytest.mark.parametrize("path", ["/etc/passwd", "../pairs.csv", "recipes/../../pairs.csv"])
@pytest.mark.parametrize("setting", ["data.pairs", "sources.fashion_mnist.folder"])
def test_settings_name_no_path_outside_of_the_project(
    setting: str, path: str, write_params: Callable[..., Path]
) -> None:
    write_params({setting: path})
    with pytest.raises(ConfigError, match=rf"{setting}: leads out of the project's folder"):
        params.check()


EVIL = "from pathlib import Path\nPath('gone-off').mkdir()\n"


@pytest.mark.parametrize("name", ["../evil", "..evil", "evil", "convnet.__init__", "/evil"])
@pytest.mark.parametrize("field", ["architecture", "modality"])
def test_a_description_names_a_plug_in_and_no_other_module(
    field: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "evil.py").write_text(EVIL)
    monkeypatch.syspath_prepend(folder)
    own = encoder.Description("convnet", OPTIONS, "image", (1, 12, 12), Statistics((0.2,), (1,)))
    encoder.save(folder / "encoder", encoder.build(own, 0))
    path = folder / "encoder" / encoder.DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: name}))
    with pytest.raises(TwinviewError, match=f"has no '{name}'"):
        encoder.load(folder / "encoder")


def test_a_small_gz_cannot_fill_the_memory(folder: Path) -> None:
    name = "train-images-idx3-ubyte"
    with gzip.open(folder / f"{name}.gz", "wb", compresslevel=1) as file:
        for _ in range(20):
            file.write(bytes(10**7))
    tracemalloc.start()
    with pytest.raises(DataError, match=f"is not Fashion-MNIST's {name}"):
        fashion_mnist._read(folder, name)  # type: ignore[attr-defined]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2.5 * 47e6


def test_what_a_link_leads_to_is_not_cleared_away(folder: Path, tmp_path: Path) -> None:
    """Neither a link among the checkpoints nor one in an out's place."""
    victim = folder / "victim"
    victim.mkdir()
    about = {"training": "x", "number": 0, "fingerprint": {"of": "another"}}
    (victim / "training.json").write_text(json.dumps(about))
    shelf = folder / ".dvc/tmp/twinview/checkpoints"
    shelf.mkdir(parents=True)
    (shelf / "0123456789abcdef").symlink_to(victim)
    for number in range(checkpoints.KEPT_UNFINISHED + 2):
        with checkpoints.open_for({"number": str(number)}):
            pass
    assert len(list(shelf.glob("*/training.json"))) <= checkpoints.KEPT_UNFINISHED + 2
    (folder / "out").symlink_to(victim)
    with pytest.raises(OSError, match="out"), files.atomic_folder(folder / "out"):
        pass
    assert (victim / "training.json").exists()
