from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ngff_fn

REPOSITORY = Path(__file__).resolve().parent.parent
MAIN_JOB = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/ngff-fn demo demo-out"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -q -n 2"
HEAVY = {"numpy", "zarr", "cattrs", "dask", "xarray", "tensorstore", "numcodecs", "fsspec", "rich", "matplotlib"}


def packages_imported_by(statement: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after ``statement``, and had not before."""
    program = f"import sys; before = set(sys.modules); {statement}; import json; "
    program += "print(json.dumps(sorted(set(sys.modules) - before)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {module.partition(".")[0] for module in json.loads(run.stdout)}


def modules_below(name: str) -> list[str]:
    """``name`` and, if it is a package, every module in it, dotted, without the leading ``ngff_fn``."""
    folder = REPOSITORY / "ngff_fn"
    files = [folder / f"{name}.py"] if (folder / f"{name}.py").exists() else sorted((folder / name).rglob("*.py"))
    return [".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__") for file in files]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (file,) = directory.glob("*.whl")
    return file


def test_importing_ngff_fn_imports_none_of_the_heavy_packages() -> None:
    imported = packages_imported_by("import ngff_fn")
    assert "ngff_fn" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize(
    "package", ["records", "edits", "curried", "plan", "rules", "json_splice", "frozen_json", "errors"]
)
def test_what_is_pure_imports_neither_numpy_nor_zarr_nor_cattrs(package: str) -> None:
    modules = [f"ngff_fn.{module}" for module in modules_below(package)]
    assert modules
    assert not packages_imported_by(f"import {', '.join(modules)}") & HEAVY


def test_codecs_import_neither_numpy_nor_zarr() -> None:
    modules = [f"ngff_fn.{module}" for module in modules_below("codecs")]
    assert modules
    assert not packages_imported_by(f"import {', '.join(modules)}") & (HEAVY - {"cattrs"})


def test_every_public_name_resolves() -> None:
    assert ngff_fn.__all__
    assert [name for name in ngff_fn.__all__ if getattr(ngff_fn, name, None) is None] == []


def test_public_names_are_listed_once_and_shown_by_dir() -> None:
    assert len(ngff_fn.__all__) == len(set(ngff_fn.__all__))
    assert set(ngff_fn.__all__) <= set(dir(ngff_fn))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(ngff_fn, name)


def test_core_dependencies_are_these_five(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    core = {requirement.name for requirement in requirements if "extra" not in str(requirement.marker)}
    assert core == {"attrs", "cattrs", "numpy", "toolz", "zarr"}
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_wheel_holds_every_module_and_the_marker_of_types(wheel: Path) -> None:
    folder = REPOSITORY / "ngff_fn"
    sources = {file.relative_to(REPOSITORY).as_posix() for file in folder.rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert shipped == sources | {"ngff_fn/py.typed"}


def test_the_console_script_is_the_command_line() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="ngff-fn")
    assert script.value == "ngff_fn.cli:main"
    assert callable(script.load())


def test_xarray_finds_the_engine_of_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("xarray")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = """
import numpy, xarray, ngff_fn as nf
assert "site" in nf.__file__
image = nf.image_from(numpy.eye(4, dtype="uint8"), axes="yx", scale=[0.5, 0.5], name="eye")
nf.create("eye.zarr", nf.with_pyramid(image, 2, method="stride"), version="0.5")
print(int(xarray.open_dataset("eye.zarr", engine="ngff-fn", level=1)["eye"].sel(x=1.0).sum()))
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert run.stdout == "1\n", run.stderr


def test_the_installed_version_is_the_declared_one() -> None:
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert importlib.metadata.version("ngff-fn") == declared


@pytest.mark.parametrize("command", [MAIN_JOB, TESTS])
def test_the_readme_has_both_commands_on_lines_of_their_own(command: str) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if line == command] == [command]


@pytest.mark.parametrize(("words", "command"), [("ngff-fn demo", MAIN_JOB), ("-m pytest", TESTS)])
def test_ci_takes_its_commands_from_the_readme(words: str, command: str) -> None:
    run = [str(REPOSITORY / ".ci" / "run"), "--command", words]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == f"{command}\n"


def test_ci_refuses_a_command_that_the_readme_does_not_have() -> None:
    run = [str(REPOSITORY / ".ci" / "run"), "--command", "no such command"]
    refusal = subprocess.run(run, check=False, capture_output=True, text=True)
    assert refusal.returncode != 0
    assert "README.md" in refusal.stderr
