"""The compression of HTTP/2's headers (RFC 7541): whatever a server may send, and what a small client has to."""

from __future__ import annotations

from typing import Dict, Iterable, List, Tuple

TABLE_BYTES = 4096
ENTRY_OVERHEAD = 32
# Of a header that a health check might get, far more than any has; a larger number is no length.
_MOST = 1 << 24
# By symbol the length of its code (RFC 7541, appendix B), A for 5 bits, and at last that of the end. The codes follow
# from the lengths: those of one length are consecutive, and each length goes on where the one before it has ended.
_LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABA"
    "BABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRU"
    "VVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ"
)
_END = 256
# One on each line, with its value behind an equals sign where it has one.
_STATIC_TABLE = """
:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""
_STATIC = [(name, value) for name, _, value in (line.partition("=") for line in _STATIC_TABLE.split("\n")[1:-1])]

Header = Tuple[str, str]


def _codes() -> Dict[Tuple[int, int], int]:
    """By length and code the symbol."""
    found: Dict[Tuple[int, int], int] = {}
    lengths = [ord(letter) - ord("A") + 5 for letter in _LENGTHS]
    code = before = 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
        code <<= length - before
        found[length, code] = symbol
        code, before = code + 1, length
    return found


_SYMBOLS = _codes()


def _huffman(packed: bytes) -> bytes:
    """What a text in Huffman's code says.

    :raises ValueError: it is none.
    """
    out = bytearray()
    length = code = 0
    for octet in packed:
        for place in range(7, -1, -1):
            length, code = length + 1, code << 1 | octet >> place & 1
            symbol = _SYMBOLS.get((length, code))
            if symbol == _END:
                raise ValueError("the end of a text within it")
            if symbol is not None:
                out.append(symbol)
                length = code = 0
    if length > 7 or code != (1 << length) - 1:
        raise ValueError("a text that ends within a letter")
    return bytes(out)


def _number(value: int, bits: int) -> bytes:
    """A number whose first octet has so many bits for it, the others being 0."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytearray([most]), value - most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def encode(headers: Iterable[Header]) -> bytes:
    """A block of headers, each written out, so that nothing has to be remembered on either side."""
    out = bytearray()
    for header in headers:
        out.append(0)
        for text in header:
            octets = text.encode("utf-8")
            out += _number(len(octets), 7) + octets
    return bytes(out)


class _Block:
    """The octets of one block, read from the front."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def __bool__(self) -> bool:
        return self._at < len(self._octets)

    def take(self, length: int) -> bytes:
        """The next octets."""
        taken = self._octets[self._at : self._at + length]
        if len(taken) < length:
            raise ValueError("the headers end in the middle of one")
        self._at += length
        return taken

    def number(self, first: int, bits: int) -> int:
        """The number that begins in the last bits of an octet that was taken."""
        most = (1 << bits) - 1
        value, shift = first & most, 0
        if value < most:
            return value
        while value < _MOST:
            octet = self.take(1)[0]
            value, shift = value + ((octet & 127) << shift), shift + 7
            if octet < 128:
                return value
        raise ValueError("a number that is too large")

    def text(self) -> str:
        """The text that comes next."""
        first = self.take(1)[0]
        octets = self.take(self.number(first, 7))
        # As the standard library reads those of HTTP/1.1.
        return (_huffman(octets) if first & 128 else octets).decode("iso-8859-1")


class Decoder:
    """Reads the headers of one connection, in the order in which they arrive."""

    def __init__(self) -> None:
        self._recent: List[Header] = []
        self._allowed = TABLE_BYTES

    def decode(self, octets: bytes) -> List[Header]:
        """The headers of one block.

        :raises ValueError: it is none.
        """
        block, found = _Block(octets), []
        while block:
            first = block.take(1)[0]
            if first & 128:
                found.append(self._entry(block.number(first, 7)))
            elif first & 224 == 32:
                self._limit(block.number(first, 5))
            else:
                remembered = bool(first & 64)
                index = block.number(first, 6 if remembered else 4)
                header = (self._entry(index)[0] if index else block.text(), block.text())
                found.append(header)
                if remembered:
                    self._recent.insert(0, header)
                    self._forget()
        return found

    def _entry(self, index: int) -> Header:
        if not 0 < index <= len(_STATIC) + len(self._recent):
            raise ValueError(f"a header that nobody has sent, number {index}")
        return _STATIC[index - 1] if index <= len(_STATIC) else self._recent[index - len(_STATIC) - 1]

    def _limit(self, allowed: int) -> None:
        if allowed > TABLE_BYTES:
            raise ValueError(f"a table of {allowed} octets, and {TABLE_BYTES} are allowed")
        self._allowed = allowed
        self._forget()

    def _forget(self) -> None:
        while sum(len(name) + len(value) + ENTRY_OVERHEAD for name, value in self._recent) > self._allowed:
            self._recent.pop()
