#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""style.py: the house style, as far as a machine can judge it without taste: .clang-format is
for writing new code, but it would take tables and X-macros apart."""
import re
import subprocess
import sys

WIDTH = 108  # 94 is the aim; a row of a table or a text may go over it
CODE = (".c", ".h")
HEADED = (".c", ".h", ".py", ".sh", ".ini", "Makefile", ".ci/run")
TEXT = (*HEADED, ".md", ".yml", ".yaml", ".8", ".5", ".promql", ".allow", ".gitignore",
        ".editorconfig", ".clang-format", ".clang-tidy")


def faults(name, text):
    """(line, what is wrong) of a file."""
    lines = text.split("\n")
    if name.endswith(HEADED) and not any("SPDX-License-Identifier: Apache-2.0" in line
                                         for line in lines[:3]):
        yield 1, "no SPDX line"
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
    for bad in ("int x;\n", good.rstrip("\n"), good + "\n\n", good + "int x; \n",
                good + " \tint x;\n", good + "\tif(x)\n", good + "int f(void) {\n",
                good + "// x\n", good + "\t" * 13 + "12345\n"):
        assert list(faults("x.c", bad)), bad
    assert list(faults("x.py", "# SPDX-License-Identifier: Apache-2.0\n\tx\n"))
    assert not list(faults("x.c", good + "\t" * 13 + "1234\n"))


def main():
    broken_is_seen()
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True, text=True).stdout.split("\n")
    bad = 0
    for name in listed:
        if name.endswith(TEXT):
            with open(name, newline="") as file:
                for line, what in faults(name, file.read()):
                    print(f"{name}:{line}: {what}")
                    bad += 1
    return bad > 0


sys.exit(main())
