from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import attrs
import pytest

import ngff_fn
from ngff_fn import cli

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
SUBJECTS = {"snapshot": ngff_fn.Snapshot, "image": ngff_fn.Image, "plate": ngff_fn.Plate}
"""What stands before the dot in ``image.levels``."""


def section(title: str) -> str:
    _, _, after = PROSE.partition(f"\n## {title}\n")
    assert after, title
    return after.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads: the text of each cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    ruled = [number for number, row in enumerate(cells) if set("".join(row)) <= {"-", ":"}]
    heads = {number for rule in ruled for number in (rule - 1, rule)}
    return [row for number, row in enumerate(cells) if number not in heads]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


OURS = [span for row in rows(section("Coming from iohub")) for span in code(row[1])]
CALLS = [span for span in OURS if "(" in span]
VALUES = [span for span in OURS if "(" not in span]


def without_annotations(signature: inspect.Signature) -> inspect.Signature:
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return inspect.Signature(plain)


def test_the_table_has_what_the_code_is_asked_for() -> None:
    assert len(CALLS) > 50
    assert len(set(CALLS)) >= len(CALLS) - 1  # create_image and __setitem__ are one function here
    assert len(VALUES) > 5


@pytest.mark.parametrize("call", CALLS)
def test_a_function_of_the_table_is_public_and_has_this_signature(call: str) -> None:
    name = call.partition("(")[0]
    assert name in ngff_fn.__all__
    assert f"{name}{without_annotations(inspect.signature(getattr(ngff_fn, name)))}" == call


@pytest.mark.parametrize("value", VALUES)
def test_an_attribute_of_the_table_is_a_field_of_its_record(value: str) -> None:
    subject, _, field = value.partition(".")
    assert field in {attribute.name for attribute in attrs.fields(SUBJECTS[subject])}


def test_every_public_function_that_is_an_edit_or_a_question_stands_in_the_table() -> None:
    # iohub has nothing like these.
    elsewhere = {"axes_from", "capabilities", "level_index", "pipe", "recover", "torn_files", "vacuum", "validate"}
    functions = {name for name in ngff_fn.__all__ if inspect.isfunction(getattr(ngff_fn, name))}
    assert functions - {call.partition("(")[0] for call in CALLS} == elsewhere


def test_what_the_text_names_with_a_call_is_public() -> None:
    before, _, _ = PROSE.partition("\n## Coming from iohub\n")
    called = {span.partition("(")[0] for span in code(before) if re.fullmatch(r"\w+\(.*\)", span)}
    assert called
    assert called <= set(ngff_fn.__all__)


TO_ALL_THAT_WRITE = "[--single-writer]"
"""What the table leaves to the text below it."""


def test_the_commands_of_the_table_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for told in [code(row[0])[0] for row in rows(section("The command line"))]:
        _, command, *arguments = re.findall(r"[\w-]+", told)
        with pytest.raises(SystemExit, match="0"):
            cli.main([command, "--help"])
        usage = capsys.readouterr().out.partition("\n\n")[0].replace("[-h]", "").replace(TO_ALL_THAT_WRITE, "")
        assert sorted(re.findall(r"[\w-]+", usage)[3:]) == sorted(arguments)


def test_every_command_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    commands = re.findall(r"^    (\w[\w-]*)", capsys.readouterr().out, flags=re.MULTILINE)
    assert sorted(commands) == sorted(code(row[0])[0].split()[1] for row in rows(section("The command line")))


def test_the_layers_of_the_design_are_those_of_the_import_contracts() -> None:
    told = [name for row in rows(section("The design")) for name in code(row[0])]
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [layer for contract in contracts if contract["type"] == "layers" for layer in contract["layers"]]
    assert sorted(told) == sorted(name for layer in layers for name in layer.split(" | "))


def test_every_package_and_file_that_the_design_names_is_there() -> None:
    folder = Path(ngff_fn.__file__).parent
    named = {span for span in code(section("The design")) if re.fullmatch(r"[\w/]+(/|\.py)", span)}
    named = {path.removeprefix("ngff_fn/") for path in named if not path.startswith("__ngff_fn")}
    assert len(named) > 5
    assert [path for path in named if not (folder / path).exists()] == []
