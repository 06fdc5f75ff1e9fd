"""Blosc with zstd, the commonest encoding of all: blosc2 decodes it in three quarters of the time of numcodecs.

To load blosc2 takes as long as it saves, on two cores, in 800 MB. If it is installed, it is loaded once a process has
decoded so much, or used from the start where the program has loaded it. What it encodes numcodecs cannot decode: it
decodes only.
"""

from __future__ import annotations

import sys
from struct import Struct
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numcodecs.abc import Codec
    from numpy.typing import NDArray

HEADER = Struct("<BBBBIII")
"""Version of the format, that of the codec, flags, typesize, nbytes, blocksize, cbytes (Blosc chunk format)."""

PAYS = 800 * 10**6
"""Bytes of chunks, encoded, after which blosc2 is loaded."""


LARGE = 2**25
"""Bytes of a decoded chunk from which on the system gives its memory anew each time."""


class Decoder:
    """Decodes what a codec of numcodecs has encoded, by whichever of the two is the faster one by now."""

    def __init__(self, pays: int = PAYS) -> None:
        self._left = pays
        self._blosc2: ModuleType | None = None

    def __call__(self, codec: Codec, data: Any) -> Any:
        """The bytes of a chunk, by blosc2 or numcodecs.

        Raises
        ------
        Exception
            Whatever either of them raises; ValueError where the chunk is cut off, which numcodecs does not see.
        """
        if codec.codec_id == "blosc" and len(data) >= HEADER.size and HEADER.unpack_from(data)[-1] > len(data):
            raise ValueError("the chunk is cut off")
        out = _room(data) if codec.codec_id == "blosc" else None
        if codec.codec_id != "blosc" or codec.cname != "zstd":
            return codec.decode(data, out)
        if self._blosc2 is None:
            self._left -= len(data)
            self._load()
        if self._blosc2 is None or not _is_sound(data):
            return codec.decode(data, out)
        found = self._blosc2.decompress2(data, dst=out, nthreads=1)
        return found if out is None else out

    def _load(self) -> None:
        if self._left > 0 and "blosc2" not in sys.modules:
            return
        try:
            import blosc2
        except ImportError:
            self._left = PAYS  # then it may be there
        else:
            blosc2.set_releasegil(True)
            self._blosc2 = blosc2


def _room(data: bytes) -> NDArray[np.uint8] | None:
    """Where a large chunk is decoded to: NumPy's memory comes in large pages, bytes' would come page by page."""
    if len(data) < HEADER.size:
        return None
    nbytes = HEADER.unpack_from(data)[4]
    return np.empty(nbytes, np.uint8) if nbytes >= LARGE else None


def _is_sound(data: bytes) -> bool:
    """Whether a header is one that numcodecs takes; blosc2 knows other formats too, and looks less closely."""
    if len(data) < HEADER.size:
        return False
    version, codec, _, _, nbytes, blocksize, cbytes = HEADER.unpack_from(data)
    return (version, codec) == (2, 1) and 0 < blocksize <= nbytes and cbytes == len(data)


decoded = Decoder()
