"""Our canonical text against CPython's own, on bodies nobody thought of.

Thousands of random bodies go through json.loads, urlencode and hmac here, and
through tree, pyrepr and sign in build/tools/canonical; both must agree on
every byte, and on what has no signature at all.  SEED repeats a run, CASES
makes it longer.
"""
import base64
import hmac
import json
import math
import os
import random
import struct
import subprocess
import sys
import unicodedata
import urllib.parse

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOL = os.path.join(ROOT, "build", "tools", "canonical")
DATA = os.path.join(ROOT, "src", "printable")
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
CASES = int(os.environ.get("CASES") or 6000)
DEPTH = 256
LAST = 0x10FFFF


# ---- the two sides -----------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def tool():
    subprocess.run(["make", "-s", TOOL[len(ROOT) + 1 :]], cwd=ROOT, check=True)


def ours(bodies, version):
    """For each body (text, hmac, varies), or (None, reason, False)."""
    asked = b"".join(struct.pack(">I", len(b)) + b for b in bodies)
    done = subprocess.run([TOOL, version], input=asked, capture_output=True)
    assert done.returncode == 0, "%s; SEED=%d" % (done.stderr[-2000:], SEED)
    out, at, answers = done.stdout, 0, []
    for _ in bodies:
        (n,) = struct.unpack_from(">I", out, at + 2)
        text = out[at + 6 : at + 6 + n]
        if out[at : at + 1] == b"+":
            mac = out[at + 6 + n : at + 6 + n + 128].decode()
            answers.append((text, mac, out[at + 1 : at + 2] == b"1"))
            at += 6 + n + 128
        else:
            answers.append((None, text.decode(), False))
            at += 6 + n
    assert at == len(out)
    return answers


def load(body):
    """The object that CPython reads, or None; ours may have no other."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def encode(value):
    try:
        return urllib.parse.urlencode(value).encode()
    except UnicodeEncodeError:
        return None


# ---- printability --------------------------------------------------------------


def read_table(name):
    prints = bytearray(LAST + 1)
    prints[0x20:0x7F] = b"\1" * 0x5F
    with open(os.path.join(DATA, name)) as f:
        for line in f:
            for word in [] if line.startswith("#") else line.split():
                first, _, last = word.partition("-")
                for c in range(int(first, 16), int(last or first, 16) + 1):
                    prints[c] = 1
    return prints


TABLES = {n[:-4]: read_table(n) for n in sorted(os.listdir(DATA))}
MINE = ".".join(unicodedata.unidata_version.split(".")[:2])
VERSION = MINE if MINE in TABLES else "14.0"
# Where the tables differ, and where a Python without a table of its own might.
DIFFER = {c for c in range(LAST + 1) if len({t[c] for t in TABLES.values()}) > 1}
STRANGE = {
    c for c in range(LAST + 1) if chr(c).isprintable() != TABLES[VERSION][c]
} | (set() if MINE in TABLES else DIFFER)


def nested_characters(value):
    """All characters that are written by repr()."""
    found, todo = set(), [v for v in value.values() if isinstance(v, (list, dict))]
    while todo:
        v = todo.pop()
        if isinstance(v, str):
            found.update(map(ord, v))
        elif isinstance(v, dict):
            todo.extend(v.keys())
            todo.extend(v.values())
        elif isinstance(v, list):
            todo.extend(v)
    return found


# ---- comparing -------------------------------------------------------------------


def compare(bodies, where):
    """Both sides on every body; says how many had a text."""
    texts = 0
    for body, (text, mac, varies) in zip(bodies, ours(bodies, VERSION)):
        value = load(body)
        want = None if value is None else encode(value)
        used = set() if value is None else nested_characters(value)
        if used & STRANGE:
            continue
        told = "%s, SEED=%d\nbody %r\nbase64 %s" % (
            where, SEED, body[:2000], base64.b64encode(body).decode()[:4000])
        if want is None:
            assert text is None, "taken, CPython refuses: " + told
            continue
        assert text is not None, "refused (%s), CPython takes: %s" % (mac, told)
        assert text == want, told
        assert mac == hmac.new(b"secret", want, "sha512").hexdigest(), told
        assert varies == bool(used & DIFFER), told
        texts += 1
    return texts


# ---- random bodies -----------------------------------------------------------------

CHARACTERS = (
    "abcXYZ019 _.-~!*'()/+&=%?#:;,@$<>[]{}|^`\"'\\\"'\\'\"/\t\n\r\b\f\0\x1f\x7f"
    "\x80\x85\x9f\xa0\xad\xe9\xff\u0100\u0301\u0378\u0600\u061c\u200b\u200d\u2028"
    "\u2029\u202e\u202f\u205f\u20ac\u20c0\u2ffc\u3000\ud7ff\ud800\ud83d\udbff\udc00"
    "\ude00\udfff\ue000\ufdd0\ufe0f\ufeff\ufffd\uffff\U00010000\U0001f468\U0001f600"
    "\U0001f6dd\U0001fae0\U0001fae8\U000e0067\U000e01ef\U000f0000\U0010fffd"
    "\U0010ffff"
)
VARYING = sorted(DIFFER)
SPACES = ["", "", "", " ", "  ", "\n", "\t", "\r\n", " \n\t"]
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f"}
SHORT.update({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Maker:
    """JSON text with all that CPython accepts, and a little more."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def character(self):
        r = self.r
        kind = r.random()
        if kind < 0.75:
            return r.choice(CHARACTERS)
        if kind < 0.85:
            return chr(r.randrange(0x20, 0x7F))
        if kind < 0.90:
            return chr(r.choice(VARYING))
        return chr(r.randrange(r.choice([0x100, 0x800, 0x10000, LAST + 1])))

    def escape(self, c):
        r = self.r
        if c in SHORT and r.random() < 0.6:
            return SHORT[c]
        units = c.encode("utf-16-be", "surrogatepass")
        form = r.choice(["\\u%04x", "\\u%04X"])
        return "".join(form % u for u in struct.unpack(">%dH" % (len(units) // 2), units))

    def string(self, text=None):
        r = self.r
        if text is None:
            text = "".join(self.character() for _ in range(r.choice([0, 1, 2, 3, 8, 40])))
        escapes = r.choice([0, 0.1, 0.5, 1])
        out = '"'
        for c in text:
            must = c < " " or c in '"\\'
            out += self.escape(c) if must or r.random() < escapes else c
        return out + '"'

    def integer(self):
        r = self.r
        digits = r.choice([1, 1, 2, 3, 9, 10, 16, 19, 20, 39, 400, 4299, 4300])
        if digits > 20 and r.random() < 0.8:
            digits = 20
        text = str(r.randrange(1, 10)) + "".join(r.choices("0123456789", k=digits - 1))
        return r.choice(["", "-"]) + r.choice([text, text, text, "0"])

    def double(self):
        """A double of any size, or next to a power of two or ten."""
        r = self.r
        kind = r.randrange(6)
        if kind == 0:
            return struct.unpack(">d", r.randbytes(8))[0]
        if kind == 1:
            x = math.ldexp(1.0, r.randrange(-1074, 1024))
        elif kind == 2:
            x = float("1e%d" % r.randrange(-323, 309))
        elif kind == 3:
            x = float(r.randrange(2**r.randrange(1, 70)))
        elif kind == 4:
            x = math.ldexp(r.randrange(2**52), -1074)
        else:
            x = r.uniform(-1000, 1000)
        for _ in range(r.choice([0, 0, 1, 2])):
            x = math.nextafter(x, r.choice([-math.inf, math.inf]))
        return x

    def float(self):
        r = self.r
        kind = r.randrange(10)
        if kind == 0:
            return r.choice(["NaN", "Infinity", "-Infinity", "1e400", "-1e400",
                "1e-400", "-1e-400", "-0.0", "0e0", "-0E-0", "0.000e+7"])
        if kind < 6:
            x = self.double()
            if math.isfinite(x):
                return r.choice(["%r" % x, "%.16e" % x, "%.17e" % x,
                    "%.*e" % (r.randrange(0, 25), x),
                    "%.*f" % (r.randrange(1, 30), x), "%.800e" % x])
        whole = r.choice(["0", str(r.randrange(1, 10 ** r.randrange(1, 25)))])
        text = whole
        if r.random() < 0.8:
            text += "." + "0" * r.choice([0, 0, 1, 3, 20]) + "".join(
                r.choices("0123456789", k=r.randrange(1, 25)))
            text += "0" * r.choice([0, 0, 1, 20])
        if "." not in text or r.random() < 0.5:
            text += r.choice("eE") + r.choice(["", "+", "-"]) + r.choice(["", "0", "00"])
            text += str(r.choice([0, 1, 5, 15, 16, 17, 22, 23, r.randrange(330)]))
        return r.choice(["", "-"]) + text

    def tie(self):
        """Exactly half way between two doubles, or a digit beside it."""
        r = self.r
        low, exponent = r.randrange(2**52, 2**53), r.randrange(-60, 60)
        n = 2 * low + 1
        if exponent >= 0:
            return "%d.0" % (n << exponent)
        text = "%d" % (n * 5**-exponent)
        text = text.rjust(1 - exponent, "0")
        text = text[:exponent] + "." + text[exponent:]
        return text + r.choice(["", "0", "00000001"])

    def value(self, depth):
        r = self.r
        kind = r.randrange(14)
        if depth > 0 and kind < 3:
            return self.object(depth - 1)
        if depth > 0 and kind < 6:
            return self.list(depth - 1)
        if kind < 8:
            return self.integer()
        if kind < 10:
            return self.float()
        if kind == 10:
            return self.tie()
        if kind == 11:
            return r.choice(["null", "true", "false"])
        return self.string()

    def space(self):
        return self.r.choice(SPACES)

    def join(self, parts):
        text = self.space()
        for i, part in enumerate(parts):
            text += ("," if i > 0 else "") + self.space() + part + self.space()
        return text

    def list(self, depth):
        n = self.r.choice([0, 1, 2, 5])
        return "[" + self.join([self.value(depth) for _ in range(n)]) + "]"

    def object(self, depth):
        r = self.r
        n = r.choice([0, 1, 2, 3, 6, 6, 20, 40])
        pool = [None] + ["a", "b", "\u00e9", "e\u0301", "\ud83d", "\U0001f600",
            "\0", "", "it's", 'say "hi"'][: r.choice([0, 3, 10])]
        parts = []
        for _ in range(n if depth > 0 else n % 7):
            key = self.string(r.choice(pool))
            parts.append(key + self.space() + ":" + self.space() + self.value(depth))
        return "{" + self.join(parts) + "}"

    def top(self):
        """An object whose top level has no half surrogates, mostly."""
        r = self.r
        if r.random() < 0.1:
            return self.object(r.randrange(4))
        parts = []
        for i in range(r.choice([1, 2, 3, 8])):
            value = self.value(r.randrange(4))
            if value.startswith('"') or r.random() < 0.5:
                value = "[%s]" % value
            parts.append('"k%d"%s:%s' % (r.randrange(4), self.space(), value))
        return "{" + self.join(parts) + "}" + self.space()

    def deep(self):
        n = self.r.choice([200, DEPTH - 1, DEPTH, DEPTH + 1])
        left, right = self.r.choice([("[", "]"), ('{"a":', "}")])
        return '{"p":' + left * (n - 1) + "1" + right * (n - 1) + "}", n <= DEPTH

    def encoded(self, text):
        """As bytes, in any encoding that json.loads takes from bytes."""
        r = self.r
        if r.random() < 0.8:
            return text.encode("utf-8", "surrogatepass")
        name = r.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32",
            "utf-32-le", "utf-32-be", "big"])
        if name == "big":
            name = r.choice(["utf-16-be", "utf-32-be"])
            text = "\ufeff" + text
        if name == "utf-8-sig":
            return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
        return text.encode(name, "surrogatepass")

    def broken(self, body):
        """The body after an accident or three."""
        r = self.r
        scrap = [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\xbd", b"\xed\xb8\x80",
            b"\xf4\x90\x80\x80", b"\xe0\x80\x80", b"\xe2\x82", b"\0", b"\\", b'"', b",",
            b":", b"{", b"}", b"[", b"]", b" ", b"\t", b"\x0c", b"\xc2\xa0", b"0", b"-",
            b".", b"e", b"+", b"null", b"NaN", b"\\u", b"\\ud83d", b"\\ude00", b"\\x41",
            b"'", b"//", b"\xef\xbb\xbf"]
        for _ in range(r.choice([1, 1, 2, 3])):
            at = r.randrange(len(body) + 1)
            end = min(len(body), at + r.choice([0, 1, 1, 2, 10]))
            kind = r.randrange(5)
            if kind == 0:
                body = body[:at]
            elif kind == 1:
                body = body[:at] + body[end:]
            elif kind == 2:
                body = body[:at] + r.choice(scrap) + body[at:]
            elif kind == 3:
                body = body[:at] + body[at:end] * 2 + body[end:]
            elif at < len(body):
                body = body[:at] + bytes([r.randrange(256)]) + body[at + 1 :]
        return body


def test_random_bodies_read_and_sign_as_in_cpython():
    make = Maker(SEED)
    bodies = [make.encoded(make.top()) for _ in range(CASES)]
    texts = compare(bodies, "random bodies")
    assert texts > CASES // 2, "SEED=%d" % SEED


def test_broken_bodies_are_refused_exactly_when_cpython_refuses_them():
    make = Maker(SEED + 1)
    bodies = [make.broken(make.encoded(make.top())) for _ in range(CASES)]
    texts = compare(bodies, "broken bodies")
    assert CASES // 100 < texts < CASES, "SEED=%d" % SEED


def test_depth_is_refused_beyond_256_levels_and_not_before():
    make = Maker(SEED + 2)
    for _ in range(40):
        text, taken = make.deep()
        (got, _, _), = ours([text.encode()], VERSION)
        assert (got is not None) == taken
        if taken:
            assert compare([text.encode()], "deep bodies") == 1


def test_integers_beyond_4300_digits_are_refused_as_in_cpython():
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python has no limit of its own")
    bodies = [b'{"a":%s%s}' % (s, b"7" * n) for n in (4299, 4300, 4301) for s in (b"", b"-")]
    assert compare(bodies, "long integers") == 4


def floats(values):
    return b'{"a":[' + b",".join(b"%.17e" % v for v in values) + b"]}"


def test_every_power_of_two_and_its_neighbours_reads_as_in_cpython():
    bodies = []
    for n in range(-1074, 1024):
        x = math.ldexp(1.0, n)
        near = [math.nextafter(x, 0.0), x, math.nextafter(x, math.inf)]
        bodies.append(floats(v for v in near if math.isfinite(v)))
    assert compare(bodies, "powers of two") == len(bodies)


def test_random_doubles_read_as_in_cpython():
    make = Maker(SEED + 3)
    bodies = [
        floats(x for x in (make.double() for _ in range(100)) if math.isfinite(x))
        for _ in range(CASES // 20)
    ]
    assert compare(bodies, "random doubles") == len(bodies)


def test_doubles_in_short_form_read_as_in_cpython():
    r = random.Random(SEED + 4)
    bodies = []
    for _ in range(CASES // 20):
        texts = ["%de%d" % (r.randrange(1, 10 ** r.randrange(1, 19)), r.randrange(-330, 310))
            for _ in range(100)]
        bodies.append(('{"a":[%s]}' % ",".join(texts)).encode())
    assert compare(bodies, "short doubles") == len(bodies)


def test_every_character_is_written_as_in_cpython():
    step, bodies = 4096, []
    for first in range(0, LAST + 1, step):
        # One to a string, or a quote would change how the others look.
        each = [chr(c) for c in range(first, first + step) if c not in STRANGE]
        bodies.append(json.dumps({"a": each}, ensure_ascii=first % 3 != 0).encode(
            "utf-8", "surrogatepass"))
    assert compare(bodies, "every character") == len(bodies)


def escaped(c):
    if c <= 0xFF:
        return "\\x%02x" % c
    return "\\u%04x" % c if c <= 0xFFFF else "\\U%08x" % c


@pytest.mark.parametrize("version", sorted(TABLES))
def test_every_table_is_its_data_file(version):
    step, bodies, wants = 4096, [], []
    for first in range(0x80, LAST + 1, step):
        chars = range(first, min(first + step, LAST + 1))
        # Not escaped: an escaped surrogate pair would be one character.
        bodies.append(b'{"a":["%s"]}' % "".join(map(chr, chars)).encode(
            "utf-8", "surrogatepass"))
        text = "".join(chr(c) if TABLES[version][c] else escaped(c) for c in chars)
        wants.append(b"a=" + urllib.parse.quote_plus("['%s']" % text).encode())
    for body, want, (text, _, _) in zip(bodies, wants, ours(bodies, version)):
        assert text == want


def test_the_program_has_a_table_for_each_data_file():
    out = subprocess.run([TOOL], capture_output=True, text=True, check=True).stdout
    assert sorted(out.split()) == sorted(TABLES)
    assert out.split()[0] == "14.0"
