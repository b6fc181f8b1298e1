# SPDX-License-Identifier: Apache-2.0
"""What windsock exposes, read: quickly where a test asks for values, strictly where the format
itself is tested."""
import re

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|\Z)')
NUMBER = re.compile(r"NaN|[+-]Inf|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?\Z")
SUFFIXES = {
    "counter": ("_total",), "gauge": ("",), "unknown": ("",),
    "summary": ("", "_sum", "_count"), "histogram": ("_bucket", "_sum", "_count"),
}
UNITS = ("seconds", "bytes", "ratio")
OWN = ("windsock_", "process_")


def lines(text):
    """(series as it is written, its number as it is written)"""
    for line in text.splitlines():
        if line and line[0] != "#":
            yield line.rsplit(" ", 1)


def values(text):
    """{series as it is written: value}"""
    return {series: float(number) for series, number in lines(text)}


def value(text, series):
    """Of one series; None: it is not there."""
    for line in text.splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def samples(text):
    """{(name, labels as a frozenset of pairs): value}"""
    found = {}
    for line in text.splitlines():
        if line and line[0] != "#":
            name, written, number = SAMPLE.match(line).groups()
            found[name, frozenset(LABEL.findall(written or ""))] = float(number)
    return found


def total(text, name, **labels):
    """The sum of a family, or of those of its series that have these labels."""
    want = set(labels.items())
    return sum(number for (family, have), number in samples(text).items()
               if family == name and want <= have)


def digits(text):
    return text.lower().split("e")[0].lstrip("-").replace(".", "").strip("0")


def shortest(text):
    """The value of a number written in the shortest way that says it."""
    assert NUMBER.match(text), "not a number: " + text
    number = float(text)
    if number - number == 0:
        tail = re.search(r"\.\d*0(?=e|\Z)", text)
        assert digits(text) == digits(repr(number)) and (tail is None or tail[0] == ".0"), \
            "not the shortest: " + text
    return number


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match and match[1] not in found, "labels: " + text
        found[match[1]], at = match[2], match.end()
    for key in ("le", "quantile"):
        if key in found:
            bound = shortest(found[key])
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
        key = match[1], frozenset(labels_of(match[2] or "").items())
        assert key not in self.series, "twice: " + line
        self.series[key] = shortest(match[3])


def families(text, openmetrics):
    """By name.  Asserts whatever the format asks for, and what Prometheus does not see."""
    order = ["TYPE", "UNIT", "HELP"] if openmetrics else ["HELP", "TYPE"]
    found, family = {}, None
    written = text.split("\n")
    assert written.pop() == "", "the last line is cut"
    if openmetrics:
        assert written.pop() == "# EOF", "no # EOF at the end"
    for line in written:
        if not line.startswith("#"):
            assert family, "a sample before all families: " + line
            family.add_sample(line, openmetrics)
            continue
        hash_, word, name, what = line.split(" ", 3)
        assert hash_ == "#" and word in order, "a comment: " + line
        if family is None or name != family.name:
            assert name not in found, "in two places: " + name
            family = found[name] = Family(name)
        assert not family.series, "after the samples: " + line
        assert not family.about or order.index(word) > order.index(list(family.about)[-1]), \
            "out of order: " + line
        family.about[word] = what
    for name, family in found.items():
        assert "TYPE" in family.about, "incomplete: " + name
        assert family.series or name.startswith("windsock_"), "empty: " + name
        unit = family.about.get("UNIT")
        ends = [u for u in UNITS if name.endswith("_" + u)]
        assert not openmetrics or (unit or None) == (ends[0] if ends else None), "unit: " + name
    return found
