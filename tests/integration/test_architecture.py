# SPDX-License-Identifier: Apache-2.0
"""The wings of src/, as docs/architecture.md says and every #include shows."""
import collections
import glob
import os
import re
import subprocess

from harness import PROGRAM, ROOT, read

FLOORS_MAX = 13
INCLUDE = re.compile(r'^#include ["<]([\w./-]+)[">]', re.M)
# What the pure half may ask of the C library, and its foreign libraries.
PURE = re.compile(r"""
    (__)?(mem(chr|cmp|cpy|move|set)|str(chr|cspn|len|tod)|v?snprintf)(_chk)?
    |aligned_alloc|calloc|free|malloc|realloc|qsort|__stack_chk_fail
    |frexp|ldexp|log|ceil|bcmp|pthread_mutex_\w+|_GLOBAL_OFFSET_TABLE_
    |deflate\w*|ini_parse_stream|pcre2_\w+
    |__(asan|ubsan|tsan|sanitizer)\w+|_?_?stack_chk_guard""", re.X)


def table(name):
    text = read("docs/architecture.md").split(f"<!-- table: {name} -->\n")[1]
    rows = text[:text.index("\n\n")].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def own_files(*patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            yield os.path.relpath(path, ROOT)


WINGS = [row[0].strip("`") for row in table("wings")]  # from top to bottom
WING_OF = {f"windsock/{header}": row[0].strip("`") for row in table("wings")
           for header in re.findall(r"`([\w.]+)`", row[2])}
LIBRARY = WINGS[WINGS.index("ingest"):]


def wing_of(include):
    """Of a header of ours as it is included; None: it is not ours."""
    if include.startswith("windsock/"):
        return WING_OF[include]
    return include.split("/")[0] if os.path.exists(os.path.join(ROOT, "src", include)) else None


def module_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def includes(path):
    return INCLUDE.findall(read(path))


def sources():
    """(wing, path) of all that is in src/ and include/."""
    for path in own_files("src/*/*.[ch]"):
        yield path.split("/")[1], path
    for path in own_files("include/windsock/*.h"):
        yield WING_OF["windsock/" + os.path.basename(path)], path


def test_the_table_is_the_listing():
    assert sorted(WINGS) == sorted(os.listdir(os.path.join(ROOT, "src")))
    headers = ["windsock/" + os.path.basename(p) for p in own_files("include/windsock/*.h")]
    assert sorted(WING_OF) == sorted(headers), set(WING_OF) ^ set(headers)
    makefile = read("Makefile")
    half = {name: re.search(rf"^{name} := (.*)$", makefile, re.M)[1].split()
            for name in ("LIBRARY", "DAEMON")}
    assert half["LIBRARY"] + half["DAEMON"] == WINGS[::-1], half
    assert half["LIBRARY"] == LIBRARY[::-1]


def test_contracts_stand_in_the_wing_of_their_source():
    for wing, path in sources():
        if path.startswith("src/") and path.endswith(".c"):
            header = f"windsock/{module_of(path)}.h"
            assert WING_OF.get(header, wing) == wing, path


def test_arrows_go_down():
    for wing, path in sources():
        for include in includes(path):
            target = wing_of(include)
            assert target is None or WINGS.index(target) >= WINGS.index(wing), (path, include)


def test_the_border_holds():
    outside = [path for wing, path in sources() if wing not in LIBRARY]
    outside += own_files("fuzz/*.c", "tests/bench/*.c")
    for path in outside:
        for include in includes(path):
            assert include.startswith("windsock/") or wing_of(include) not in LIBRARY, (
                path, include)
    for path in own_files("include/windsock/*.h"):
        for include in includes(path):
            assert include.startswith("windsock/") or wing_of(include) is None, (path, include)


def test_no_loops_and_few_floors():
    below = collections.defaultdict(set)
    for _, path in sources():
        below[module_of(path)] |= {module_of(include) for include in includes(path)
                                   if wing_of(include)} - {module_of(path)}
    floors = {}

    def floor(module, above):
        assert module not in above, ("loop", *above, module)
        if module not in floors:
            floors[module] = 1 + max((floor(m, (*above, module)) for m in below[module]),
                                     default=0)
        return floors[module]

    for module in list(below):
        floor(module, ())
    highest = max(floors, key=floors.get)
    assert floors[highest] <= FLOORS_MAX, (highest, floors[highest])


def test_one_module_has_a_name():
    names = collections.Counter(module_of(path) for path in own_files("src/*/*.c"))
    assert all(count == 1 for count in names.values()), names.most_common(3)


def test_one_door_for_each_library():
    doors = {"event2/": "libevent", "microhttpd": "libmicrohttpd", "systemd/": "libsystemd",
             "ini.h": "inih", "pcre2": "pcre2", "zlib": "zlib", "uthash": "uthash"}
    used = collections.defaultdict(set)
    for _, path in sources():
        for include in includes(path):
            for header, library in doors.items():
                if include.startswith(header):
                    used[library].add("src/" + path[4:])
    assert {row[0]: {"src/" + row[1].strip("`")} for row in table("libraries")} == used, used


def test_the_library_is_pure():
    archive = os.path.join(os.path.dirname(PROGRAM), "libwindsock.a")
    lines = subprocess.run(["nm", "-P", archive], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    symbols = [line.split()[:2] for line in lines if len(line.split()) > 1]
    defined = {name for name, kind in symbols if kind not in "Uw"}
    asked = {name for name, kind in symbols if kind in "Uw"} - defined
    assert len(defined) > 100
    impure = sorted(name for name in asked if not PURE.fullmatch(name))
    assert not impure, impure
