# SPDX-License-Identifier: Apache-2.0
"""Both exposition formats, over every recording: read by Prometheus' own parsers, and by a
stricter one here, which also sees what those let pass (duplicates, numbers not canonical)."""
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
import pytest

from exposition import OWN, families
from harness import Windsock, capture, ini

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
RECORDINGS = ("airflow-2.11-plain", "airflow-3.3-plain", "airflow-3.3-influxdb",
              "airflow-3.3-dogstatsd")


def series(of, own=False):
    """Series and values of all families but windsock's own, which change from scrape to scrape."""
    found = {}
    for family in of.values():
        if family.name.startswith(OWN) == own:
            found.update(family.series)
    return found


def agree(w):
    """What both formats hold, read by everything that can read it."""
    text = w.get()[1]
    open_text = w.get(Accept=OPENMETRICS)[1]
    plain, strict = families(text, False), families(open_text, True)
    # By what they look like: one NaN is not another.
    one, other = ({key: repr(value) for key, value in series(of).items()} for of in (plain, strict))
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


@pytest.mark.parametrize("recording", RECORDINGS)
def test_recording(recording):
    with Windsock() as w:
        w.send(*capture(recording))
        found = agree(w)
        values = series(found)
        assert len(values) > 150 and any(values.values()), len(values)
        assert all("HELP" in f.about for f in found.values())
        kinds = {f.about["TYPE"] for f in found.values()}
        assert {"counter", "gauge", "summary"} <= kinds, kinds


def test_every_kind_and_any_label():
    text = ("[windsock]\nunmatched = keep\n"
            "[h]\nmatch = h.<x>\nmetric = h_seconds\nas = histogram\nbuckets = .5,1,2.25,1e9\n"
            "[s]\nmatch = s.<x>\nmetric = s_seconds\nas = summary\nquantiles = 0,.5,1\n"
            "[t]\nmatch = t\nmetric = t_total\n")
    with ini(text) as mapping, Windsock(mapping.flag) as w:
        w.send('h.a"b:700|ms\nh.a"b:1e14|ms', "h.a\\b:2250|ms", "s.é:3|ms", "t:3|c",
               "free.name:1|c|#k:v", "free.gauge:0.1|g", "free.small:1e-300|g",
               "free.big:123456789012345678|g", "free.endless:inf|g", "free.unlike:nan|g",
               "free.set:x|s")
        values = series(agree(w))
        assert len(values) > 20, values
        bucket = {("x", r"a\"b"), ("le", "1.0")}
        assert values["h_seconds_bucket", frozenset(bucket)] == 1, values


def test_broken_documents_are_seen():
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
        with pytest.raises(AssertionError) as refused:
            families(text, True)
        assert why in str(refused.value), (text, refused.value)
