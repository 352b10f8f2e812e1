#!/usr/bin/python3
"""Makes the vectors beside it, with the Python it runs under.

Each line of a .jsonl file is an object: name, body (base64), and either want
(the text that a signature covers) and hmac (under the key "secret"), or
error (the name of Python's exception).  Made with CPython 3.11.7, which knows
Unicode 14.0.  What is no object is an error here though Python encodes the
empty list and the empty string to nothing: no alert reads like that.
"""
import base64
import hmac
import json
import os
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))

EDGES = [
    b'{}',
    b'[]',
    b'""',
    b'"ab"',
    b'null',
    b'1',
    b'[["a",1]]',
    b'[1]',
    b'true',
    b'{"a":null,"b":true,"c":false}',
    b'{"a":"null","b":"True"}',
    b'{"a":[]}',
    b'{"a":{}}',
    b'{"a":[null,true,false,1,1.0,"x"]}',
    b'{"a":{"b":null}}',
    b'{"":""}',
    b'{"a":{"":1}}',
    b'{"a b":"c d"}',
    b'{"a":"~-_.!*\'()/+&=%?#:;,@$"}',
    b'{"a":1,"b":2,"a":3}',
    b'{"p":{"x":1,"y":2,"x":[1]}}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":0}',
    b'{"a":-0}',
    b'{"a":-0.0}',
    b'{"a":0.0}',
    b'{"a":1.0}',
    b'{"a":49.0}',
    b'{"a":1.50}',
    b'{"a":1e5}',
    b'{"a":1E+5}',
    b'{"a":1e15}',
    b'{"a":1e16}',
    b'{"a":9999999999999998.0}',
    b'{"a":123456789012345680.0}',
    b'{"a":0.0001}',
    b'{"a":0.00001}',
    b'{"a":1e-7}',
    b'{"a":1.5e300}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":1e-400}',
    b'{"a":-1e-400}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":-NaN}',
    b'{"a":nan}',
    b'{"a":+1}',
    b'{"a":01}',
    b'{"a":-}',
    b'{"a":1.}',
    b'{"a":.5}',
    b'{"a":1e}',
    b'{"a":5e-324}',
    b'{"a":0.1}',
    b'{"a":2.675}',
    b'{"a":1e22}',
    b'{"a":1e23}',
    b'{"a":2e16}',
    b'{"a":20000000000000008.0}',
    b'{"a":12345678901234567890123}',
    b'{"a":18446744073709551616}',
    b'{"p":["it\'s"]}',
    b'{"p":["say \\"hi\\""]}',
    b'{"p":["it\'s \\"x\\""]}',
    b'{"p":["\'"]}',
    b'{"p":["\\""]}',
    b'{"a":"it\'s"}',
    b'{"p":["a\\\\b"]}',
    b'{"p":["\\t\\n\\r\\b\\f\\u0000\\u001f\\u007f"]}',
    b'{"a":"\\t\\n\\r\\b\\u0000\\u007f"}',
    b'{"p":["\\/"]}',
    b'{"p":["\\u00e9"]}',
    b'{"p":["\\u00a0"]}',
    b'{"a":"\\u00a0"}',
    b'{"p":["\\u00ad"]}',
    b'{"p":["\\u0085"]}',
    b'{"p":["\\u200b"]}',
    b'{"p":["\\u2028"]}',
    b'{"p":["\\u3000"]}',
    b'{"p":["\\ufeff"]}',
    b'{"p":["\\ue000"]}',
    b'{"p":["\\uffff"]}',
    b'{"p":["\\ufffd"]}',
    b'{"p":["\\u0378"]}',
    b'{"p":["\\u200d"]}',
    b'{"p":["\\ufe0f"]}',
    b'{"p":["\\u0301"]}',
    b'{"p":["\\ud83d\\ude00"]}',
    b'{"p":["\\ud83e\\udee8"]}',
    b'{"p":["\\udb40\\udc67"]}',
    b'{"p":["\\ud83d\\udc68\\u200d\\ud83d\\udc69"]}',
    b'{"p":["\\udbff\\udffd"]}',
    b'{"a":"\\ud83d\\ude00"}',
    b'{"p":["\\ud83d"]}',
    b'{"p":["\\ude00"]}',
    b'{"p":["\\ud83d\\u0041"]}',
    b'{"p":["\\ude00\\ud83d"]}',
    b'{"p":["\\ud83d\\ud83d\\ude00"]}',
    b'{"a":"\\ud83d"}',
    b'{"\\ud83d":1}',
    b'{"p":{"\\ud83d":1}}',
    b'{"p":["\\x41"]}',
    b'{"p":["\\u12G4"]}',
    b'{"p":["\\u 123"]}',
    b'{"p":["\\U0041"]}',
    b'{"p":["\t"]}',
    b'{"p":["\x7f"]}',
    b'{"p":["\xe2\x80\xa8"]}',
    b'{"a":1,}',
    b'{"a":[1,]}',
    b'{"a":1}x',
    b'{"a":1} \n',
    b'\xef\xbb\xbf{"a":1}',
    b'\xc2\xa0{"a":1}',
    b'\x0c{"a":1}',
    b"{'a':1}",
    b'{"a":1 /*c*/}',
    b'{a:1}',
    b'',
    b'  ',
    b'{"a":tru}',
    b'{"a":"x',
    b'{"a":1}',
    b'\xef\xbb\xbf{"a":1}',
    b'\xff\xfe{\x00"\x00a\x00"\x00:\x00"\x00\xe9\x00"\x00}\x00',
    b'{\x00"\x00a\x00"\x00:\x00"\x00\xe9\x00"\x00}\x00',
    b'\x00\x00\x00{\x00\x00\x00"\x00\x00\x00a\x00\x00\x00"\x00\x00\x00:\x00\x00\x00"\x00\x00\x00\xe9\x00\x00\x00"\x00\x00\x00}',
    b'{"a":"\xff"}',
    b'{"p":["\xed\xa0\xbd"]}',
    b'{"p":["\xed\xa0\xbd\xed\xb8\x80"]}',
    b'{"p":["\xc0\x80"]}',
    b'{"p":["\xf4\x90\x80\x80"]}',
    b'{"p":["\\ud83d\xed\xb8\x80"]}',
    b'{"a":"\xed\xa0\xbd"}',
    b'{"a":"\x00"}',
    b'{"a":1}\x00',
]

# Doubles whose shortest form is not the nearest of its length
# (facts/montecarlo.md, 5.4): two to the power of these.
POWERS = [
    -1017, -1007, -957, -921, -808, -791, -788, -778, -705, -695, -662, -652,
    -549, -509, -496, -489, -383, -366, -296, -140, -97, -77, -44, -24, 89,
    122, 132, 172, 182, 275, 305, 345, 378, 398, 405, 481, 534, 544, 554, 574,
    594, 710, 803, 863, 896, 976,
]


def vector(name, body):
    line = {"name": name, "body": base64.b64encode(body).decode()}
    try:
        value = json.loads(body)
        if not isinstance(value, dict):
            raise TypeError("not an object")
        text = urllib.parse.urlencode(value)
    except (ValueError, TypeError) as e:
        line["error"] = type(e).__name__
    else:
        line["want"] = text
        line["hmac"] = hmac.new(b"secret", text.encode(), "sha512").hexdigest()
    return line


def write(name, lines):
    with open(os.path.join(HERE, name), "w") as out:
        for line in lines:
            out.write(json.dumps(line) + "\n")


def example(name):
    with open(os.path.join(HERE, name + ".json"), "rb") as f:
        return vector(name, f.read())


def power(n):
    """As a program writes it, and with more digits than are needed."""
    for text in (repr(2.0**n), "%.40e" % 2.0**n):
        yield vector("2^%d" % n, b'{"a":%s,"b":[-%s]}' % ((text.encode(),) * 2))


write("edges.jsonl", [vector(repr(b)[2:-1], b) for b in EDGES])
write("examples.jsonl", map(example, ("example1", "example2", "update")))
write("powers.jsonl", [v for n in POWERS for v in power(n)])
