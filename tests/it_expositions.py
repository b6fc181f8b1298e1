#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both exposition formats, over every recording: read by Prometheus' own parsers, and by a
stricter one here, which also sees what those let pass (duplicates, numbers not canonical)."""
import os
import re
import sys
import tempfile

try:
    from prometheus_client import parser as text_parser
    from prometheus_client.openmetrics import parser as openmetrics_parser
except ImportError:  # it comes with the distribution's python3, which need not be first in PATH
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from harness import Windsock, capture, tap

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
SUFFIXES = {
    "counter": ("_total",), "gauge": ("",), "unknown": ("",),
    "summary": ("", "_sum", "_count"), "histogram": ("_bucket", "_sum", "_count"),
}
UNITS = ("seconds", "bytes", "ratio")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|\Z)')
NUMBER = re.compile(r"NaN|[+-]Inf|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?\Z")


def digits(text):
    return text.lower().split("e")[0].lstrip("-").replace(".", "").strip("0")


def number(text):
    """The value of a number written in the shortest way that says it."""
    assert NUMBER.match(text), "not a number: " + text
    value = float(text.replace("Inf", "inf"))
    if value - value == 0:
        tail = re.search(r"\.\d*0(?=e|\Z)", text)
        assert digits(text) == digits(repr(value)) and (tail is None or tail[0] == ".0"), \
            "not the shortest: " + text
    return value


def labels(text):
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match and match[1] not in found, "labels: " + text
        found[match[1]], at = match[2], match.end()
    for key in ("le", "quantile"):
        if key in found:
            bound = number(found[key])
            assert found[key] == repr(bound).replace("inf", "+Inf"), "not canonical: " + text
    return found


class Family:
    def __init__(self, name):
        self.name, self.about, self.series = name, {}, {}

    def add_sample(self, line, openmetrics):
        match = SAMPLE.match(line)
        assert match, "not a sample: " + line
        kind = self.about["TYPE"]
        suffixes = SUFFIXES[kind] if openmetrics or kind != "counter" else ("",)
        assert any(match[1] == self.name + s for s in suffixes), f"{line} in {self.name}"
        key = match[1], frozenset(labels(match[2] or "").items())
        assert key not in self.series, "twice: " + line
        self.series[key] = number(match[3])


def read(text, openmetrics):
    """Families by name.  Asserts whatever the format asks for, and what Prometheus does not see."""
    order = ["TYPE", "UNIT", "HELP"] if openmetrics else ["HELP", "TYPE"]
    families, family = {}, None
    lines = text.split("\n")
    assert lines.pop() == "", "the last line is cut"
    if openmetrics:
        assert lines.pop() == "# EOF", "no # EOF at the end"
    for line in lines:
        if not line.startswith("#"):
            assert family, "a sample before all families: " + line
            family.add_sample(line, openmetrics)
            continue
        hash_, word, name, what = line.split(" ", 3)
        assert hash_ == "#" and word in order, "a comment: " + line
        if family is None or name != family.name:
            assert name not in families, "in two places: " + name
            family = families[name] = Family(name)
        assert not family.series, "after the samples: " + line
        assert not family.about or order.index(word) > order.index(list(family.about)[-1]), \
            "out of order: " + line
        family.about[word] = what
    for name, family in families.items():
        assert "TYPE" in family.about, "incomplete: " + name
        assert family.series or name.startswith("windsock_"), "empty: " + name
        unit = family.about.get("UNIT")
        ends = [u for u in UNITS if name.endswith("_" + u)]
        assert not openmetrics or (unit or None) == (ends[0] if ends else None), "unit: " + name
    return families


def series(families, own=False):
    """Series and values of all families but windsock's own, which change from scrape to scrape."""
    found = {}
    for family in families.values():
        if family.name.startswith(("windsock_", "process_")) == own:
            found.update(family.series)
    return found


def agree(w):
    """What both formats hold, read by everything that can read it."""
    text = w.get()[1]
    open_text = w.get(Accept=OPENMETRICS)[1]
    plain, strict = read(text, False), read(open_text, True)
    # By what they look like: one NaN is not another.
    one, other = ({key: repr(value) for key, value in series(families).items()}
                  for families in (plain, strict))
    assert one == other, set(one.items()) ^ set(other.items())
    assert series(plain, own=True).keys() == series(strict, own=True).keys()
    assert [m.name for m in openmetrics_parser.text_string_to_metric_families(open_text)] == \
        list(strict)
    known = {}
    for family in text_parser.text_string_to_metric_families(text):
        for s in family.samples:
            known[s.name, frozenset(s.labels.items())] = s.value
    assert len(known) == sum(len(f.series) for f in plain.values())
    return plain


def over(recording):
    with Windsock() as w:
        w.send(*capture(recording + ".capture"))
        families = agree(w)
        values = series(families)
        assert len(values) > 150 and any(values.values()), len(values)
        assert all("HELP" in f.about for f in families.values())
        kinds = {f.about["TYPE"] for f in families.values()}
        assert {"counter", "gauge", "summary"} <= kinds, kinds


def recording_2_11_plain():
    over("airflow-2.11-plain")


def recording_3_3_plain():
    over("airflow-3.3-plain")


def recording_3_3_influxdb():
    over("airflow-3.3-influxdb")


def recording_3_3_dogstatsd():
    over("airflow-3.3-dogstatsd")


def every_kind_and_any_label():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        ini.write("[windsock]\nunmatched = keep\n"
                  "[h]\nmatch = h.<x>\nmetric = h_seconds\nas = histogram\nbuckets = .5,1,2.25,1e9\n"
                  "[s]\nmatch = s.<x>\nmetric = s_seconds\nas = summary\nquantiles = 0,.5,1\n"
                  "[t]\nmatch = t\nmetric = t_total\n")
        ini.flush()
        with Windsock("--statsd.mapping-config=" + ini.name) as w:
            w.send('h.a"b:700|ms\nh.a"b:1e14|ms', "h.a\\b:2250|ms", "s.é:3|ms", "t:3|c",
                   "free.name:1|c|#k:v", "free.gauge:0.1|g", "free.small:1e-300|g",
                   "free.big:123456789012345678|g", "free.endless:inf|g", "free.unlike:nan|g",
                   "free.set:x|s")
            values = series(agree(w))
            assert len(values) > 20
            bucket = {("x", r"a\"b"), ("le", "1.0")}
            assert values["h_seconds_bucket", frozenset(bucket)] == 1, values


def broken_documents_are_seen():
    head = "# TYPE a gauge\n# HELP a x\n"
    for text, why in (
            (head + "a 1\n", "no # EOF"), (head + "a 1\n# EOF", "cut"),
            (head + "a 1\na 1\n# EOF\n", "twice"),
            (head + 'a{b="c"} 1\na{b="c"} 2\n# EOF\n', "twice"),
            (head + "a 1.10\n# EOF\n", "not the shortest"), (head + "a 01\n# EOF\n", "not a number"),
            (head + "a 0.10000000000000001\n# EOF\n", "not the shortest"),
            (head + "b 1\n# EOF\n", "in a"), (head + "\na 1\n# EOF\n", "not a sample"),
            (head + "a 1\n# TYPE b gauge\n# HELP b x\nb 1\n# TYPE a gauge\n# EOF\n", "two places"),
            ("# HELP a x\n# TYPE a gauge\na 1\n# EOF\n", "out of order"),
            ("# HELP a x\n# EOF\n", "incomplete"), (head + "# EOF\n", "empty"),
            ("# TYPE a_seconds gauge\n# HELP a_seconds x\na_seconds 1\n# EOF\n", "unit"),
            ("# TYPE a summary\n# HELP a x\n" + 'a{quantile="1"} 1\n# EOF\n', "not canonical"),
            ("# TYPE a counter\n# HELP a x\na 1\n# EOF\n", "in a")):
        try:
            read(text, True)
        except AssertionError as refused:
            assert why in str(refused), (text, refused)
        else:
            raise AssertionError("taken: " + text)


tap([recording_2_11_plain, recording_3_3_plain, recording_3_3_influxdb, recording_3_3_dogstatsd,
     every_kind_and_any_label, broken_documents_are_seen])
