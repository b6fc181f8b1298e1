# SPDX-License-Identifier: Apache-2.0
"""The notes of a release, cut out of the changelog."""
import os
import re
import subprocess
import sys
import tempfile

import pytest

from harness import ROOT, read, version_of_makefile

sys.path.insert(0, os.path.join(ROOT, "packaging", "release"))
import notes  # noqa: E402 (it is not beside the tests)

CHANGELOG = """# Changelog

Words at the beginning.

## [Unreleased]

### Added

- Tomorrow.

## [1.10.0] - 2026-02-03 [YANKED]

### Added

- A thing
  of two lines, see [here].

### Fixed

- Another.

## [1.1.0] - 2026-01-02

- The first.

[Unreleased]: https://example.org/compare
[1.1.0]: https://example.org/1.1.0
[here]: https://example.org/here
"""
CUT = (
    ("Unreleased", "### Added\n\n- Tomorrow.\n"),
    ("1.10.0", "### Added\n\n- A thing\n  of two lines, see [here].\n\n### Fixed\n\n- Another.\n\n"
               "[here]: https://example.org/here\n"),
    ("1.1.0", "- The first.\n"),
)
REFUSED = (
    (CHANGELOG, "1.1", "no section of 1.1; its sections: Unreleased, 1.10.0, 1.1.0"),
    (CHANGELOG, "1.10", "no section of 1.10;"),
    ("## [1.0.0]\n\n- x\n", "1.0.0", "1.0.0 has no date"),
    ("## [1.0.0] - 2026-01-01\n\n### Added\n", "1.0.0", "1.0.0 says nothing"),
    ("## [1.0.0] - 2026-01-01\n\n[1.0.0]: https://x\n", "1.0.0", "1.0.0 says nothing"),
    ("## [1.0.0] - 1 May\n\n- x\n", "1.0.0", "line 1: neither a version nor a date"),
    ("## 1.0.0 - 2026-01-01\n\n- x\n## [1.0.0]\n", "1.0.0", "line 4: 1.0.0 is there twice"),
    ("", "1.0.0", "no section of 1.0.0; its sections: none"),
)
# Where a version stands, besides the names of images.
PLACES = (
    ("packaging/rpm/windsock.spec", r"^Version: +"),
    ("packaging/rpm/windsock.spec", r"^%changelog\n.* - "),
    ("packaging/deb/changelog", r"^windsock \("),
    ("packaging/oci/Containerfile", r"^ARG VERSION="),
)
IMAGE = re.compile(r"(?<![/\w])windsock(?:-pipeline)?:(?=\d+\.\d+\.\d)")


def test_notes_are_cut_out():
    for version, expected in CUT:
        assert notes.notes(CHANGELOG, version) == expected, notes.notes(CHANGELOG, version)


def test_what_is_no_section_is_refused():
    for text, version, why in REFUSED:
        with pytest.raises(ValueError) as refused:
            notes.notes(text, version)
        assert why in str(refused.value), (why, refused.value)


def test_our_own_changelog_is_one():
    found = notes.sections(read("CHANGELOG.md"))
    assert list(found)[0] == "Unreleased", list(found)
    for version, (date, _) in found.items():
        assert version == "Unreleased" or date, version


def test_the_command_says_what_is_wrong():
    def ask(*args):
        done = subprocess.run([sys.executable, "packaging/release/notes.py", *args], cwd=ROOT,
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr
    with tempfile.NamedTemporaryFile("w", suffix=".md") as file:
        file.write(CHANGELOG)
        file.flush()
        assert ask("1.1.0", file.name) == (0, "- The first.\n", "")
    code, out, said = ask("9.9.9")
    assert code == 1 and out == "" and said.startswith("CHANGELOG.md: no section of 9.9.9"), said
    code, out, said = ask("9.9.9", "nonexistent")
    assert code == 1 and "No such file" in said, said


def places():
    """(file, what stands before a version there)."""
    yield from PLACES
    for top in "docs", "packaging":
        for home, _, names in os.walk(os.path.join(ROOT, top)):
            if "node_modules" not in home:
                for name in names:
                    path = os.path.relpath(os.path.join(home, name), ROOT)
                    if not path.endswith((".png", ".json")) and IMAGE.search(read(path)):
                        yield path, IMAGE.pattern


def test_one_version_everywhere():
    version = version_of_makefile()
    differ = []
    found = list(places())
    for path, before in found:
        said = re.findall(rf"{before}(\d+\.\d+\.\d+)", read(path), re.M)
        assert said, (path, before)
        # A changelog begins with the newest.
        differ += [(path, one) for one in (said[:1] if "changelog" in before + path else said)
                   if one != version]
    assert not differ, (version, differ)
    assert len(found) > len(PLACES) + 2, found
    released = [v for v in notes.sections(read("CHANGELOG.md")) if v != "Unreleased"]
    assert not released or numbers(released[0]) <= numbers(version), (released, version)


def numbers(version):
    return [int(n) for n in version.split(".")]
