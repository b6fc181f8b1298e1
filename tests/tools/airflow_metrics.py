#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""airflow_metrics.py [-]: writes the tables of docs/airflow-metrics.md (-: to standard output),
from mappings/airflow.ini and the versions in tests/data/airflow-metrics.tsv.  Which names become
which metric is asked of `windsock explain`."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import catalogue  # noqa: E402
from harness import ROOT  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "airflow-metrics.md")
MAPPING = os.path.join(ROOT, "mappings", "airflow.ini")
PART = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)
UNITS = {"seconds": "seconds", "ago": "seconds", "bytes": "bytes", "percent": "percent"}


class Rule:
    def __init__(self, name, group, comment):
        self.name, self.group, self.comment, self.keys = name, group, comment, {}

    def labels(self, captures):
        written = self.keys.get("labels")
        if written is None:
            return list(captures)
        return [one.split("=")[0].strip() for one in written.split(",") if one.strip()]


def rules():
    """The sections of the mapping, with the comment above each and the heading of its group."""
    found, group, comment, rule, key = {}, "", [], None, None
    with open(MAPPING) as file:
        for line in file:
            line = line.rstrip("\n")
            heading = re.match(r"; --- (.*?) -+$", line)
            if heading:
                group = heading[1]
            elif line.startswith(";"):
                comment.append(line.lstrip("; "))
            elif line.startswith("["):
                rule = found[line.strip("[]")] = Rule(line.strip("[]"), group, " ".join(comment))
                comment = []
            elif line[:1] in (" ", "\t"):
                rule.keys[key] += line.strip()
            elif "=" in line:
                key, _, value = (part.strip() for part in line.partition("="))
                rule.keys[key] = value
                comment = []
            else:
                comment = []
    return found


class Family:
    def __init__(self, rule, step):
        self.group, self.kind = rule.group, step.kind
        self.labels, self.extra, self.sources, self.help = [], [], {}, ""

    def take(self, row, rule, step, is_tagged):
        named = rule.labels(step.captures)
        add(self.labels, [label for label in step.labels if label in named])
        add(self.extra, [label for label in step.labels if label not in named + ["env"]])
        source = self.sources.setdefault(row.pattern, {"plain": False, "rows": []})
        source["plain"] |= not is_tagged
        add(source["rows"], [(row.type, row.source, row.versions)])
        text = re.sub(r"<(\w+)>", lambda m: step.captures[m[1]], rule.keys.get("help", ""))
        self.help = self.help or text


def add(to, more):
    to.extend(one for one in more if one not in to)


def followed():
    """(row, rule, step, tagged?) of every line, but of dropped ones."""
    sent = [(row, bool(tags), line) for row in catalogue.rows()
            for _, tags, line in catalogue.lines(row)]
    known = rules()
    for (row, is_tagged, _), steps in zip(sent, catalogue.explain([s[2] for s in sent])):
        for step in steps:
            yield row, known[step.rule], step, is_tagged


def families():
    found = {}
    for row, rule, step, is_tagged in followed():
        if step.metric:
            family = found.setdefault(step.metric, Family(rule, step))
            family.take(row, rule, step, is_tagged)
    return found


def code(names):
    return ", ".join("`%s`" % name for name in names)


def sources(family):
    for pattern, source in family.sources.items():
        text = "`%s`" % pattern + ("" if source["plain"] else " with tags")
        for kind, provider, versions in source["rows"]:
            provider = "" if provider == "core" else provider + " "
            yield f"{text}, {kind}, {provider}{versions}"
            text = "the same"


def names():
    """The table of metrics, one for each group of the mapping."""
    found = families()
    for group in dict.fromkeys(rule.group for rule in rules().values()):
        mine = {name: family for name, family in found.items() if family.group == group}
        if not mine:
            continue
        yield f"### {group}\n\n"
        yield "| metric | type | unit | labels | from, type as sent, Airflow versions | help |\n"
        yield "|---|---|---|---|---|---|\n"
        for name, family in sorted(mine.items()):
            unit = UNITS.get(name.rsplit("_", 1)[1], "")
            labels = code(family.labels)
            if family.extra:
                labels += ("; " if labels else "") + "from tags " + code(family.extra)
            yield "| `%s` | %s | %s | %s | %s | %s |\n" % (
                name, family.kind, unit, labels, "<br>".join(sources(family)), family.help)
        yield "\n"


def versions(ranges):
    """As an operator says it; 2.11 is the last before 3.0."""
    text = {"none": "never", "all": "always"}.get(ranges, ranges)
    return re.sub(r"^- 2\.99$", "up to 2.11", text)


def units():
    """The timers of which a version sends seconds where it says milliseconds."""
    default = rules()["windsock"].keys["dogstatsd_seconds"]
    found = {}
    for row, rule, step, _ in followed():
        if row.type == "ms" and step.metric and step.kind == "summary":
            plain = rule.keys.get("seconds", "none")
            dog = rule.keys.get("dogstatsd_seconds", default)
            if (plain, dog) != ("none", default):
                if plain == "all":
                    dog = "all"
                add(found.setdefault((step.metric, plain, dog), []), [row.pattern])
    yield "| metric | from | the plain client sends seconds | the DogStatsD client does |\n"
    yield "|---|---|---|---|\n"
    for (metric, plain, dog), patterns in found.items():
        yield f"| `{metric}` | {code(patterns)} | {versions(plain)} | {versions(dog)} |\n"


def drops():
    yield "| rule | drops | why |\n"
    yield "|---|---|---|\n"
    for rule in rules().values():
        if rule.keys.get("drop") == "yes":
            match = rule.keys["match"].replace("|", r"\|")
            tags = " with " + code([rule.keys["tags"]]) if "tags" in rule.keys else ""
            yield f"| `{rule.name}` | `{match}`{tags} | {rule.comment or rule.group + '.'} |\n"


def initialized():
    yield "| when Airflow sends | these exist, at zero |\n"
    yield "|---|---|\n"
    found = {}
    for row, rule, step, _ in followed():
        if "initialize" in rule.keys and step.metric:
            pairs = re.findall(r"(\w+)\((.*?)\)", rule.keys["initialize"])
            known = rules()
            series = ["%s{%s}" % (known[name].keys["metric"],
                                  re.sub(r"=(\w+)", r'="\1"', text)) for name, text in pairs]
            add(found.setdefault(tuple(series), []), [row.pattern])
    for series, patterns in found.items():
        yield f"| {code(patterns)} | {code(series)} |\n"


def page():
    """What the page has to be."""
    makers = {"names": names, "units": units, "drops": drops, "initialized": initialized}
    with open(PAGE) as file:
        return PART.sub(lambda m: m[1] + "".join(makers[m[2]]()).rstrip("\n") + "\n" + m[3],
                        file.read())


if __name__ == "__main__":
    text = page()
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(text)
    else:
        with open(PAGE, "w") as file:
            file.write(text)
