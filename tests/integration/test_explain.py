# SPDX-License-Identifier: Apache-2.0
"""windsock explain and windsock check: what they print, and their exit codes."""
import subprocess

from harness import PROGRAM, ini as mapping



RULES = """
[low]
match = a.<x>
max = 10
metric = m
labels = x
as = gauge
continue = yes

[any]
match = a.<x>
metric = m
labels = x
as = gauge

[other]
match = b.<x>
as = counter
metric = c

[gone]
match = d.<_>
drop = yes
"""


def windsock(*args, text="", ini=None):
    """Exit code, standard output, standard error; `ini` is the mapping."""
    with mapping(ini or "") as file:
        args = [file.name if a == "INI" else a for a in args]
        if ini is not None and args[0] == "explain":
            args[1:1] = [file.flag]
        done = subprocess.run([PROGRAM, *args], input=text.encode(), capture_output=True)
        return (done.returncode, done.stdout.decode().replace(file.name, "INI"),
                done.stderr.decode().replace(file.name, "INI"))


def explained(*lines):
    code, out, err = windsock("explain", *lines, ini=RULES)
    assert err == "", err
    return code, out


def test_a_sample_is_told_from_line_to_series():
    code, out, err = windsock("explain", "airflow.ti.start.d.t:2|c|@0.5|#env:x")
    assert (code, err) == (0, "")
    head, *rest = out.splitlines()
    assert head == "airflow.ti.start.d.t:2|c|@0.5|#env:x"
    got = [line.split(None, 1) for line in rest]
    assert got[:4] == [["name", "airflow.ti.start.d.t"], ["type", "counter"],
                       ["value", "2, weight 2"], ["tags", 'env="x"']], got
    assert got[4][0] == "rule" and got[4][1].startswith("ti_start (builtin:airflow:"), got
    assert got[5:7] == [["captures", 'dag_id="d" task_id="t"'],
                        ["unless", "its sender sends what ti_start_tagged takes"]], got
    initialized = 'airflow_task_status_count{dag_id="d",env="x",status="%s",task_id="t"} counter'
    assert got[7:] == [["initializes", initialized % "success"], ["initializes", initialized % "failed"],
                       ["initializes", initialized % "up_for_retry"],
                       ["series", 'airflow_ti_start_total{dag_id="d",env="x",task_id="t"} counter'],
                       ["effect", "counter +4"]], got


def test_standard_input_is_read_without_arguments():
    lines = "b.1:1|c\n\nb.2:1|c\n"
    code, out, _ = windsock("explain", text=lines, ini=RULES)
    assert code == 0
    assert (code, out) == explained("b.1:1|c", "b.2:1|c") == explained("b.1:1|c\nb.2:1|c")
    assert windsock("explain", text="", ini=RULES) == (0, "", "")
    assert windsock("explain", text="b.1:1|c\nbad\n", ini=RULES)[0] == 1


def test_dropped_and_unmatched():
    code, out = explained("d.1:1|c")
    assert code == 0 and "    dropped   by this rule\n" in out, out
    code, out = explained("x.1:5|g")
    assert code == 0 and "unmatched no rule matches; kept as\n    series    x_1{} gauge\n" in out
    code, out, _ = windsock("explain", "x.1:5|g", ini="[windsock]\nunmatched = drop\n" + RULES)
    assert code == 1 and "unmatched no rule matches; dropped (unmatched = drop)\n" in out, out


def test_rejected_with_reason():
    for line, reason in (("bad", "malformed_line"), ("b.1:x|c", "malformed_value"),
                         ("b.1:-1|c", "illegal_negative_counter"), ("b.1:inf|c", "not_finite"),
                         ("b.1:1|s", "type_mismatch"), ("b.1:1|zz", "illegal_event")):
        code, out = explained(line)
        assert code == 1 and f"  rejected  {reason}: " in out, (line, out)
    code, out = explained("x:1|c", "x:1|g")
    assert code == 1 and "    rejected  type_conflict: " in out, out


def test_parts_ignored_are_named():
    code, out = explained("b.1:1|c|@7|z")
    assert code == 0
    assert "  ignored   invalid_sample_factor: " in out and "  ignored   unknown_field: " in out, out


def test_actions_are_those_of_ingest():
    code, out = explained("a.1:50|g")
    assert code == 0 and "    skipped   the value is not between -Inf and 10\n" in out, out
    assert out.count("    effect    gauge = 50\n") == 1, out
    code, out = explained("a.1:5|g")
    assert code == 0 and out.count("    effect    gauge = 5\n") == 1, out
    assert "    effect    none: an earlier rule has updated this series\n" in out, out
    assert "    effect    gauge +5\n" in explained("a.1:+5|g")[1]


def test_ambiguous_names_are_told():
    code, out, _ = windsock("explain", "airflow.ti.start.a.b.c:1|c")
    assert code == 0 and out.count("    ambiguous ") == 1, out
    code, out, _ = windsock("explain", "airflow.ti.start.a.b:1|c")
    assert code == 0 and "ambiguous" not in out, out


def test_the_first_rule_ends_its_view_but_not_out_of_bounds():
    ini = "[r]\nmatch = a.<x>\nmax = 10\nmetric = m\n[s]\nmatch = a.<x>\nmetric = n\n"
    out = windsock("explain", "a.1:5|g", ini=ini)[1]
    assert "series    m{" in out and "series    n{" not in out, out
    out = windsock("explain", "a.1:50|g", ini=ini)[1]
    assert "series    m{" not in out and "series    n{" in out, out


def test_initialized_series_are_shown():
    ini = RULES + "[first]\nmatch = e.<x>\nas = counter\nmetric = e\ninitialize = other(x=zero)\n"
    code, out, _ = windsock("explain", "e.1:3|c", ini=ini)
    assert code == 0 and '    initializes c{x="zero"} counter\n' in out, out
    assert out.count("    effect    ") == 1 and "    effect    counter +3\n" in out, out


def test_unprintable_bytes_do_not_reach_the_terminal():
    out = explained("b.\x1b[31m:1|c")[1]
    assert "\x1b" not in out and "\\x1b[31m" in out, out


def test_check_prints_a_table():
    code, out, err = windsock("check", "INI", ini=RULES)
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["RULE", "FILE:LINE", "MATCH", "KIND", "METRIC", "LABELS"]
    assert [row[0] for row in rows[1:]] == ["low", "any", "other", "gone"]
    assert rows[1][2:] == ["a.<x>", "gauge,", "continue", "m", "x"], rows[1]
    assert rows[1][1] == "INI:2", rows[1]
    assert rows[4][2:] == ["d.<_>", "drop", "-", "-"], rows[4]
    code, out, err = windsock("check")
    assert (code, err) == (0, "") and "builtin:airflow:" in out
    starts = {tuple(line.index(word) for word in line.split()[:3]) for line in out.splitlines()}
    assert len(starts) == 1, "columns are not below each other"


def test_errors_name_file_and_line():
    bad = "[r]\nmatch = a.<x\nmetrik = m\n"
    code, out, err = windsock("check", "INI", ini=bad)
    assert (code, out) == (2, "") and "INI:3: unknown key 'metrik'" in err, err
    code, out, err = windsock("explain", "a:1|c", ini=bad)
    assert (code, out) == (2, "") and "INI:3: unknown key 'metrik'" in err, err
    code, out, err = windsock("check", "/nowhere/x.ini")
    assert (code, out) == (2, "") and err.startswith("/nowhere/x.ini: "), err
    for command in ("check", "explain"):
        code, out, err = windsock(command, "--no-such-flag")
        assert (code, out) == (2, "") and "--no-such-flag" in err, err


def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        for args in (["check"], ["explain", "b.1:1|c"]):
            done = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == 1 and b"cannot write" in done.stderr, done
