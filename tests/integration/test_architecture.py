# SPDX-License-Identifier: Apache-2.0
"""The wings of src/, as docs/architecture.md says and every #include shows."""
import collections
import os
import re
import subprocess

from harness import PROGRAM, ROOT, read

FLOORS_MAX = 13
INCLUDE = re.compile(r"^\s*#\s*include\b[ \t]*(.*)", re.M)
# What any file may include, and what the daemon's may.
STANDARD = {f"{name}.h" for name in (
    "float", "inttypes", "limits", "math", "pthread", "stdalign", "stdarg", "stdatomic", "stdbool",
    "stddef", "stdint", "stdio", "stdlib", "string")}
SYSTEM = {f"{name}.h" for name in (
    "arpa/inet", "dirent", "errno", "fcntl", "linux/sock_diag", "net/if", "netdb", "netinet/in",
    "poll", "signal", "sys/eventfd", "sys/mman", "sys/random", "sys/resource", "sys/socket",
    "sys/wait", "time", "unistd")}
LIBRARIES = {"event2/event.h": "libevent", "microhttpd.h": "libmicrohttpd",
             "systemd/sd-daemon.h": "libsystemd", "ini.h": "inih", "pcre2.h": "pcre2",
             "zlib.h": "zlib", "uthash.h": "uthash"}
# What the library may ask of the C library, and of the libraries behind it.
PURE = re.compile(r"""
    (__)?(mem(chr|cmp|cpy|move|set)|str(chr|cspn|len|tod)|v?snprintf)(_chk)?
    |aligned_alloc|calloc|free|malloc|realloc|qsort|__stack_chk_fail
    |frexp|ldexp|log|ceil|bcmp|pthread_mutex_\w+|_GLOBAL_OFFSET_TABLE_
    |deflate\w*|ini_parse_stream|pcre2_\w+
    |__(asan|ubsan|tsan|sanitizer)\w+|_?_?stack_chk_guard""", re.X)
# Ways around a symbol.
IMPURE = re.compile(r"\basm\b|__asm|__builtin_(trap|ia32|readcyclecounter)|\bsyscall\b|^extern\b[^;]*\(",
                    re.M)


def table(name):
    text = read("docs/architecture.md").split(f"<!-- table: {name} -->\n")[1]
    rows = text[:text.index("\n\n")].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def walk(folder):
    for path, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(path, name), ROOT)


WINGS = [row[0].strip("`") for row in table("wings")]  # from top to bottom
WING_OF = {f"windsock/{header}": row[0].strip("`") for row in table("wings")
           for header in re.findall(r"`([\w.]+)`", row[2])}
LIBRARY = WINGS[WINGS.index("ingest"):]
PRIVATE = {path[len("src/"):]: path.split("/")[1] for path in walk("src") if path.endswith(".h")}


def includes(path):
    """("own", "series/cell.h"), ("public", "windsock/store.h") or ("system", "stdio.h"), each."""
    for text in INCLUDE.findall(read(path)):
        found = re.fullmatch(r'"([^"]+)"|<([^>]+)>', text.strip())
        assert found, (path, text)
        own, other = found.groups()
        kind = "own" if own else "public" if other.startswith("windsock/") else "system"
        yield kind, own or other


def wing_of(kind, include):
    """None: it is not ours."""
    if kind == "system":
        return None
    return WING_OF[include] if kind == "public" else PRIVATE[include]


def module_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def sources():
    """(wing, path) of all that is in src/ and include/."""
    for path in walk("src"):
        yield path.split("/")[1], path
    for path in walk("include"):
        yield WING_OF["windsock/" + os.path.basename(path)], path


def outside():
    """What reaches the library from without."""
    yield from (path for path in (*walk("fuzz"), *walk("tests/bench")) if path.endswith((".c", ".h")))
    yield from (path for wing, path in sources() if wing not in LIBRARY)


def test_the_table_is_the_listing():
    assert sorted(WINGS) == sorted(os.listdir(os.path.join(ROOT, "src")))
    headers = ["windsock/" + os.path.basename(path) for path in walk("include")]
    assert sorted(WING_OF) == sorted(headers), set(WING_OF) ^ set(headers)
    makefile = read("Makefile")
    half = {name: re.search(rf"^{name} := (.*)$", makefile, re.M)[1].split()
            for name in ("LIBRARY", "DAEMON")}
    assert half["LIBRARY"] + half["DAEMON"] == WINGS[::-1], half
    assert half["LIBRARY"] == LIBRARY[::-1]


def test_every_file_is_where_it_is_looked_for():
    for path in walk("src"):
        assert re.fullmatch(r"src/\w+/\w+\.[ch]", path), path
    for path in walk("include"):
        assert re.fullmatch(r"include/windsock/\w+\.h", path), path


def test_a_name_is_one_module_of_one_wing():
    wings = collections.defaultdict(set)
    for wing, path in sources():
        wings[module_of(path)].add(wing)
    assert all(len(found) == 1 for found in wings.values()), {
        name: found for name, found in wings.items() if len(found) > 1}


def test_includes_name_the_wing():
    for path in (*(path for _, path in sources()), *outside()):
        for kind, include in includes(path):
            if kind == "own" and path.startswith(("src/", "include/")):
                assert include in PRIVATE, (path, include)
            elif kind == "public":
                assert include in WING_OF, (path, include)


def test_system_headers_are_few():
    for wing, path in sources():
        allowed = STANDARD | set(LIBRARIES) | (set() if wing in LIBRARY else SYSTEM)
        for kind, include in includes(path):
            assert kind != "system" or include in allowed, (path, include)


def test_arrows_go_down():
    for wing, path in sources():
        for kind, include in includes(path):
            target = wing_of(kind, include)
            assert target is None or WINGS.index(target) >= WINGS.index(wing), (path, include)


def test_the_border_holds():
    for path in outside():
        for kind, include in includes(path):
            assert kind != "own" or PRIVATE.get(include) not in LIBRARY, (path, include)
    for path in walk("include"):
        assert all(kind != "own" for kind, _ in includes(path)), path


def test_no_loops_and_few_floors():
    below = collections.defaultdict(set)
    for _, path in sources():
        below[module_of(path)] |= {module_of(include) for kind, include in includes(path)
                                   if kind != "system"} - {module_of(path)}
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


def test_one_file_for_each_library():
    used = collections.defaultdict(set)
    for _, path in sources():
        for _, include in includes(path):
            if include in LIBRARIES:
                used[LIBRARIES[include]].add(path)
    assert {row[0]: {"src/" + row[1].strip("`")} for row in table("libraries")} == used, used


def test_the_library_is_pure():
    archive = os.path.join(os.path.dirname(PROGRAM), "libwindsock.a")
    lines = subprocess.run(["nm", "-P", archive], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    symbols = [line.split()[:2] for line in lines if len(line.split()) > 1]
    # A static function of this name does not answer another file's call.
    defined = {name for name, kind in symbols if kind.isupper() and kind != "U"}
    asked = {name for name, kind in symbols if kind in "Uw"} - defined
    assert len(defined) > 100
    impure = sorted(name for name in asked if not PURE.fullmatch(name))
    assert not impure, impure
    for wing, path in sources():
        found = IMPURE.search(read(path)) if wing in LIBRARY and path.endswith(".c") else None
        assert not found, (path, found)
