# SPDX-License-Identifier: Apache-2.0
"""The pages say what the program does: tables and examples are run, lists are compared."""
import difflib
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile

import pytest

from harness import PROGRAM, ROOT, Windsock, read, run

CODE = re.compile(r"`([^`]+)`")


def explain(text):
    return run("explain", "--", text)[1]


def cells(line):
    """A row of a table; its bars within code are written \\|."""
    return [c.strip().replace(r"\|", "|") for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def tables(page, first):
    """The rows of all tables whose first column is called so."""
    rows = None
    for line in page.splitlines():
        if not line.startswith("|"):
            rows = None
        elif rows is None:
            rows = cells(line)[0] == first
        elif rows and not line.startswith("|-"):
            yield cells(line)


def reasons():
    """What err.h says: reason -> scope, for those that are counted."""
    pairs = re.findall(r"X\(\w+,\s*\"(\w+)\",\s*([A-Z]+),", read("include/windsock/err.h"))
    return {reason: scope.lower() for reason, scope in pairs if scope != "NONE"}


LONG = {
    "name_too_long": "n" * 1025 + ":1|c",
    "tag_too_long": "x:1|c|#a:" + "v" * 1025,
    "too_many_tags": "x:1|c|#" + ",".join(f"t{i}:v" for i in range(65)),
}
LIMITS = {
    "series_limit": ("--limits.series=1", "airflow.a:1|c", "airflow.b:1|c"),
    "family_series_limit": ("--limits.series-per-family=1", "x:1|c|#a:b", "x:1|c|#a:c"),
    "family_limit": ("--limits.families=1", "a:1|c", "b:1|c"),
    "unmatched_limit": ("--limits.unmatched-families=1", "a:1|c", "b:1|c"),
}
# No datagram is that long, no test takes all memory; test_cell.c fills a set.
UNSHOWN = {"truncated", "out_of_memory", "set_full"}


def test_statsd_examples_are_true():
    rows = list(tables(read("docs/statsd.md"), "Line"))
    assert len(rows) > 40, len(rows)
    for row in rows:
        line, = CODE.findall(row[0])
        got = explain(line)
        for piece in CODE.findall(row[1]):
            assert piece in got, (line, piece, got)


def test_statsd_reasons_are_those_of_the_code():
    rows = {CODE.findall(row[0])[0]: row for row in tables(read("docs/statsd.md"), "Reason")}
    want = reasons()
    assert set(rows) == set(want), set(rows) ^ set(want)
    for reason, row in rows.items():
        assert row[1] == want[reason], (reason, row[1], want[reason])
        if reason in UNSHOWN or reason in LIMITS:
            continue
        text = LONG.get(reason) or CODE.findall(row[2])[0].replace("⏎", "\n")
        assert f" {reason}: " in explain(text), (reason, text)


def test_statsd_limits_refuse_as_the_page_says():
    for reason, (flag, *lines) in LIMITS.items():
        with Windsock(flag) as w:
            w.send(*lines)
            assert w.value(f'windsock_series_refused_total{{reason="{reason}"}}') > 0, reason


def scrape():
    """What a windsock exports of itself: name -> (type, label names)."""
    with Windsock() as w:
        w.send("a:1|c", "a:1|g")  # for windsock_family_refused_total
        text = w.get()[1]
    found = {name: (kind, set()) for name, kind in
             re.findall(r"^# TYPE ((?:windsock|process)_\w+) (\w+)$", text, re.M)}
    for name, labels in re.findall(r"^((?:windsock|process)_\w+)\{(.*)\} ", text, re.M):
        found[name][1].update(re.findall(r"(\w+)=\"", labels))
    return found


def test_metrics_page_lists_what_a_scrape_has():
    rows = {CODE.findall(row[0])[0]: (row[1], set(row[2].replace(",", " ").split()))
            for row in tables(read("docs/metrics.md"), "Name")}
    found = scrape()
    assert set(rows) == set(found), set(rows) ^ set(found)
    for name, row in rows.items():
        assert row == found[name], (name, row, found[name])


def test_pages_name_no_metric_that_is_not():
    found = scrape()
    for page in sorted(glob.glob(os.path.join(ROOT, "docs", "*.[md58]*")) + [ROOT + "/README.md"]):
        for name in re.findall(r"\bwindsock_[a-z_]+\b(?!\*)", read(page)):
            assert name in found or name == "windsock_", (os.path.basename(page), name)


def helped():
    """What --help says: flag -> (default or placeholder, variable or None)."""
    flags = {}
    for text in re.split(r"^  (?=--)", run("--help")[1], flags=re.M)[1:]:
        flag, default = re.match(r"--(?:\[no-\])?([a-z.-]+)(?:=(\S+))?", text).groups()
        variable = re.search(r"^      (WINDSOCK_\w+)", text, re.M)
        flags[flag] = default, variable and variable[1]
    return flags


def test_man_page_has_all_flags():
    page = read("docs/windsock.8")
    items = {m[1]: m[2] for m in re.finditer(
        r"^\.It Fl -([a-z.-]+)\b(.*?)(?=^\.It|^\.El)", page, re.M | re.S)}
    flags = helped()
    assert len(flags) > 15 and set(items) == set(flags), set(items) ^ set(flags)
    for flag, (default, variable) in flags.items():
        if flag not in ("version", "help"):
            assert variable == "WINDSOCK_" + re.sub("[.-]", "_", flag).upper(), flag
        if default and default not in ("TEXT", "VERSION", "LABEL"):
            assert re.search(r"(?<![\w:/.])" + re.escape(default) + r"(?!\w)", items[flag]), \
                (flag, default, items[flag])


def test_pages_name_no_flag_that_is_not():
    flags = set(helped()) | {"no-" + flag for flag in helped()}
    flags.add("web.enable-remote-write-receiver")  # Prometheus' own
    for page in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")) + [ROOT + "/README.md"]):
        for flag in re.findall(r"(?<![\w-])--((?:statsd|airflow|web|limits|log)\.[a-z.-]*[a-z])",
                               read(page)):
            assert flag in flags, (os.path.basename(page), flag)


def test_mapping_pages_have_all_keys():
    keys = {}
    for name, where in re.findall(r"\{ \"(\w+)\", (IN_[A-Z_ |]+), set_", read("src/rules/rule.c")):
        keys[name] = {place for place in ("file", "rule") if "IN_" + place.upper() in where}
    assert len(keys) > 20
    found = {}
    for names, where in re.findall(r"^\.It Ic ([\w ,]+) Pq ([a-z, ]+)$",
                                   read("docs/windsock-mapping.5"), re.M):
        for name in names.split(" , "):
            found.setdefault(name, set()).update(where.split(", "))
    assert found == keys, [(k, found.get(k), keys.get(k)) for k in set(found) | set(keys)
                           if found.get(k) != keys.get(k)]
    found = {}
    for row in tables(read("docs/mapping.md"), "key"):
        for name in CODE.findall(row[0]):
            found.setdefault(name, set()).update(row[1].split(", "))
    assert found == keys, [(k, found.get(k), keys.get(k)) for k in set(found) | set(keys)
                           if found.get(k) != keys.get(k)]


def test_man_pages_are_clean():
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc")
    for page in ("windsock.8", "windsock-mapping.5"):
        text = subprocess.run(["mandoc", "-Tlint", os.path.join(ROOT, "docs", page)],
                              capture_output=True, text=True).stdout
        wrong = [line for line in text.splitlines() if "referenced manual not found" not in line]
        assert not wrong, wrong


def check_examples(name, least):
    """Each ini block passes the check; each console block after it shows what is true."""
    path = os.path.join(ROOT, "docs", name)
    page = read("docs", name)
    ran = 0
    with tempfile.TemporaryDirectory() as home:
        def fill(match):
            nonlocal ran
            kind, text = match[1], match[2]
            if kind == "ini":
                with open(os.path.join(home, "my.ini"), "w", encoding="utf-8") as ini:
                    ini.write(text)
                done = subprocess.run([PROGRAM, "check", "my.ini"], cwd=home,
                                      capture_output=True, text=True)
                assert done.returncode == 0, (text, done.stderr)
                return match[0]
            command = text.splitlines()[0]
            assert command.startswith("$ windsock "), command
            done = subprocess.run([PROGRAM, *shlex.split(command)[2:]], cwd=home,
                                  capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stderr)
            ran += 1
            return f"```console\n{command}\n{done.stdout}```"
        true = re.sub(r"```(ini|console)\n(.*?)```", fill, page, flags=re.S)
    assert ran >= least, (ran, least)
    if os.environ.get("GOLDEN") == "write":
        with open(path, "w", encoding="utf-8") as out:
            out.write(true)
        return
    assert true == page, "\n".join(difflib.unified_diff(page.splitlines(), true.splitlines()))


def test_examples_of_mapping_guide():
    check_examples("mapping.md", 5)


def test_examples_for_airflow():
    check_examples("airflow.md", 3)


def test_explain_commands_of_pages_run():
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))):
        for line in re.findall(r"^    windsock explain ('.*)$", read(path), re.M):
            code, out, log = run("explain", *shlex.split(line))
            assert code == 0 and " rule " in out, (path, line, code, out, log)


def anchors(page):
    """As forges make them of headings."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", page, re.M)}


def test_links_lead_somewhere():
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")) +
                       glob.glob(os.path.join(ROOT, "*.md"))):
        page = read(path)
        targets = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page)
        targets += [(name, "") for name in
                    re.findall(r"`((?:docs|mappings|tests|packaging)/[\w./-]+)`", page)
                    if not name.endswith("/")]
        for name, anchor in targets:
            near = [os.path.join(base, name) for base in (os.path.dirname(path), ROOT)]
            found = [p for p in near if os.path.exists(p)] if name else [path]
            assert found, (os.path.basename(path), name)
            assert not anchor or anchor in anchors(read(found[0])), (path, name, anchor)


def test_commands_of_readme_run():
    parts = glob.glob(os.path.join(ROOT, "*", "*.mk"))
    makefile = "".join(map(read, (os.path.join(ROOT, "Makefile"), *parts)))
    for page in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"(?:^    |`)make ([\w-]+)", read(page), re.M):
            assert re.search(rf"^([\w-]+ )*{target}( [\w-]+)*:", makefile, re.M), (page, target)
    lines = re.findall(r"^    build/windsock (explain .*?)(?: +#.*)?$", read("README.md"), re.M)
    assert lines
    for line in lines:
        code, out, log = run(*shlex.split(line))
        assert code == 0, (line, out, log)
