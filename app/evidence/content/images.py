"""Pictures: headers are read, no pixel is decoded; they are whole and of a size that can be shown."""

import warnings
from typing import Any, BinaryIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from app.evidence.content.bounds import require_one_file
from app.evidence.content.kinds import JPEG, PNG, TIFF, WEBP
from app.evidence.content.refusals import cut_off, damaged, expands_too_much

MAX_PIXELS = 300_000_000  # phones take 200 million
MAX_FRAMES = 1000

Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # where the library warns; it refuses twice as many
_FORMATS = {
    PNG: PngImagePlugin.PngImageFile.format,
    JPEG: JpegImagePlugin.JpegImageFile.format,
    WEBP: WebPImagePlugin.WebPImageFile.format,
    TIFF: TiffImagePlugin.TiffImageFile.format,
}
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers that no length follows
_SCAN = 0xDA
# Where the pixels of a TIFF lie and how many bytes they have: strips, tiles, a JPEG of the old kind.
_PLACES = ((273, 279), (324, 325), (513, 514))


def require_sound(file: BinaryIO, media_type: str) -> None:
    """Refuse a picture that is damaged, cut off, beyond all measure, or something else too.

    Raises: FileUnreadable (422), FileAmbiguous (415), and those of Pillow.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(file, formats=[_FORMATS[media_type] or ""])
        except Image.DecompressionBombError as error:
            raise expands_too_much() from error
        if media_type == TIFF:
            _require_whole_frames(image, file)
        elif getattr(image, "n_frames", 1) > MAX_FRAMES:
            raise expands_too_much()
        if media_type == PNG:
            image.verify()  # the checksum of every piece
    require_one_file(file, _behind(file, media_type))


def _behind(file: BinaryIO, media_type: str) -> bytes:
    """Return what stands behind a picture's own end, which phones use for films and second pictures."""
    if media_type == TIFF:  # has no end of its own
        return b""
    file.seek(0)
    content = file.read()
    if media_type == PNG:
        if not content.endswith(_PNG_END):
            raise cut_off()
        return b""
    end = _jpeg_end(content) if media_type == JPEG else 8 + int.from_bytes(content[4:8], "little")
    if end > len(content):
        raise cut_off()
    return content[end:]


def _jpeg_end(content: bytes) -> int:
    """Return where a JPEG ends: at the first end marker behind the start of the scan."""
    at = 2
    while content[at + 1] != _SCAN:
        if content[at] != 0xFF:
            raise damaged()
        if content[at + 1] == 0xFF:  # fill
            at += 1
        elif content[at + 1] in _ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    end = content.find(b"\xff\xd9", at)
    if end < 0:
        raise cut_off()
    return end + 2


def _require_whole_frames(image: Any, file: BinaryIO) -> None:
    """Look at each page of a TIFF; a page names its strips, which must lie within the file."""
    for number in range(MAX_FRAMES + 1):
        try:
            image.seek(number)
        except EOFError:
            break
        if image.width * image.height > MAX_PIXELS:
            raise expands_too_much()
        spans = [
            (at, length)
            for places, lengths in _PLACES
            for at, length in zip(_numbers(image, places), _numbers(image, lengths), strict=False)
        ]
        size = file.seek(0, 2)
        if not spans or any(at + length > size for at, length in spans):
            raise cut_off()
    else:
        raise expands_too_much()


def _numbers(image: Any, tag: int) -> tuple[int, ...]:
    found = image.tag_v2.get(tag, ())
    return found if isinstance(found, tuple) else (found,)
