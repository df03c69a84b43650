"""What git leaves alone in a project."""

from tests.support.workspace import ROOT
from twinview.settings import params


def test_git_ignores_the_folder_that_params_yaml_names_for_pictures() -> None:
    folder = params.load(ROOT / "params.yaml").sources["folder"]["path"]
    assert f"/{folder}/" in (ROOT / ".gitignore").read_text().splitlines()
