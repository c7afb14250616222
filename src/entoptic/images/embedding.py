"""The job that a picture carries: text in a PNG's iTXt chunk, elsewhere in an XMP packet.

Source: Extensible Metadata Platform (XMP), ISO 16684-1:2019.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import escape, unescape

from entoptic.errors import BadSetting, NoJob
from entoptic.images import png
from entoptic.images.files import File, check_readable, damage_told, load, opened, shown
from entoptic.images.large import xmp_of_tiff
from entoptic.types import PathLike

KEYWORD = "entoptic"
# A job is a few kilobytes; more than this is no job of ours, stored or compressed.
MAX_JOB = 1 << 20
# What fits beside the name of the segment into the 65 533 bytes of a JPEG segment.
MAX_JPEG_XMP = 65_504

_START, _END = b"<entoptic:job>", b"</entoptic:job>"
_PACKET = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:entoptic="urn:entoptic">'
    "<entoptic:job>{}</entoptic:job>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
)


def checked_job(job: str) -> str:
    """The text of a job, if every kind of file can carry it.

    Raises:
        BadSetting: it has control characters or lone surrogates, or more than MAX_JOB bytes.
    """
    wrong = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", job)
    if wrong:
        raise BadSetting(
            f"the job's text has the character {wrong[0]!r} at {wrong.start()}, which files can't"
            " carry; json.dumps escapes it"
        )
    size = len(job.encode())
    if size > MAX_JOB:
        raise BadSetting(f"the job has {size} bytes; at most {MAX_JOB} fit into a picture")
    return job


def xmp_packet(job: str) -> bytes:
    """An XMP packet that carries a job."""
    return _PACKET.format(escape(job, {"\r": "&#13;"})).encode()


def read_job(path: PathLike) -> str:
    """The text that `write(..., job=...)` stored in a picture.

    Raises:
        PictureNotFound: there is no such file, it is a folder, or it may not be read.
        BadPicture: it isn't a picture, or it is damaged.
        NoJob: the picture doesn't carry one.
    """
    check_readable(path)
    packet = xmp_of_tiff(path)
    if packet is not None:
        with damage_told(File(Path(path), b"", "TIFF")):
            return _found(_in_packet(packet), path)
    file = load(path)
    with damage_told(file):
        job = png.find_text(file.data, KEYWORD, MAX_JOB) if file.kind == "PNG" else _in_xmp(file)
    return _found(job, path)


def _found(job: str | None, path: PathLike) -> str:
    if job is None:
        raise NoJob(
            f"{shown(path)} carries no job; name a picture that entoptic wrote and"
            " no other program has saved since"
        )
    return job


def _in_xmp(file: File) -> str | None:
    with opened(file) as image:
        packet = image.info.get("xmp", b"")
    if not isinstance(packet, bytes):
        raise ValueError("its XMP packet is damaged")
    return _in_packet(packet)


def _in_packet(packet: bytes) -> str | None:
    _, found, rest = packet.partition(_START)
    if not found:
        return None
    text, end, _ = rest.partition(_END)
    if not end:
        raise ValueError("the job in its XMP packet is damaged")
    # Escaping makes at most five bytes of one.
    if len(text) > 5 * MAX_JOB:
        raise ValueError(f"its job has more than {MAX_JOB} bytes")
    return unescape(text.decode(), {"&#13;": "\r"})
