# SPDX-License-Identifier: Apache-2.0
"""The list of names that no rule matched: over HTTP, on the front page and in the log."""
import json
import re
import time

from harness import Windsock, ini, run

LINES = ["airflow.x:1|c"] * 5 + ["airflow.x:7|c", 'my.<b>"\\\x01é,a=b:-2.5|g', "t:61.2|ms", "u:z|s",
                                "i:inf|g"]


def rows(w):
    """name's last sample -> count"""
    return {m[2]: int(m[1]) for m in
            re.finditer(r"^ +(\d+) +\d+\.\d  (.*)$", w.get("/unmatched")[1], re.M)}


def test_true_counts_and_last_values():
    with Windsock("--statsd.workers=2") as w:
        assert rows(w) == {}
        for line in LINES:
            w.send(line)
        w.send("\n".join(LINES), "airflow.ti.start.d.t:1|c")
        assert rows(w) == {"airflow.x:7|c": 12, 'my.<b>"\\\\x01é,a=b:-2.5|g': 2, "t:61.2|ms": 2,
                           "u:?|s": 2, "i:inf|g": 2}, w.get("/unmatched")[1]
        assert sum(rows(w).values()) == w.value("windsock_unmatched_total")


def test_json_by_accept():
    with Windsock() as w:
        assert json.loads(w.get("/unmatched", Accept="application/json")[1]) == {"unmatched": []}
        before = time.time()
        w.send(*LINES, "c" + "é" * 100 + ":1|c")
        names = json.loads(w.get("/unmatched", Accept="application/json")[1])["unmatched"]
        found = {n["name"]: n for n in names}
        assert found["airflow.x"]["count"] == 6 and found["airflow.x"]["value"] == 7
        assert found["airflow.x"]["type"] == "counter"
        assert found["airflow.x"]["sample"] == "airflow.x:7|c"
        assert before - 0.1 < found["airflow.x"]["last_seen"] < time.time() + 0.1
        assert found['my.<b>"\\\\x01é']["value"] == -2.5
        assert found["t"]["value"] == 61.2 / 1000
        assert found["u"]["value"] is None
        assert found["i"]["value"] == "+Inf"
        assert found["c" + "é" * 79]["count"] == 1
        stamps = [n["last_seen"] for n in names]
        assert stamps == sorted(stamps, reverse=True)


def test_explain_takes_the_samples():
    with Windsock() as w:
        w.send("airflow.x,a=b:1|c", "t:61.2|ms", "z:1|c|#k:v")
        for line in rows(w):
            code, text, _ = run("explain", line)
            assert code == 0 and "unmatched" in text, (line, text)


def test_the_list_is_bounded():
    with Windsock("--limits.unmatched-families=10") as w:
        w.send(*(f"n{i}.{'x' * 1000}:1|c" for i in range(300)))
        listed = rows(w)
        assert len(listed) == 100
        assert max(map(len, listed)) < 200
        assert w.logged().count("no rule matches") == 101, w.logged().count("no rule matches")


def test_the_front_page_shows_and_escapes_them():
    with Windsock() as w:
        w.send(*LINES)
        page = w.get("/")[1]
        assert 'href="/unmatched"' in page
        assert re.search(r"<code>airflow\.x:7\|c</code></td><td class=\"n\">6</td>", page), page
        assert "my.&#60;b&#62;&#34;\\\\x01é,a=b" in page, page
        assert "no rule matches airflow.x" in w.logged()
        w.send(*(f"n{i}:1|c" for i in range(30)))
        assert ">All 35<" in w.get("/")[1]


def test_a_reload_begins_the_list_anew():
    with ini("[r]\nmatch = a\nmetric = a\n") as mapping, \
            Windsock(mapping.flag, "--web.enable-lifecycle") as w:
        w.send("a:1|c", "b:1|c", "c:1|c")
        assert rows(w) == {"b:1|c": 1, "c:1|c": 1}
        mapping.write("[r]\nmatch = a\nmetric = a\n[s]\nmatch = b\nmetric = b\n")
        assert w.get("/-/reload", "POST")[0] == 200
        w.send("a:1|c", "b:1|c", "c:1|c")
        assert rows(w) == {"c:1|c": 1}
