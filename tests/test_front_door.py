from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import ngff_fn

FRONT_DOOR = Path(ngff_fn.__file__)


def names_that_type_checkers_see() -> dict[str, str]:
    """The imports of the ``if TYPE_CHECKING:`` block: name -> the module that it comes from."""
    (block,) = [
        statement
        for statement in ast.parse(FRONT_DOOR.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
    ]
    imports = [statement for statement in block.body if isinstance(statement, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    # "import X as X": the form in which a name is passed on, for those who check types strictly.
    assert all(alias.name == alias.asname for statement in imports for alias in statement.names)
    return {alias.name: statement.module or "" for statement in imports for alias in statement.names}


def fresh_interpreter(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_type_checkers_see_the_names_that_there_are_and_where_they_come_from() -> None:
    homes = {name: f"ngff_fn.{home}".rstrip(".") for name, home in ngff_fn._HOMES.items()}
    assert names_that_type_checkers_see() == homes


@pytest.mark.parametrize("name", ngff_fn.__all__)
def test_a_public_name_is_made_where_the_table_says(name: str) -> None:
    value, home = getattr(ngff_fn, name), import_module(f"ngff_fn.{ngff_fn._HOMES[name]}".rstrip("."))
    if isinstance(value, ModuleType):
        assert value.__name__ == f"{home.__name__}.{name}"
        return
    assert value is getattr(home, name)
    if inspect.isfunction(value) or inspect.isclass(value):
        assert f"{value.__module__}.".startswith(f"{home.__name__}.")


@pytest.mark.parametrize("name", ngff_fn.__all__)
def test_a_public_function_has_an_example_that_runs(name: str) -> None:
    value = getattr(ngff_fn, name)
    if inspect.isfunction(value):
        assert ">>> " in (value.__doc__ or "")


@pytest.mark.parametrize("name", ngff_fn.__all__)
def test_a_public_class_says_what_it_is(name: str) -> None:
    value = getattr(ngff_fn, name)
    if inspect.isclass(value):
        assert (inspect.getdoc(value) or "").partition("\n")[0].endswith((".", ":"))


def test_no_public_name_is_private_or_hides_a_module() -> None:
    modules = {file.stem for file in FRONT_DOOR.parent.iterdir()}
    assert [name for name in ngff_fn.__all__ if name.startswith("_")] == []
    assert modules & set(ngff_fn.__all__) == {"curried"}


def test_a_name_is_loaded_when_it_is_first_asked_for() -> None:
    program = "import sys, ngff_fn; loaded = lambda: [m for m in sys.modules if m.startswith('ngff_fn.')]; "
    program += "print(loaded()); ngff_fn.Problem; print(loaded()); print('Problem' in vars(ngff_fn))"
    assert fresh_interpreter(program).splitlines() == ["[]", "['ngff_fn.errors']", "True"]


def test_the_curried_edits_are_there_without_another_import() -> None:
    assert fresh_interpreter("import ngff_fn; print(ngff_fn.curried.__name__)") == "ngff_fn.curried"


def test_a_star_import_brings_all_names() -> None:
    program = "from ngff_fn import *; import ngff_fn; print(set(ngff_fn.__all__) - set(globals()))"
    assert fresh_interpreter(program) == "set()"


def test_a_name_that_is_not_there_is_refused_as_python_does_it() -> None:
    name = "open_ome_zar"
    with pytest.raises(AttributeError, match="module 'ngff_fn' has no attribute 'open_ome_zar'") as refusal:
        getattr(ngff_fn, name)
    assert (refusal.value.name, refusal.value.obj) == (name, ngff_fn)


def test_a_module_is_reached_by_its_import_and_shown_by_dir_then() -> None:
    program = "import ngff_fn.records.axes; print('records' in dir(ngff_fn), '__all__' in dir(ngff_fn))"
    assert fresh_interpreter(program) == "True True"
