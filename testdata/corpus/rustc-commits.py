#!/usr/bin/env python3
"""Adds pairs of commit and version to src/toolchain/rustc-commits.tsv: rustc-commits.py FILE...

A FILE is a program, or text. A pair is taken where both halves stand in one place: rustc's comment
`rustc version 1.95.0 (59807616e 2026-04-14)` with a source path `/rustc/59807616e…/` of the same
program, the output of `rustc -vV`, or a line `COMMIT VERSION` of a published list. A commit that the
table gives another version is an error.
"""
import pathlib
import re
import sys

TABLE = pathlib.Path(__file__).resolve().parents[2] / "src/toolchain/rustc-commits.tsv"
VERSION = rb"(1\.\d{1,4}\.\d{1,3}(?:-nightly|-beta(?:\.\d+)?)?)"


def pairs(data):
    commits = set(re.findall(rb"/rustc/([0-9a-f]{40})[/\\]", data))
    for version, short in re.findall(rb"rustc version " + VERSION + rb" \(([0-9a-f]{7,40}) \d{4}-\d\d-\d\d\)", data):
        yield from ((commit, version) for commit in commits if commit.startswith(short))
    for commit, version in re.findall(rb"commit-hash: ([0-9a-f]{40})\n(?:.*\n)*?release: " + VERSION, data):
        yield commit, version
    if b"\0" not in data:
        yield from re.findall(rb"^\s*[\"']?([0-9a-f]{40})[\"']?[\s:,]+[\"']?" + VERSION + rb"\b", data, re.M)


def main(*files):
    table = dict(line.split("\t") for line in TABLE.read_text().splitlines())
    before = len(table)
    for file in files:
        for commit, version in pairs(pathlib.Path(file).read_bytes()):
            commit, version = commit.decode(), version.decode()
            if table.setdefault(commit, version) != version:
                sys.exit(f"{file}: {commit} is {version} here, and {table[commit]} in the table")
    TABLE.write_text("".join(f"{commit}\t{version}\n" for commit, version in sorted(table.items())))
    print(f"{len(table)} pairs, {len(table) - before} of them new")


if __name__ == "__main__":
    main(*sys.argv[1:])
