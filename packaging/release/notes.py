#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""notes.py VERSION [CHANGELOG.md]: what the changelog says of one version, for its release."""
import re
import sys

HEADING = re.compile(r"## \[?([^\]\s]+)\]?(?: - (\d{4}-\d\d-\d\d))?(?: \[YANKED\])?\s*$")
DEFINITION = re.compile(r"\[([^\]]+)\]: \S")


def sections(text):
    """{version: (date or None, lines)}; a heading that cannot be read is an error."""
    found, lines = {}, []
    for n, line in enumerate(text.splitlines(), 1):
        if not line.startswith("## "):
            lines.append(line)
            continue
        heading = HEADING.match(line)
        if not heading:
            raise ValueError(f"line {n}: neither a version nor a date: {line}")
        if heading[1] in found:
            raise ValueError(f"line {n}: {heading[1]} is there twice")
        found[heading[1]] = heading[2], (lines := [])
    return found


def notes(text, version):
    """The section without its heading, with the addresses that it refers to."""
    found = sections(text)
    if version not in found:
        raise ValueError(f"no section of {version}; its sections: {', '.join(found) or 'none'}")
    date, lines = found[version]
    if version != "Unreleased" and not date:
        raise ValueError(f"{version} has no date")
    body = "\n".join(line for line in lines if not DEFINITION.match(line)).strip("\n")
    if not re.search(r"^- ", body, re.M):
        raise ValueError(f"{version} says nothing")
    used = [line for line in text.splitlines()
            if (name := DEFINITION.match(line)) and f"[{name[1]}]" in body]
    return "\n".join([body, *([""] + used if used else [])]) + "\n"


def main():
    version, path = (sys.argv[1:] + ["CHANGELOG.md"])[:2]
    try:
        with open(path) as changelog:
            sys.stdout.write(notes(changelog.read(), version))
    except (OSError, ValueError) as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
