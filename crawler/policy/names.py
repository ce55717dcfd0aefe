"""Target names that are safe on every operating system, and the key under which two of them are one."""

from __future__ import annotations

import hashlib
import posixpath
import re
import unicodedata
from functools import lru_cache

from crawler.errors import UnsafePath

PART_SUFFIX = ".part"

# NAME_MAX is 255 bytes on Linux, 255 characters on NTFS and APFS; the part file needs its suffix.
MAX_COMPONENT_BYTES = 255 - len(PART_SUFFIX)
# PATH_MAX is 4096 bytes on Linux, output root included.
MAX_TARGET_BYTES = 3072
# A longer "extension" is no extension but a dot in a long name.
_MAX_EXTENSION_BYTES = 32

# What ends up percent-encoded: characters that Windows refuses, and Unicode's control, format (bidi
# overrides, zero-width), surrogate and line-separator classes, which hide what a name says (UTR #36).
_FORBIDDEN = frozenset('<>:"|?*\\')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[A-Za-z0-9_\-+@=,~%]+(?:\.[A-Za-z0-9_\-+@=,~%]+)*\Z")

# And one that is neither a device, nor a part file, nor too long: most of a long list.
_USUAL = re.compile(r"[0-9][A-Za-z0-9_\-]{0,63}(?:\.(?!part\Z)[a-z0-9]{1,8})?\Z")

# Device names and files to which Windows gives a meaning, whatever follows the first dot.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)
_MAGIC = frozenset({"desktop.ini", "thumbs.db"})
# ``x.{GUID}`` opens as a shell object in the Windows Explorer.
_CLSID = re.compile(r"\.(?=\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}\Z)", re.IGNORECASE)
_MARK = re.compile(r"~[0-9a-f]{8}(?=[./]|\Z)")  # what ``apart`` and ``twin`` add
_DRIVE = re.compile(r"[A-Za-z]:(?:[/\\]|\Z)")


def safe_target(raw: str) -> str:
    """The relative POSIX path below the output root that ``raw`` may stand for, safe on every OS.

    Unsafe characters are percent-encoded byte by byte, as wget does. A leading dot, trailing dots and
    spaces become ``_``; device names and names of part files get an extra ``_``; too long ones are cut
    and marked with ``~`` and eight hex digits of their SHA-256. ``..`` is never followed: it becomes
    ``__``. The result is a fixed point. Raises ``UnsafePath`` for what climbs out of the output root,
    is absolute, names no file, or is longer than a path may be.
    """
    folder, slash, name = raw.rpartition("/")
    before = _safe_folder(folder) if slash else ""
    if before is not None and _USUAL.match(name) is not None:
        target = before + name
    else:
        target = "/".join([_component(each) for each in _components(raw)])
    size = len(target) if target.isascii() else len(target.encode())
    if size > MAX_TARGET_BYTES:
        raise UnsafePath(f"the target path takes {size} bytes; a path may take {MAX_TARGET_BYTES}")
    return target


def fold(target: str) -> str:
    """The key under which case twins and Unicode twins are equal (Unicode D145, canonical caseless)."""
    if target.isascii():
        return target.lower()
    folded = unicodedata.normalize("NFD", target).casefold()
    return unicodedata.normalize("NFC", folded)


def twin(target: str) -> str:
    """The name for the second of two targets with one ``fold``: its own ``~hash8`` before the extension."""
    folder, name = posixpath.split(target)
    return posixpath.join(folder, _marked(name, target))


def apart(target: str, owner: str) -> str:
    """Another name for what ``owner`` would call ``target`` and cannot, the same each time."""
    folder, name = posixpath.split(target)
    return posixpath.join(folder, _marked(name, owner))


def akin(target: str, wanted: str) -> bool:
    """Whether a target is what ``wanted`` is called where its name, or a folder's, was not free."""
    return target == wanted or _MARK.sub("", target) == _MARK.sub("", wanted)


def _components(raw: str) -> list[str]:
    """The path's pieces without empty ones and ``.``; ``..`` is kept, counted and never followed."""
    if raw.startswith("/") or _DRIVE.match(raw):
        raise UnsafePath(f"target {_shown(raw)} is absolute; expected a path below the output root")
    if raw.endswith("/"):
        raise UnsafePath(f"target {_shown(raw)} names a folder; expected the name of a file")
    depth = 0
    found = []
    for piece in raw.split("/"):
        if piece in ("", "."):
            continue
        depth += -1 if piece == ".." else 1
        if depth < 0:
            raise UnsafePath(f"target {_shown(raw)} climbs out of the output root")
        found.append(piece)
    if not found or raw.endswith("/."):
        raise UnsafePath(f"target {_shown(raw)} names no file")
    return found


def _shown(raw: str) -> str:
    return repr(raw if len(raw) <= 120 else f"{raw[:120]}…")


@lru_cache(maxsize=4096)  # folders repeat
def _safe_folder(raw: str) -> str | None:
    """What stands before a usual name in this folder; ``None`` if no target may lie in it."""
    try:
        return "/".join([_component(each) for each in _components(f"{raw}/0")[:-1]] + [""])
    except UnsafePath:
        return None


@lru_cache(maxsize=4096)  # names of folders repeat
def _component(raw: str) -> str:
    name = raw if raw.isascii() else unicodedata.normalize("NFC", raw)
    if _PLAIN.match(name) is None:
        name = "".join([_encoded(char) for char in name])
        # A combining mark may now follow a hex digit that it composes with.
        name = unicodedata.normalize("NFC", name)
        name = _without_edges(name)
    if _DEVICE.match(name) or name.lower() in _MAGIC:
        name = f"_{name}"
    name = _CLSID.sub("_", name)
    if fold(name).endswith(PART_SUFFIX):
        name += "_"
    if len(name.encode()) > MAX_COMPONENT_BYTES:
        name = _marked(name, name)
    return name


def _encoded(char: str) -> str:
    if char in _FORBIDDEN or unicodedata.category(char) in _UNSEEN:
        return "".join([f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass")])
    return char


def _without_edges(name: str) -> str:
    """``.bashrc`` configures a program, and Windows drops trailing dots and spaces: neither stays."""
    if name.startswith("."):
        name = f"_{name[1:]}"
    kept = name.rstrip(". ")
    return kept + "_" * (len(name) - len(kept))


def _marked(name: str, whole: str) -> str:
    """``name`` with ``~`` and a hash of ``whole`` before its extension, cut to what a component may take."""
    mark = "~" + hashlib.sha256(whole.encode()).hexdigest()[:8]
    stem, extension = posixpath.splitext(name)
    if len(extension.encode()) > _MAX_EXTENSION_BYTES:
        stem, extension = name, ""
    room = MAX_COMPONENT_BYTES - len(mark) - len(extension.encode())
    return stem.encode()[:room].decode(errors="ignore") + mark + extension
