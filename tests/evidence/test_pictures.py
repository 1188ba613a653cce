"""Pictures: whole ones of a size that can be shown, which are pictures only."""

import struct
import zlib

import pytest
from PIL import Image

from app.evidence.content import images
from app.evidence.content.kinds import JPEG, PNG, TIFF, WEBP
from tests.evidence import files
from tests.evidence.files import picture
from tests.evidence.looking import code, look, refusal

FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 20
OF = {PNG: files.PNG, JPEG: files.JPEG, WEBP: files.WEBP, TIFF: files.TIFF}


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a piece of a PNG."""
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """Return a PNG that says it is so large."""
    start = files.PNG.index(b"IHDR") - 4
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0))
    return files.PNG[:start] + header + files.PNG[start + 25 :]


def jpeg_of(width: int, height: int) -> bytes:
    """Return a JPEG that says it is so large."""
    at = files.JPEG.index(b"\xff\xc0") + 5
    return files.JPEG[:at] + struct.pack(">HH", height, width) + files.JPEG[at + 4 :]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture("JPEG", progressive=True, size=(300, 200)), JPEG),
        (picture("JPEG", comment=b"ch\xc3\xbap ng\xc3\xa0y 15/12"), JPEG),
        (files.JPEG + FILM, JPEG),  # phones put a film behind the picture
        (files.JPEG + files.JPEG, JPEG),
        (picture("MPO", frames=2), JPEG),
        (picture("TIFF", frames=3), TIFF),
        (picture("TIFF", compression="tiff_lzw"), TIFF),
        (picture("TIFF", big_tiff=True), TIFF),
        (picture("WEBP", lossless=True), WEBP),
        (picture("WEBP", frames=3), WEBP),
        (picture("PNG", frames=3), PNG),
    ],
)
def test_pictures_of_cameras_and_scanners_are_taken(content: bytes, kind: str) -> None:
    look(content, kind)


@pytest.mark.parametrize("kind", OF)
def test_pictures_that_are_cut_off_are_refused(kind: str) -> None:
    whole = picture({PNG: "PNG", JPEG: "JPEG", WEBP: "WEBP", TIFF: "TIFF"}[kind], size=(200, 200))
    for end in (len(whole) // 4, len(whole) // 2, len(whole) - 3):
        assert code(whole[:end], kind) == "file_unreadable"


def test_pictures_of_more_pixels_than_can_be_shown_are_refused_without_decoding_them() -> None:
    for content, kind in [
        (png_of(60_000, 60_000), PNG),
        (jpeg_of(60_000, 60_000), JPEG),
        (png_of(2**31 - 1, 2**31 - 1), PNG),
    ]:
        assert "expand" in refusal(content, kind).en
    assert code(png_of(17_000, 17_000), PNG) == ""  # nobody has looked at a pixel


def test_more_frames_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_FRAMES", 4)
    for name, kind in [("TIFF", TIFF), ("WEBP", WEBP), ("PNG", PNG)]:
        assert code(picture(name, frames=4), kind) == ""
        assert "expand" in refusal(picture(name, frames=5), kind).en


def test_a_page_of_a_tiff_that_is_too_large_is_found_behind_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = picture("TIFF", frames=3)
    monkeypatch.setattr(images, "MAX_PIXELS", 63)
    assert "expand" in refusal(small, TIFF).en


def test_a_png_with_a_wrong_checksum_or_something_behind_its_end_is_refused() -> None:
    changed = bytearray(files.PNG)
    changed[files.PNG.index(b"IDAT") + 6] ^= 1
    for content in [bytes(changed), files.PNG + b"x", files.PNG + FILM]:
        assert code(content, PNG) == "file_unreadable"


@pytest.mark.parametrize("kind", [JPEG, WEBP])
def test_a_picture_with_another_file_behind_it_is_refused(kind: str) -> None:
    for behind in [
        files.zipped({"a.exe": files.EXE}),
        files.PDF,
        FILM + files.PDF,
        b"Rar!\x1a\x07\x01",
        b"7z\xbc\xaf\x27\x1c",
        b"<script>alert(1)</script>",
        b"<?php system($_GET[0]); ?>",
    ]:
        assert code(OF[kind] + behind, kind) == "file_ambiguous"


def test_a_picture_with_another_file_in_its_comment_is_refused() -> None:
    for comment in [b"%PDF-1.7\n", b"<html><script>alert(1)</script>", b"<?php echo 1; ?>"]:
        assert code(picture("JPEG", comment=comment), JPEG) == "file_ambiguous"
    text = files.PNG[:33] + chunk(b"tEXt", b"Comment\0<script>alert(1)</script>") + files.PNG[33:]
    assert code(text, PNG) == "file_ambiguous"


def test_the_limits_are_those_of_the_library_too() -> None:
    assert images.MAX_PIXELS // 2 == Image.MAX_IMAGE_PIXELS
