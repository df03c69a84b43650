"""From names to callables: what binds, and how each fault of an option is said."""

import importlib
import inspect
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.support.commands import output
from twinview.core import declare, registry, signatures
from twinview.core.errors import ConfigError


def test_bind_sets_the_options_and_leaves_the_rest_to_the_caller() -> None:
    head = registry.bind("heads", "linear", {"dim": 3})(5)
    assert (head.in_features, head.out_features) == (5, 3)


def test_bind_hands_lists_over_as_tuples() -> None:
    options = {"sigma": [0.1, 2.0], "kernel": 0.1}
    assert registry.bind("augmentations", "gaussian_blur", options).keywords["sigma"] == (0.1, 2.0)


def test_a_whole_number_is_a_float_where_a_float_is_wanted() -> None:
    options = {"temperature": 1, "views": 2}
    temperature = registry.bind("methods", "simclr", options).keywords["temperature"]
    assert temperature == 1.0 and isinstance(temperature, float)


@pytest.mark.parametrize(
    ("kind", "name", "options", "said"),
    [
        ("methods", "simlcr", {}, "methods has no 'simlcr'; did you mean 'simclr'?"),
        ("heads", "zzz", {}, "heads has no 'zzz'; it knows identity, linear, nonlinear"),
        (
            "methods",
            "simclr",
            {"temperature": 0.1, "temprature": 0.2},
            "methods.simclr.temprature: there is no such key; did you mean 'temperature'?",
        ),
        (
            "heads",
            "identity",
            {"dim": 3},
            "heads.identity.dim: there is no such key; it takes none",
        ),
        (
            "heads",
            "linear",
            {},
            "heads.linear.dim: is missing; every setting is stated, none has a default",
        ),
        (
            "optimizers",
            "sgd",
            {"weight_decay": 0.0, "momentum": 1.0},
            "optimizers.sgd.momentum: input should be less than 1 (it is 1.0)",
        ),
        ("heads", "linear", {"dim": "abc"}, "heads.linear.dim: input should be a valid integer"),
        ("heads", "linear", {"dim": "3"}, "heads.linear.dim: input should be a valid integer"),
        ("heads", "linear", {"dim": 3.5}, "heads.linear.dim: input should be a valid integer"),
        ("heads", "linear", {"dim": True}, "heads.linear.dim: input should be a valid integer"),
        ("methods", "simclr", {"temperature": float("nan")}, "should be a finite number"),
        ("methods", "simclr", {"temperature": None}, "should be a valid number (it is None)"),
    ],
)
def test_a_fault_names_the_place_the_value_and_the_remedy(
    kind: str, name: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.bind(kind, name, options)
    assert said in str(caught.value)


def test_all_faults_of_the_options_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.bind("optimizers", "sgd", {"momentum": -1.0, "weight_dekay": 0.0})
    assert str(caught.value).splitlines() == [
        "optimizers.sgd.weight_decay: is missing; every setting is stated, none has a default",
        "optimizers.sgd.momentum: input should be greater than or equal to 0 (it is -1.0)",
        "optimizers.sgd.weight_dekay: there is no such key; did you mean 'weight_decay'?",
    ]


def test_names_are_the_files_of_the_kind() -> None:
    assert registry.names("heads") == ["identity", "linear", "nonlinear"]


@pytest.mark.parametrize("name", ["__init__", "../seeds", ""])
def test_what_is_no_plug_in_is_not_found(name: str) -> None:
    with pytest.raises(ConfigError, match="heads has no"):
        registry.find("heads", name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def zzz() -> None: ...", r"new\.py defines no new\(\); name its callable as the file"),
        ("new = 1", r"new\.py defines no new\(\)"),
        ("def new(*, rate, size: int): ...", r"new\.py: annotate rate of new\(\) with type and"),
        ("def new(*, size: Own): ...\nclass Own: ...", r"new\.py: size: Own cannot be evaluated"),
        ("from re import no\ndef new(*, size: no): ...", r"size: no cannot .*import name 'no'"),
        ("import re\ndef new(*, size: re.no): ...", r"size: re\.no cannot .*has no attribute"),
        ("def new(*, size: 'in t'): ...", r"size: 'in t' cannot .*invalid syntax"),
        ("import re\ndef new(*, size: re.Match): ...", r"new\.py: params\.yaml cannot express"),
        ("def new(:", r"new\.py, line 1: invalid syntax"),
    ],
)
def test_a_file_that_is_no_plug_in_is_told_what_it_lacks(
    content: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads/new.py").write_text(content)
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    with pytest.raises(ConfigError, match=said):
        registry.bind("heads", "new", {})


PLUGINS = [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_what_is_read_from_the_file_is_what_the_loaded_callable_says(kind: str, name: str) -> None:
    target = registry.find(kind, name)
    stated = inspect.signature(target).parameters.values()
    hints = get_type_hints(
        target.__init__ if inspect.isclass(target) else target, include_extras=True
    )
    read = signatures.read(registry.FOLDER / kind / f"{name}.py", name, f"twinview.{kind}")
    assert read.options == {p.name: hints[p.name] for p in stated if p.kind is p.KEYWORD_ONLY}
    assert read.summary == str(inspect.getdoc(target)).partition("\n")[0]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_what_a_file_declares_is_read_as_it_is_loaded(kind: str, name: str) -> None:
    loaded = importlib.import_module(f"twinview.{kind}.{name}")
    read = registry.declaration(kind, name)
    expected = getattr(loaded, "DECLARES", declare.Declaration())
    for field in fields(read):
        one, other = getattr(read, field.name), getattr(expected, field.name)
        assert callable(one) == callable(other) and (callable(one) or one == other), field.name


@pytest.mark.parametrize(
    ("kind", "stated", "said"),
    [
        ("methods", "", r"new\.py: DECLARES is None; set it to a declare\.Method\(\.\.\.\)"),
        ("methods", "DECLARES = declare.Declaration()", "DECLARES is Declaration.*declare.Method"),
        ("heads", "DECLARES = {'check': 1}", r"DECLARES is {'check': 1}.*declare\.Declaration"),
        ("heads", "DECLARES = declare.Declaration(quik={})", "DECLARES cannot .*argument 'quik'"),
    ],
)
def test_what_a_file_fails_to_declare_is_told(
    kind: str, stated: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / kind).mkdir()
    own = f"from twinview.core import declare\ndef new(): ...\n{stated}\n"
    (tmp_path / f"{kind}/new.py").write_text(own)
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    with pytest.raises(ConfigError, match=said):
        registry.declaration(kind, "new")


def test_a_check_has_the_file_s_imports_constants_and_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads/new.py").write_text(
        "import math\nimport torch\nfrom twinview.core import declare\nTWO = 2\n"
        "def new(): torch.ones(1)\n"
        "def _check(options, settings): yield _said(math.sqrt(TWO * TWO))\n"
        "def _said(number): return f'{number:g} and {TWO}'\n"
        "DECLARES = declare.Declaration(check=_check)\n"
    )
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    check = registry.declaration("heads", "new").check
    assert check is not None and list(check({}, None)) == ["2 and 2"]


def test_no_plug_in_s_options_load_pytorch() -> None:
    code = "import sys; from twinview.core import registry; "
    code += "from twinview.settings import params; params.whole_model(); "
    code += "[registry.declaration(k, n) for k in registry.KINDS for n in registry.names(k)]; "
    code += "sys.exit('torch' in sys.modules)"
    output(sys.executable, "-c", code)


def test_the_model_of_an_option_carries_its_range_into_the_schema() -> None:
    schema = registry.options_model("heads", "linear").model_json_schema()
    assert schema["properties"]["dim"] == {"minimum": 1, "title": "Dim", "type": "integer"}
    assert schema["required"] == ["dim"] and schema["additionalProperties"] is False
