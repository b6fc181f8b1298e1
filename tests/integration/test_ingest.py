# SPDX-License-Identifier: Apache-2.0
"""What a sample does, and does not do, on its way through rules into series."""
import contextlib

from harness import Windsock, ini, wait_for

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
    with ini(text) as mapping, Windsock(mapping.flag, *flags) as w:
        yield w


def refused(w, reason):
    return w.value(f'windsock_series_refused_total{{reason="{reason}"}}')


def test_a_series_is_born_by_a_value_within_bounds():
    with mapped(BOUNDS.format(low="low", high="high", more="")) as w:
        w.send("a.1:50|g")
        assert w.value('high{x="1"}') == 50
        assert w.value('low{x="1"}') is None
        w.send("a.1:5|g")
        assert w.value('low{x="1"}') == 5


def test_a_refused_sample_makes_no_series():
    with Windsock() as w:
        w.send("c:-1|c", "t:nan|ms", "u:inf|c")
        assert w.value("windsock_series") == 0
        w.send("c:1|c")
        assert w.value("c") == 1


def test_rules_with_bounds_may_feed_one_series():
    with mapped(BOUNDS.format(low="m", high="m", more="")) as w:
        w.send("a.1:50|g")
        assert w.value('m{x="1"}') == 50
        w.send("a.1:5|g")
        assert w.value('m{x="1"}') == 5


TWICE = "[{}]\nmatch = a.<x>\nmetric = m\nas = counter\nttl = {}\n"


def twice(ttl):
    return TWICE.format("one", ttl) + "continue = yes\n" + TWICE.format("two", ttl)


def test_a_sample_feeds_a_series_once():
    with mapped(twice("1h")) as w:
        w.send("a.1:1|c\na.1:1|c")
        assert w.value('m{x="1"}') == 2


def test_a_sample_feeds_a_series_once_after_it_expired():
    with mapped(twice("1s")) as w:
        w.send("a.1:1|c")
        wait_for(lambda: w.value("windsock_series_expired_total") == 1, "expiry")

        def again():
            """Its value, unless it has expired before it could be seen."""
            w.send("a.1:1|c")
            return w.value('m{x="1"}')
        assert wait_for(again, "the series") == 1


def test_each_refusal_is_counted_once():
    with Windsock("--limits.series=1") as w:
        w.send("a:1|c", "b:1|c")
        assert refused(w, "series_limit") == 1
        w.send("b:1|c\nc:1|c")
        assert refused(w, "series_limit") == 3
        assert w.value("windsock_samples_applied_total") == 1
