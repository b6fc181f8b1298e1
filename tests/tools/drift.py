#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""drift.py VERSION | DIRECTORY: what an Airflow sends that the built-in mapping does not know.

VERSION, such as 3.3.2 or newest, is fetched from PyPI into a directory that is thrown away, with the newest
providers that send metrics, but without what they depend on.  DIRECTORY is a site-packages that
has an Airflow.  Nothing of Airflow is run: its registry of metrics is read (3.2 and later), and
the calls in its source.
"""
import ast
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import catalogue  # noqa: E402

TYPES = {"incr": "c", "decr": "c", "gauge": "g", "timing": "ms", "timer": "ms", "counter": "c"}
PROVIDERS = ["amazon", "celery", "cncf-kubernetes", "common-ai", "edge3", "openlineage"]
# What a variable of the source stands for, where its name is another than that of the tag.
MEANS = {"__name__": "job_name", "lower": "job_name", "metric_suffix": "executor_class_name",
         "safe_pool_name": "pool_name", "pool": "pool_name", "slot_name": "pool_name",
         "normalized_pool_name": "pool_name", "operator": "operator_name",
         "worker": "worker_name", "dag_file": "file_name", "bundle": "bundle_name"}


def fetch(version, to):
    """The version that came."""
    def get(what):
        part = os.path.join(to, str(len(os.listdir(to))))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile",
             "--disable-pip-version-check", "--target", part, what],
            env=dict(os.environ, PIP_ROOT_USER_ACTION="ignore"))
        if done.returncode != 0:
            sys.exit("drift: pip has not got " + what)
        return part

    main = get("apache-airflow" + ("" if version == "newest" else "==" + version))
    info, = (d for d in os.listdir(main) if re.match(r"apache_airflow-.*\.dist-info$", d))
    with open(os.path.join(main, info, "METADATA")) as file:
        parts = re.findall(r"^Requires-Dist: (apache-airflow-(?:core|task-sdk)[<=>!~][^;\s]*)$",
                           file.read(), re.M)
    for what in parts + ["apache-airflow-providers-" + name for name in PROVIDERS]:
        get(what)
    return re.search(r"-([\d.]*\d)", info)[1]


class Calls(ast.NodeVisitor):
    """The names that a file gives to Stats.incr and its kin."""

    def __init__(self, where):
        self.where, self.found, self.unread = where, [], []
        self.assigned = {}

    def read(self, tree):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.assigned.setdefault(node.targets[0].id, []).append(node.value)
        self.visit(tree)

    def names(self, node, deep=0):
        """All names that an expression can be; None: not to be told."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return ["".join(part.value if isinstance(part, ast.Constant)
                            else self.variable(part.value) for part in node.values)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left = self.names(node.left, deep) or [self.variable(node.left)]
            right = self.names(node.right, deep) or [self.variable(node.right)]
            return [a + b for a in left for b in right]
        if isinstance(node, ast.IfExp):
            return (self.names(node.body, deep) or []) + (self.names(node.orelse, deep) or [])
        if isinstance(node, ast.Name) and deep < 3:
            return [name for value in self.assigned.get(node.id, ())
                    for name in self.names(value, deep + 1) or ()]
        if isinstance(node, ast.Call) and node.args:  # such as self._get_metric_name("...")
            return self.names(node.args[0], deep)
        return None

    @staticmethod
    def variable(node):
        """<dag_id> for `dag_id`, `self.dag_id` and `str(ti.dag_id)`."""
        words = [n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(node)
                 if isinstance(n, (ast.Name, ast.Attribute))]
        known = [MEANS.get(w, w) for w in words if MEANS.get(w, w) in catalogue.VALUES]
        return "<%s>" % (known or words or ["?"])[0]

    def visit_Call(self, node):
        self.generic_visit(node)
        function = node.func
        if not (isinstance(function, ast.Attribute) and function.attr in TYPES and node.args):
            return
        owner = function.value.attr if isinstance(function.value, ast.Attribute) else \
            getattr(function.value, "id", "")
        if not owner.lower().lstrip("_").endswith(("stats", "statsmanager")):
            return
        where = f"{self.where}:{node.lineno}"
        tags = [k.value for w in node.keywords if w.arg == "tags"
                for d in ast.walk(w.value) if isinstance(d, ast.Dict)
                for k in d.keys if isinstance(k, ast.Constant)]
        names = self.names(node.args[0])
        for name in names or ():
            self.found.append((name, TYPES[function.attr], tags, where))
        if not names:
            self.unread.append(where)


def registry(path, where):
    """metrics_template.yaml, without a reader of YAML: its entries are flat."""
    with open(path, encoding="utf-8") as file:
        for entry in re.split(r"^  - (?=name:)", file.read(), flags=re.M)[1:]:
            keys = dict(re.findall(r'^\s*(\w+): (.*)$', entry, re.M))
            kind = TYPES[keys["type"].strip('"')]
            tags = re.findall(r'"(\w+)"', keys.get("name_variables", ""))
            for key in ("name", "legacy_name"):
                name = re.sub(r"\{(\w+)\}", r"<\1>", keys.get(key, "-").strip('"'))
                if name != "-":
                    yield name, kind, [] if "<" in name else tags, where


def sent_by(directory):
    """(name, type, tags, where) of all that is found below, and the calls that are not read."""
    found, unread = [], []
    for folder, _, files in os.walk(directory, followlinks=True):
        for file in files:
            path = os.path.join(folder, file)
            where = re.sub(r".*?/(?=airflow/)", "", path)
            if file == "metrics_template.yaml":
                found += registry(path, where)
            elif file.endswith(".py") and "/airflow/" in path:
                with open(path, encoding="utf-8") as source:
                    text = source.read()
                if re.search(r"stats", text, re.I):
                    calls = Calls(where)
                    calls.read(ast.parse(text))
                    found, unread = found + calls.found, unread + calls.unread
    return found, unread


def shape(name):
    return re.sub(r"<.*?>", "<>", name)


def is_listed(name, kind, listed):
    """Also where the list spells out what is a variable in the source."""
    spelled = re.escape(shape(name)).replace("<>", ".+")
    return any(kind == k and re.fullmatch(spelled, pattern) for pattern, k in listed)


def line(name, kind, tags):
    filled = re.sub(r"<(.*?)>", lambda m: catalogue.VALUES.get(m[1], "x"), name)
    pairs = ",".join("%s:%s" % (tag, catalogue.VALUES.get(tag, "x")) for tag in tags)
    return f"airflow.{filled}:1|{kind}" + ("|#" + pairs if tags else "")


def report(directory, *flags):
    found, unread = sent_by(directory)
    merged = {}
    for name, kind, tags, where in found:
        merged.setdefault((name, kind), (set(), where))[0].update(tags)
    if not merged:
        sys.exit("drift: no metrics found")
    listed = {(shape(row.pattern), row.type) for row in catalogue.rows()}
    known_tags = {tag for row in catalogue.rows() for tags in row.tags for tag in tags}
    keys = sorted(merged)
    told = catalogue.explain([line(name, kind, tags) for name, kind in keys
                              for tags in ((), sorted(merged[name, kind][0]))], *flags)
    unknown, unlisted, tagged = [], [], []
    for i, (name, kind) in enumerate(keys):
        tags, where = merged[name, kind]
        text = f"{name}  {kind}  {where}"
        is_taken = not any(step.rule in ("UNMATCHED", "REFUSED") or "refused" in step.said
                           for step in told[2 * i] + told[2 * i + 1])
        if not is_listed(name, kind, listed):
            (unlisted if is_taken else unknown).append(text)
        elif not is_taken and "<" not in name:
            unknown.append(text)
        tagged.extend(f"{tag} of {text}"
                      for tag in sorted(tags - known_tags - catalogue.COMMON_TAGS))
    print(f"{len(keys)} names")
    for what, texts in (("unknown to the mapping", unknown),
                        ("taken by the mapping, but not in airflow-metrics.tsv", unlisted),
                        ("tags that are not in airflow-metrics.tsv", tagged),
                        ("calls of which the source does not say the name", sorted(unread))):
        print(f"\n{len(texts)} {what}" + "".join("\n    " + text for text in texts))
    return bool(unknown)


def main(what):
    if os.path.isdir(what):
        return report(what)
    with tempfile.TemporaryDirectory() as directory:
        version = fetch(what, directory)
        print("Airflow " + version)
        return report(directory, "--airflow.version=" + version)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
