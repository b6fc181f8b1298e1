# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus of one's own on a free port, for as long as a test takes."""
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

from harness import wait_for

CONFIG = """
global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval}}}
rule_files: {rules}
scrape_configs:
"""
TARGET = """
  - job_name: {job}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    """Scrapes targets {job: port} and evaluates the files of rules, every interval; data: a
    directory with blocks to begin with."""

    def __init__(self, targets, rules=(), interval="1s", data=None):
        self.home = tempfile.TemporaryDirectory(prefix="prometheus")
        config = os.path.join(self.home.name, "prometheus.yml")
        with open(config, "w") as out:
            out.write(CONFIG.format(interval=interval,
                                    rules=json.dumps([os.path.abspath(r) for r in rules])))
            for job, port in targets.items():
                out.write(TARGET.format(job=json.dumps(job), port=port))
        self.log = os.path.join(self.home.name, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file=" + config, "--web.listen-address=127.0.0.1:0",
                 "--storage.tsdb.path=" + (data or os.path.join(self.home.name, "data"))],
                stdout=log, stderr=log)
        try:
            wait_for(lambda: "ready to receive web requests" in self.logged() or
                     self.process.poll() is not None, "Prometheus to be ready", 60)
            assert self.process.poll() is None, self.logged()
            self.port = int(re.search(r'"?Listening on"? address=127.0.0.1:(\d+)',
                                      self.logged())[1])
            wait_for(lambda: self.query("count(up == 1) or vector(0)") ==
                     [({}, float(len(targets)))],
                     "all targets to be scraped", 60)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.home.cleanup()

    def logged(self):
        with open(self.log) as log:
            return log.read()

    def api(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, text, **at):
        """[(labels, value)] now, or at time=."""
        return [(r["metric"], float(r["value"][1]))
                for r in self.api("query", query=text, **at)["result"]]
