#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a sample does, and does not do, on its way through rules into series."""
import contextlib
import tempfile

from harness import Windsock, tap, wait_for

BOUNDS = """
[low]
match = a.<x>
max = 10
metric = {low}
as = gauge
{more}
[high]
match = a.<x>
metric = {high}
as = gauge
"""


@contextlib.contextmanager
def mapped(text, *flags):
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        ini.write(text)
        ini.flush()
        with Windsock("--statsd.mapping-config=" + ini.name, *flags) as w:
            yield w


def refused(w, reason):
    return w.value(f'windsock_series_refused_total{{reason="{reason}"}}')


def a_series_is_born_by_a_value_within_bounds():
    with mapped(BOUNDS.format(low="low", high="high", more="")) as w:
        w.send("a.1:50|g")
        assert w.value('high{x="1"}') == 50
        assert w.value('low{x="1"}') is None
        w.send("a.1:5|g")
        assert w.value('low{x="1"}') == 5


def a_refused_sample_makes_no_series():
    with Windsock() as w:
        w.send("c:-1|c", "t:nan|ms", "u:inf|c")
        assert w.value("windsock_series") == 0
        w.send("c:1|c")
        assert w.value("c") == 1


def rules_with_bounds_may_feed_one_series():
    with mapped(BOUNDS.format(low="m", high="m", more="")) as w:
        w.send("a.1:50|g")
        assert w.value('m{x="1"}') == 50
        w.send("a.1:5|g")
        assert w.value('m{x="1"}') == 5


def a_sample_feeds_a_series_once():
    rule = "[{}]\nmatch = a.<x>\nmetric = m\nas = counter\ncontinue = yes\nttl = 1s\n"
    with mapped(rule.format("one") + rule.format("two").replace("continue", "; ")) as w:
        w.send("a.1:1|c\na.1:1|c")
        assert w.value('m{x="1"}') == 2
        wait_for(lambda: w.value("windsock_series_expired_total") == 1, "expiry")
        w.send("a.1:1|c")
        assert w.value('m{x="1"}') == 1


def each_refusal_is_counted_once():
    with Windsock("--limits.series=1") as w:
        w.send("a:1|c", "b:1|c")
        assert refused(w, "series_limit") == 1
        w.send("b:1|c\nc:1|c")
        assert refused(w, "series_limit") == 3
        assert w.value("windsock_samples_applied_total") == 1


tap([a_series_is_born_by_a_value_within_bounds, a_refused_sample_makes_no_series,
     rules_with_bounds_may_feed_one_series, a_sample_feeds_a_series_once,
     each_refusal_is_counted_once])
