"""How figures become files."""

from pathlib import Path

import pytest
from PIL import Image

from vecsearch.errors import InvalidArgument
from vecsearch.figures import as_svg, new_figure, plain, save_figure

pytest.importorskip("matplotlib")


@pytest.mark.parametrize(
    ("name", "form"), [("a.png", "PNG"), ("a.PNG", "PNG"), ("a", "PNG"), ("a.jpg", "JPEG")]
)
def test_the_ending_says_the_format(tmp_path: Path, name: str, form: str) -> None:
    save_figure(new_figure(2, 1), tmp_path / name, dpi=50)
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (form, (100, 50))
    save_figure(new_figure(2, 1), tmp_path / "map.page", kind="png")
    with Image.open(tmp_path / "map.page") as image:
        assert image.format == "PNG"


def test_an_ending_of_no_picture_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(InvalidArgument, match=r"a\.txt is no picture that can be drawn: .*png"):
        save_figure(new_figure(2, 1), tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_what_cannot_be_written_whole_leaves_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_text("mine")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vecsearch.store.durable.sync", full)
    with pytest.raises(OSError, match="No space left"):
        save_figure(new_figure(2, 1), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_text() == "mine"


def test_letters_that_the_font_has_not_got_are_no_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    figure = new_figure(3, 2)
    figure.subplots().set_title(plain("衣服 $5_$"))
    save_figure(figure, tmp_path / "a.png")
    assert as_svg(figure).startswith(b"<?xml")
    assert not list(recwarn)
