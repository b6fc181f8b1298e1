# SPDX-License-Identifier: Apache-2.0
"""packaging/kubernetes: manifests are of Kubernetes' schema, hardened, and start a real windsock.
The schemas and YAML come from PyPI, the operator's from the Go module proxy; without them that is
skipped, and said."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import pypi
from harness import ROOT, Windsock

MANIFESTS = os.path.join(ROOT, "packaging", "kubernetes")
PACKAGE = "kubernetes-validate==1.37.0"
VERSION = "1.30"
# Resources of the Prometheus operator; its Go module has their definitions.
FOREIGN = {"ServiceMonitor", "PodMonitor"}
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.66.0"
READ = """
import glob, json, jsonschema, sys, yaml, kubernetes_validate

def strict(schema):
    if isinstance(schema, dict):
        if "properties" in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            strict(part)
    return schema

def wrong(one, definition):
    try:
        jsonschema.validate(one, definition)
    except jsonschema.ValidationError:
        return True

# A plain = among the words that a field may have.
yaml.SafeLoader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)
definitions = {}
for path in glob.glob(sys.argv[2] + "/example/prometheus-operator-crd/*monitors.yaml"):
    spec = yaml.safe_load(open(path))["spec"]
    for version in spec["versions"]:
        where = spec["group"] + "/" + version["name"], spec["names"]["kind"]
        definitions[where] = strict(version["schema"]["openAPIV3Schema"])
found = []
for path in sys.argv[3:]:
    for one in yaml.safe_load_all(open(path)):
        where = one["apiVersion"], one["kind"]
        if where in definitions:
            jsonschema.validate(one, definitions[where])
            assert wrong(dict(one, spec=dict(one["spec"], selektor={})), definitions[where])
        elif not one["apiVersion"].startswith("monitoring.coreos.com/"):
            kubernetes_validate.validate(one, sys.argv[1], strict=True)
        one["checked"] = where in definitions or not where[0].startswith("monitoring")
        found.append(one)
json.dump(found, sys.stdout)
"""


def operator(home):
    """Where the operator's module was unpacked, or nowhere."""
    if not shutil.which("go"):
        return ""
    got = subprocess.run(["go", "mod", "download", "-json", OPERATOR], capture_output=True,
                         text=True, timeout=150, cwd=home,
                         env=dict(os.environ, GOPATH=home, GOFLAGS="-modcacherw"))
    return json.loads(got.stdout).get("Dir", "") if got.returncode == 0 else ""


@pytest.fixture(scope="module")
def resources():
    with tempfile.TemporaryDirectory(prefix="kubernetes") as home:
        return read(home)


def read(home):
    """All resources, each found valid."""
    python = pypi.environment(home, PACKAGE) + "/python"
    files = sorted(glob.glob(os.path.join(MANIFESTS, "*.yaml")))
    done = subprocess.run([python, "-c", READ, VERSION, operator(home), *files],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def templates(resources):
    return [r["spec"]["template"] for r in resources if "template" in r["spec"]]


def boxes(resources):
    return [c for t in templates(resources) for c in t["spec"]["containers"]
            if c["name"] == "windsock"]


def test_hardened(resources):
    assert len(boxes(resources)) == 3
    for box in boxes(resources):
        safe = box["securityContext"]
        assert safe["runAsNonRoot"] and safe["readOnlyRootFilesystem"]
        assert safe["allowPrivilegeEscalation"] is False
        assert safe["capabilities"] == {"drop": ["ALL"]}
        assert box["resources"]["limits"]["memory"] and box["resources"]["requests"]["cpu"]


def test_flags_and_probes(resources):
    """The flags start a windsock that answers the probes; ports are put on free ones."""
    for box in boxes(resources):
        ports = {p["name"]: p["containerPort"] for p in box["ports"]}
        assert "--web.listen-address=:%d" % ports["metrics"] in box["args"]
        if "statsd" in ports:
            assert "--statsd.listen-udp=:%d" % ports["statsd"] in box["args"]
        others = [a for a in box["args"] if not re.match("--(web|statsd).listen-", a)]
        with Windsock(*others) as w:
            for probe in "livenessProbe", "readinessProbe":
                get = box[probe]["httpGet"]
                assert get["port"] in ports
                assert w.get(get["path"])[0] == 200, get


def test_selectors(resources):
    """Whatever selects finds a pod, and names a port of it."""
    pods = [t for t in templates(resources)]
    ports = {p["name"] for b in boxes(resources) for p in b["ports"]}
    for r in resources:
        spec = r["spec"]
        wanted = spec.get("selector", spec.get("podSelector"))
        wanted = wanted.get("matchLabels", wanted)
        if r["kind"] == "ServiceMonitor":
            labels = [s["metadata"]["labels"] for s in resources if s["kind"] == "Service"]
        else:
            labels = [t["metadata"]["labels"] for t in pods]
        assert any(wanted.items() <= have.items() for have in labels), r
        for end in spec.get("endpoints", []) + spec.get("podMetricsEndpoints", []):
            assert end["port"] in ports, r


def test_each_has_a_schema(resources):
    unchecked = {r["kind"] for r in resources if not r["checked"]}
    assert unchecked in (set(), FOREIGN), unchecked
    if unchecked:
        pytest.skip("no go, or its module proxy could not be reached: " + " ".join(sorted(unchecked)))
    print(f"{len(resources)} resources, each against its schema")
