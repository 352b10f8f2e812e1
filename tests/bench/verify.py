#!/usr/bin/python3
"""Proof beside CPython's, and beside json-c and one SHA-512.

Everything is measured in turns in one run; what counts is the ratio of the
medians.  Each number is nanoseconds for one body.
"""
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.parse

from claims import Claims

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "build", "bench", "verify")
ROUNDS, COUNT = 41, 400
TASKS = ["verify", "verify+map", "written", "parse", "canonical", "json-c", "sha512"]
SECRET = b"secret"


def cpython_verify(body, signature):
    """What Monte Carlo publishes (facts/montecarlo.md, 5)."""
    text = urllib.parse.urlencode(json.loads(body)).encode("utf8")
    computed = hmac.new(SECRET, text, hashlib.sha512).hexdigest()
    return hmac.compare_digest(computed, signature)


def cpython(body, signature, count):
    start = time.perf_counter_ns()
    for _ in range(count):
        if not cpython_verify(body, signature):
            return -1
    return (time.perf_counter_ns() - start) // count


def measure(name):
    path = os.path.join(ROOT, "tests", "vectors", name + ".json")
    with open(path) as f:
        body = f.read()
    with subprocess.Popen([PROGRAM, path], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        signature = child.stdout.readline().strip()
        took = {task: [] for task in TASKS + ["CPython"]}
        for _ in range(ROUNDS):
            for task in TASKS:
                child.stdin.write("%s %d\n" % (task, COUNT))
                took[task].append(int(child.stdout.readline()))
            took["CPython"].append(cpython(body, signature, COUNT // 10))
        child.stdin.close()
    if any(ns < 0 for each in took.values() for ns in each):
        sys.exit("verify: %s: not verified" % name)
    return {task: statistics.median(each) for task, each in took.items()}


def main():
    claims = Claims()
    for name in ("example1", "example2"):
        ns = measure(name)
        claims.note("%s, ns: %s" % (name, ", ".join("%s %d" % item for item in ns.items())))
        times = ns["CPython"] / ns["verify"]
        share = ns["verify+map"] / (ns["json-c"] + ns["sha512"])
        claims.line("verify at least 12 times as fast as CPython", "%.1f" % times,
                    times >= 12)
        claims.line("verify and map at most 1.4 of json-c and SHA-512",
                    "%.2f" % share, share <= 1.4)
        claims.note("map counts up to the event as a tree; with the bytes that "
                    "json-c writes of it: %.2f"
                    % (ns["written"] / (ns["json-c"] + ns["sha512"])))
    return claims.exit()


sys.exit(main())
