"""What users read is in the field's terms: phrases that a cryo-EM user has to decode stay out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from napari_unetpick.cli import app

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "napari_unetpick"
NAMES = {  # texts that are names in files: settings, rungs of recorded ablations
    "study/ablation/ladder.py": ("dynamic pseudo-labels, gate",),
    "study/ablation/records.py": ("rounds epochs limits",),
}

# phrase (a regular expression, any case) -> what to write instead
DIALECT = {
    r"(what|that) (was|a round) (taken|took)|taken picks": "pseudo-labels",
    r"\b(un)?sure (picks?|ones?|of (a |no )?particles?)\b|\bsurest\b|\bsure down to\b": "confident",
    r"\blooks? (at|number)\b(?=.*\btest)|\btest looks?\b": "test-set evaluation",
    r"\b(two|several|all|every|first|\d+|the) sides?\b (are|is|of a comparison|on \d)": "method",
    r"\b(without an?|the|an?|by a) gate\b|, gate\b|\bgate of\b": "acceptance test",
    r"\bverdicts?\b|\bun?judged\b|\bjudging\b|\bjudges\b": "result, acceptance test, validated",
    r"\b(is|are|as) (a )?ranks?\b|\ba rank\b": "uncalibrated score",
    r"\bafresh\b|\banew\b": "from scratch, again",
    r"\bto go on\b|\bgo(es)? on (with|where|from)\b|\bbegun\b": "resume, continue, started",
    r"\bclicks alone\b": "partial labels only",
    r"\bleft out and said\b|^left out:|: left out\b": "skipped and reported",
    r"\bhand(s|ed)? over\b": "export",
    r"\bflatter(s|ing)?\b": "is (too) optimistic",
    r"\bhow-manieth\b": "running number",
    r"\bseldomer\b": "less often",
    r"\bteach(es)? without\b": "are treated as unlabelled",
    r"\bof the (headline|split and the bootstrap)\.": "say what the option is",
    r"\bbetween picks, if not\b": "minimum distance between picks in Angstrom",
    r"\bscores that mean\b|\bprotocol that is named\b": "calibrated scores, a stated protocol",
    r"\bprecision cannot be known\b": "label one micrograph completely to estimate precision",
    r"\bcount as particles\b": "unlabelled particles added to training",
    r"\bonly what does no harm\b": "keep a round only if validation improves",
    r"^model's own$": "automatic",
    r"\bbest of the false\b": "possible missed particles",
    r"\basks the clicks\b": "held-out clicks decide",
    r"\bcannot be told\b(?! apart)|\bkept unjudged\b|\bthrown away\b": "inconclusive, rejected",
    r"\btell no\b|\btells no\b|\bcannot be;": "is not possible, has no",
    r"\bmend\b": "repair",
    r"\bteach(es)? (nothing|the next)\b": "is ignored, counts as background in the next training",
    r"\baccept in all\b": "use as labels",
    r"\btakes? it back\b|\bworth a look\b": "undo, check",
    r"\bis no particle\b": "is not a particle",
    r"\b(nobody|you) (has|have) looked at\b": "reviewed",
    r"\b(batches|picks) (a|an) (epoch|micrograph)\b": "per epoch, per micrograph",
}
PHRASES = [(re.compile(phrase, re.IGNORECASE), use) for phrase, use in DIALECT.items()]


def dialect(text: str) -> list[str]:
    """Return what of the list stands in a text, with what to write instead."""
    found = [(phrase.search(text), use) for phrase, use in PHRASES]
    return [f"{match[0]!r}: write {use!r}" for match, use in found if match]


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the string literals of a module that hold more than a word."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unread = set()  # docstrings, also of constants, and parts of f-strings
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            unread.add(node.value)
        if isinstance(node, ast.JoinedStr):
            unread |= set(node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = node.values
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else "1" for p in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in unread:
            text = node.value
        else:
            continue
        if " " in text.strip():
            yield node.lineno, text


def test_texts_of_the_package():
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        for line, text in literals(path):
            if not text.startswith(NAMES.get(name, ("\0",))):
                wrong += [f"{name}:{line}: {each}" for each in dialect(text)]
    assert not wrong, "\n".join(wrong)


def commands(command: typer.core.TyperGroup | typer.core.TyperCommand, *names: str) -> Iterator:
    yield names
    for name, sub in getattr(command, "commands", {}).items():
        yield from commands(sub, *names, name)


@pytest.mark.parametrize("names", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_help_of_every_command(names: tuple[str, ...]):
    shown = CliRunner().invoke(app, [*names, "--help"], terminal_width=10_000)
    assert shown.exit_code == 0
    assert not dialect(" ".join(shown.output.split()))


@pytest.mark.parametrize("names", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_the_help_of_every_option_is_a_sentence(names: tuple[str, ...]):
    command: object = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        assert text, f"{parameter.name} has no help"
        assert text[0].isupper(), text
        assert text.endswith((".", ".)")), text
        length = parameter.metavar == "A" or parameter.name in ("diameter", "min_distance")
        assert not length or re.search(r"Angstrom|\(A\)", text), f"{text!r} lacks its unit"


def pages() -> list[Path]:
    texts = [ROOT / "README.md", ROOT / "CHANGELOG.md", SOURCE / "napari.yaml"]
    return [*texts, *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages(path: Path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = text.replace("dynamic pseudo-labels, gate", "")  # the name of a recorded rung
    wrong = [each for line in text.split("\n\n") for each in dialect(" ".join(line.split()))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("round 1 kept without a gate", True),
        ("an attention gate in each skip", False),
        ("look number 3 at these test micrographs", True),
        ("look at the picks", False),
        ("two sides are called a", True),
        ("both sides of the edge", False),
        ("the score is a rank", True),
        ("sorted by rank", False),
        ("these figures flatter", True),
        ("a flattened background", False),
        ("3 picks of 1 micrograph not given: left out", True),
        ("leave out --final", False),
    ],
)
def test_the_list_tells_dialect_from_ordinary_words(text: str, found: bool):
    assert bool(dialect(text)) is found
