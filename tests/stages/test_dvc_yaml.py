"""dvc.yaml is made of what the scripts of pipeline/ declare and import."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.workspace import ROOT
from twinview.core.errors import ConfigError
from twinview.stages import dvc_yaml
from twinview.stages.aside import holds_only_docstring

SCRIPT = """
from pathlib import Path

from twinview.core import files
from twinview.stages.declared import Stage

OUT = Path("data/prepared")
STAGE = Stage({})
"""


def write(root: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def made(root: Path, texts: Mapping[str, str]) -> Any:
    """The stages of a project whose one script is pipeline/prepare.py, but for other ones."""
    write(root, {"pipeline/prepare.py": SCRIPT.format(""), "src/twinview/__init__.py": ""} | texts)
    return YAML(typ="safe").load(dvc_yaml.generate(root))["stages"]


def deps(root: Path, texts: Mapping[str, str]) -> list[str]:
    found: list[str] = made(root, texts)["prepare"]["deps"]
    return found


def test_the_one_in_git_is_what_generate_writes() -> None:
    written = (ROOT / "dvc.yaml").read_text()
    assert written == dvc_yaml.generate(ROOT), "`twinview generate` writes it anew"


def test_a_stage_depends_on_what_its_script_imports_and_what_that_imports(tmp_path: Path) -> None:
    texts = {
        "src/twinview/core/files.py": "import json\nimport twinview.core.errors\n",
        "src/twinview/core/errors.py": "from twinview.core.words import said\n",
        "src/twinview/core/words.py": "import torch\nfrom twinview.core import files\n",
        "src/twinview/core/unused.py": "",
    }
    files = [f"src/twinview/core/{name}.py" for name in ("errors", "files", "words")]
    assert deps(tmp_path, texts) == ["pipeline/prepare.py", *files]


def test_an_import_inside_a_function_counts_and_one_for_types_does_not(tmp_path: Path) -> None:
    code = (
        "if TYPE_CHECKING:\n  from twinview.core import types\ndef f():\n  import twinview.late\n"
    )
    texts = {"src/twinview/core/files.py": code, "src/twinview/core/types.py": ""}
    found = deps(tmp_path, texts | {"src/twinview/late.py": ""})
    assert found == ["pipeline/prepare.py", "src/twinview/core/files.py", "src/twinview/late.py"]


def test_texts_count_that_lie_beside_a_module_and_are_named_in_it(tmp_path: Path) -> None:
    texts = {
        "src/twinview/core/files.py": 'PAGE = Path(__file__).with_name("page.html.j2")',
        "src/twinview/core/page.html.j2": '{% include "page.css" %}',
        "src/twinview/core/page.css": "",
        "src/twinview/core/other.css": "",
    }
    found = deps(tmp_path, texts)[1:]
    assert found == [
        f"src/twinview/core/{name}" for name in ("files.py", "page.css", "page.html.j2")
    ]


def test_a_package_of_a_docstring_is_no_dependency_and_one_with_code_is(tmp_path: Path) -> None:
    files = {"src/twinview/core/__init__.py": '"""Core."""', "src/twinview/core/files.py": ""}
    code = {"pipeline/__init__.py": "import os\n"}
    expected = ["pipeline/__init__.py", "pipeline/prepare.py", "src/twinview/core/files.py"]
    assert deps(tmp_path, files | code) == expected


def test_what_is_aside_is_no_dependency_and_what_it_loads_is(tmp_path: Path) -> None:
    texts = {
        "src/twinview/core/files.py": "from twinview.tracking import runs",
        "src/twinview/tracking/runs.py": "import twinview.top\ndef f():\n  import twinview.late\n",
        "src/twinview/top.py": "",
        "src/twinview/late.py": "",
    }
    expected = ["pipeline/prepare.py", "src/twinview/core/files.py", "src/twinview/top.py"]
    assert deps(tmp_path, texts) == expected
    counted = SCRIPT.format('counted=("twinview.tracking.",)')
    found = deps(tmp_path, texts | {"pipeline/prepare.py": counted})
    assert set(found) - set(expected) == {
        "src/twinview/tracking/runs.py",
        "src/twinview/late.py",
    }


PLUG_INS = {
    "src/twinview/encoders/one.py": "from twinview.core import shared",
    "src/twinview/encoders/two.py": "",
    "src/twinview/augmentations/one.py": "",
    "src/twinview/augmentations/two.py": "",
    "src/twinview/core/shared.py": "",
}


def test_of_plug_ins_the_chosen_one_counts_or_all_where_a_list_chooses(tmp_path: Path) -> None:
    script = SCRIPT.format('plug_ins=("encoders", "augmentations")')
    assert deps(tmp_path, PLUG_INS | {"pipeline/prepare.py": script})[1:] == [
        "src/twinview/augmentations/one.py",
        "src/twinview/augmentations/two.py",
        "src/twinview/core/shared.py",  # of an encoder that may not be the chosen one
        "src/twinview/encoders/${pretrain.encoder}.py",
    ]


def test_settings_are_sections_and_the_chosen_plug_ins_options(tmp_path: Path) -> None:
    script = SCRIPT.format('settings=("data.seed", "encoders", "augmentations", "objectives")')
    assert made(tmp_path, {"pipeline/prepare.py": script})["prepare"]["params"] == [
        "data.seed",
        "encoders.${pretrain.encoder}",
        "augmentations",
        "augmentations.cutout.size",
        "objectives.${pretrain.objective}",
    ]


def test_a_section_stands_beside_the_setting_in_it_that_dvcs_run_cache_skips(
    tmp_path: Path,
) -> None:
    script = SCRIPT.format('settings=("data",)')
    params = made(tmp_path, {"pipeline/prepare.py": script})["prepare"]["params"]
    assert params == ["data", "data.size"]


def test_no_other_setting_has_a_name_that_dvcs_run_cache_skips() -> None:
    parts = json.loads((ROOT / "params.schema.json").read_text())["$defs"]
    skipped = set(dvc_yaml.SKIPPED_KEYS)
    holders = {name for name, part in parts.items() if skipped & set(part.get("properties", {}))}
    assert holders == {"Data", "cutout"}  # of data.size and augmentations.cutout.size
    assert set(dvc_yaml.NAMED_APART.values()) == {"data.size", "augmentations.cutout.size"}


def test_outs_say_where_they_are_kept(tmp_path: Path) -> None:
    script = SCRIPT.format(
        'reads=("${data.pairs}",), writes=(OUT,), unpushed=(Path("b"),), in_git=(Path("c.csv"),), '
        'metrics=(Path("m.json"),), pictures=(Path("p.png"),)'
    )
    stage = made(tmp_path, {"pipeline/prepare.py": script})["prepare"]
    assert stage == {
        "cmd": "python -m pipeline.prepare",
        "deps": ["${data.pairs}", "pipeline/prepare.py"],
        "outs": ["data/prepared", {"b": {"push": False}}, {"c.csv": {"cache": False}}],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": ["p.png"],
    }


def test_stages_follow_those_that_they_read_from_and_the_alphabet(tmp_path: Path) -> None:
    texts = {
        "pipeline/prepare.py": SCRIPT.format("writes=(OUT,)"),
        "pipeline/b.py": SCRIPT.format('reads=(OUT / "index.json",), writes=(Path("b"),)'),
        "pipeline/c.py": SCRIPT.format("reads=(OUT,)"),
        "pipeline/a.py": SCRIPT.format('reads=(Path("b"),)'),
    }
    assert list(made(tmp_path, texts)) == ["prepare", "b", "c", "a"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("x = 1", "prepare.py: STAGE cannot be evaluated without loading the file"),
        ("STAGE = 1", "prepare.py: STAGE is no twinview.stages.declared.Stage"),
        (SCRIPT.format("zzz=()"), "prepare.py: STAGE cannot be evaluated.*zzz"),
        (SCRIPT.format('plug_ins=("encoder",)'), "STAGE.plug_ins.*did you mean 'encoders'"),
        (SCRIPT.format('counted=("twinview.core.lock",)'), "STAGE.counted.*twinview.core.locks"),
        (SCRIPT.format("") + "from . import views\n", "line 9: import by the whole name"),
    ],
)
def test_a_stage_that_is_wrongly_declared_is_named(script: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        made(tmp_path, {"pipeline/prepare.py": script})


def test_stages_that_read_from_each_other_are_named(tmp_path: Path) -> None:
    scripts = {
        f"pipeline/{name}.py": SCRIPT.format(f'reads=(Path("{read}"),), writes=(Path("{name}"),)')
        for name, read in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(ConfigError, match=r"in a cycle: (a -> b -> a|b -> a -> b)"):
        made(tmp_path, scripts)


def test_a_module_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"files.py, line 2: .*; correct it"):
        made(tmp_path, {"src/twinview/core/files.py": "import os\nimport\n"})


def test_a_folder_without_code_keeps_its_dvc_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no pipeline/\*.py and src/twinview/"):
        dvc_yaml.generate(tmp_path)


def test_packages_hold_only_a_docstring() -> None:
    """Else an edit of one would make every stage stale, whatever it says."""
    found = sorted((ROOT / "src/twinview").glob("*/**/__init__.py"))
    code = [path.parent.name for path in found if not holds_only_docstring(path)]
    assert code == ["cli", "tracking"], "no stage loads the commands, and MLflow is aside"
