"""The STAR parser against every dialect that programs of the field write."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpick.errors import InputError
from napari_unetpick.io.star import format_loop, parse_star, quote, read_star, read_text


def test_blocks_columns_and_single_values():
    text = """# version 30001

data_global

_cbox_format_version 1.0

data_optics
loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
1 'a group'

data_particles

loop_
_rlnCoordinateX
_rlnCoordinateY
 1.5\t2.5

 3.5   4.5
# a comment
"""
    settings, optics, particles = parse_star(text, "x.star")
    assert settings.columns == {"cbox_format_version": ("1.0",)}
    assert len(settings) == 1
    assert optics.text("rlnOpticsGroupName") == ("a group",)
    assert particles.name == "particles"
    assert particles.numbers("rlnCoordinateX").tolist() == [1.5, 3.5]
    assert particles.numbers("rlnCoordinateY").tolist() == [2.5, 4.5]


def test_crlf_and_byte_order_mark(tmp_path: Path):
    path = tmp_path / "x.star"
    path.write_bytes(b"\xef\xbb\xbfdata_\r\n\r\nloop_\r\n_rlnX #1\r\n5\r\n")
    assert read_star(path)[0].numbers("rlnX").tolist() == [5]


def test_quotes():
    (block,) = parse_star('data_\nloop_\n_a\n_b\n"a b.mrc" it\'s\n\'c "d".mrc\' ""\n', "x")
    assert block.text("a") == ("a b.mrc", 'c "d".mrc')
    assert block.text("b") == ("it's", "")


def test_empty_loop_and_empty_block():
    empty, none = parse_star("data_images\nloop_\n_rlnX #1\n_rlnY #2\n\ndata_more\n", "x")
    assert len(empty) == 0
    assert "rlnY" in empty
    assert none.columns == {}


@pytest.mark.parametrize(
    "text, words",
    [
        ("data_\nloop_\n_a #1\n_b #2\n1 2\n3\n", "line 6 has 1 value for 2 columns"),
        ("no star\n", "not a STAR file .line 1"),
        ("# only a comment\n", "no data_ block"),
        ("data_\n1 2 3\n", "line 2 belongs to no column"),
    ],
)
def test_what_is_no_star_names_file_and_line(text: str, words: str):
    with pytest.raises(InputError, match=f"^x.star: .*{words}"):
        parse_star(text, "x.star")


def test_missing_column_and_bad_number_are_named():
    (block,) = parse_star("data_\nloop_\n_a #1\n1\nabc\n", "x.star")
    with pytest.raises(InputError, match=r"no column _b in data_ \(it has: _a"):
        block.text("b")
    with pytest.raises(InputError, match="_a holds 'abc'"):
        block.numbers("a")


def test_files_that_are_no_text(tmp_path: Path):
    path = tmp_path / "x.star"
    for content, words in [
        (b"", "empty"),
        (b"\xff\xfe\xff\xfe", "empty"),  # found by scripts/fuzz.py: marks of UTF-16 alone
        (b"\xa0\n", "empty"),
        (b"\0" * 100, "binary"),
        (b"<Error>404</Error>", "XML"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_text(path)
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(InputError, match="folder"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    "value",
    [
        "plain.mrc", "a b.mrc", 'a "b".mrc', "#1.mrc", "_x.mrc", "", "it's",
        "data_1.mrc", "data_k3/mic1.mrc", "loop_", "Data_1.mrc", "g' \".mrc", "g\" '.mrc",
    ],
)  # fmt: skip
def test_quoted_values_come_back(value: str):
    text = format_loop("x", ["name", "n"], [f"{quote(value)} 1"])
    assert parse_star(text, "x")[0].text("name") == (value,)


def test_a_value_that_no_quotes_can_hold_is_refused():
    with pytest.raises(InputError, match="rename it"):
        quote("a\" b' c.mrc")


def test_micrographs_named_like_keywords_are_values_and_quoted():
    """As RELION writes them, without quotes: as first and as later rows, and alone on a line."""
    for names in (("data_k3/mic1.mrc", "_g1/mic2.mrc"), ("_g1_mic1.mrc", "data_mic2")):
        rows = "".join(f"{name} 10 20\n" for name in names)
        text = f"data_particles # v\nloop_\n_a #1\n_b\n_c # 3\n{rows}\ndata_x.y\nloop_\n_d\n1\n"
        block, more = parse_star(text, "x")
        assert block.text("a") == names
        assert block.numbers("b").tolist() == [10, 10]
        assert more.name == "x.y"
    for names in (("data_k3/mic1.mrc", "_mic2.mrc"), ("_mic1.mrc", "data_mic2.mrc")):
        text = "data_micrographs\nloop_\n_a #1\n" + "\n".join(names) + "\n\ndata_more\n"
        block, more = parse_star(text, "x")
        assert block.text("a") == names
        assert more.columns == {}
    assert quote("data_k3/mic1.mrc") == '"data_k3/mic1.mrc"'
    assert quote("mydata_1.mrc") == "mydata_1.mrc"


def test_two_tables_in_one_block_are_two():
    """Single values and a loop, or two loops: of other lengths, they are no one table."""
    text = "data_a\n\n_rlnVersion 5\n\nloop_\n_rlnX\n_rlnY\n1 2\n3 4\n\nloop_\n_rlnZ\n7\n"
    single, first, second = parse_star(text, "a.star")
    assert (single.text("rlnVersion"), len(first), first.text("rlnY")) == (("5",), 2, ("2", "4"))
    assert (second.name, second.text("rlnZ")) == ("a", ("7",))
