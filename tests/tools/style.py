#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""style.py: the house style, as far as a machine can judge it without taste: .clang-format is
for writing new code, but it would take tables and X-macros apart."""
import os
import re
import subprocess
import sys

WIDTH = 108  # 94 is the aim; a row of a table or a text may go over it
CODE = (".c", ".h")
TEXT = (".c", ".h", ".py", ".sh", ".ini", "Makefile", ".ci/run", ".mk", ".spec", ".md", ".yml",
        ".yaml", ".8", ".5", ".promql", ".allow", ".gitignore", ".editorconfig", ".clang-format", ".clang-tidy")
HEADER = b"SPDX-License-Identifier: Apache-2.0"
# Files without it, which are under LICENSE all the same, and why.
BARE = {
    r"LICENSE": "is it",
    r"(.*/)?README\.md|CHANGELOG\.md": "begins with its title where it is shown",
    r".*\.json": "has no comments",
    r".*\.png": "is no text",
    r"fuzz/corpus/.*": "is input, byte for byte",
    r"tests/data/.*\.(capture|golden)": "is a recording, or compared with what comes out",
    r"tests/data/[^/]*\.disk": "is compared with what is found",
    r"packaging/deb/.*": "is read by tools without comments; packaging/deb/copyright says it",
}


def bare(name):
    return [pattern for pattern in BARE if re.fullmatch(pattern, name)]


def unheaded(listed):
    """(name, line, what is wrong): files without a licence, and exceptions without a file."""
    for name in listed:
        with open(name, "rb") as file:
            headed = HEADER in b"".join(file.readlines()[:4])
        if not headed and not bare(name):
            yield name, 1, "no SPDX line"
    for pattern in BARE:
        if not any(pattern in bare(name) for name in listed):
            yield "tests/tools/style.py", 1, "BARE has no file for " + pattern


def faults(name, text):
    """(line, what is wrong) of a file."""
    lines = text.split("\n")
    if lines[-1] != "" or lines[-2:-1] == [""]:
        yield len(lines), "does not end with one newline"
    for n, line in enumerate(lines, 1):
        indent = re.match(r"\s*", line)[0]
        if line != line.rstrip():
            yield n, "ends with a blank"
        if name.endswith(".py") and "\t" in line:
            yield n, "a tab"
        if not name.endswith(CODE):
            continue
        if len(line.expandtabs(8)) > WIDTH:
            yield n, f"wider than {WIDTH} columns"
        if " \t" in indent:
            yield n, "a blank before a tab"
        if re.match(r"\s*(if|for|while|switch)\(", line):
            yield n, "no blank after the keyword"
        if re.match(r"\w.*\) \{$", line) and not line.startswith("enum "):
            yield n, "a function's brace is on a line of its own"
        if re.match(r"\s*//", line):
            yield n, "// begins no comment here"


def broken_is_seen():
    good = "/* SPDX-License-Identifier: Apache-2.0 */\n"
    for bad in (good.rstrip("\n"), good + "\n\n", good + "int x; \n",
                good + " \tint x;\n", good + "\tif(x)\n", good + "int f(void) {\n",
                good + "// x\n", good + "\t" * 13 + "12345\n"):
        assert list(faults("x.c", bad)), bad
    assert list(faults("x.py", "# SPDX-License-Identifier: Apache-2.0\n\tx\n"))
    assert not list(faults("x.c", good + "\t" * 13 + "1234\n"))


def main():
    broken_is_seen()
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True, text=True).stdout.split("\n")
    listed = [name for name in listed if os.path.isfile(name)]
    bad = 0
    for name, line, what in unheaded(listed):
        print(f"{name}:{line}: {what}")
        bad += 1
    for name in listed:
        if name.endswith(TEXT):
            with open(name, newline="") as file:
                for line, what in faults(name, file.read()):
                    print(f"{name}:{line}: {what}")
                    bad += 1
    return bad > 0


sys.exit(main())
