"""The command lines of README: each can be typed after those before it."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import typer.main

from napari_unetpick.cli import app
from napari_unetpick.simulate.samples import get_sample

README = Path(__file__).parents[2] / "README.md"


def lines() -> list[list[str]]:
    section = README.read_text(encoding="utf-8").split("## On the command line")[1]
    (block,) = re.findall(r"```console\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in block.splitlines()]


def test_every_option_exists_and_every_file_comes_from_an_earlier_line() -> None:
    command = typer.main.get_command(app)
    made: set[str] = set()
    for program, *words in lines():
        outputs: set[str] = set()
        if program == "unetpick":
            name, *words = words
            own = command.commands[name]
            params = own.make_context(name, list(words)).params  # as typed: bad input raises
            outputs = {str(params[key]) for key in ("out", "run") if params.get(key)}
            if name == "simulate":
                sample = get_sample(params["sample"])
                folder = params["out"]
                made |= {f"{folder}/{sample.name}_{i + 1:04}.mrc" for i in range(params["count"])}
                made |= {f"{folder}/picks.csv"}
            if params.get("diameter"):
                assert params["diameter"] == sample.diameter_A
            if params.get("pixel_size"):
                assert params["pixel_size"] == sample.pixel_size
        for word in words:
            path = word.partition("=")[2] or word
            known = [each for each in made if re.fullmatch(path.replace("?", "."), each)]
            known += [each for each in made if path.startswith(f"{each}/")]
            if "/" in path and path not in outputs:
                assert known, f"{path} of {name}"
        made |= outputs
    assert {"sets/barrel", "run1", "picked"} <= made


def test_folders_that_are_read_were_written() -> None:
    made: set[str] = set()
    for words in lines():
        for option, value in pairwise(words):
            if option in ("--model", "--picks") and "/" not in value:
                assert value.partition("=")[2] in made or value in made
            if option in ("--out", "--run"):
                made.add(value)
