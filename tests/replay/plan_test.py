#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl plan between two files, with and without traffic. plan_test.py LVSCTL"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

HERE = os.path.dirname(os.path.abspath(__file__))
LVSCTL = os.path.abspath(sys.argv[1])
sys.argv[1:] = []
sys.path.insert(0, HERE)
from command_packets import raw_capture, tcp  # noqa: E402

OLD = """services:
  - name: web
    listen: 10.0.3.100:80/tcp
    method: nat
    scheduler: rr
    destinations:
      - {address: 10.0.2.11}
      - {address: 10.0.2.12}
  - name: mail
    listen: 10.0.3.100:25/tcp
    method: nat
    scheduler: rr
    destinations:
      - {address: 10.0.2.11}
"""


class Plan(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)

    def file(self, name, content):
        path = os.path.join(self.place.name, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def plan(self, *words):
        done = subprocess.run([LVSCTL, "plan", *words], text=True, capture_output=True, timeout=60,
                              check=False)
        return done.returncode, done.stdout, done.stderr

    def traffic(self):
        """Eight clients of web, two of mail; packets of web's on both sides of the middle."""
        packets = [(i * 1000, tcp(4000 + i, 80, 2)) for i in range(8)]
        packets += [(10000 + i * 1000, tcp(5000 + i, 25, 2)) for i in range(2)]
        packets += [(10**6 + i * 1000, tcp(4000 + i, 80, 16)) for i in range(8)]
        return self.file("in.pcap", raw_capture(packets))

    def test_exit_status_says_it(self):
        old = self.file("old.yaml", OLD)
        self.assertEqual(self.plan(old, old)[0], 0)
        new = self.file("new.yaml", OLD.replace("10.0.2.12}", "10.0.2.12, weight: 2}"))
        status, out, _ = self.plan(old, new)
        self.assertEqual(status, 2)
        self.assertIn("~ 10.0.2.12:80: weight 2 (was 1)", out)
        self.assertNotIn("\033", out)
        self.assertIn("\033[33m", self.plan(old, new, "--color", "always")[1])
        bad = self.file("bad.yaml", OLD.replace("method", "methd"))
        status, _, said = self.plan(old, bad)
        self.assertEqual(status, 1)
        self.assertRegex(said, r"bad\.yaml:\d+:\d+: ")
        for words in (["--pcap", "x"], [old, new, "x"], [old, new, "--fail-above", "1%"],
                      [old, new, "--color", "blue"], ["--nonsense"]):
            self.assertEqual(self.plan(*words)[0], 1, words)

    def test_restart_keys_are_named(self):
        old = self.file("old.yaml", OLD)
        new = self.file("new.yaml", "director: {connections: {limit: 1000}}\n" + OLD)
        status, out, _ = self.plan(old, new)
        self.assertEqual(status, 2)
        self.assertIn("! director.connections.limit takes effect at the next restart only", out)

    def test_traffic_that_goes_elsewhere(self):
        old = self.file("old.yaml", OLD)
        new = self.file("new.yaml", OLD.replace("      - {address: 10.0.2.12}\n", ""))
        words = (old, new, "--pcap", self.traffic())
        status, out, said = self.plan(*words, "--json")
        self.assertEqual(status, 2, said)
        traffic = json.loads(out)["traffic"]
        self.assertEqual((traffic["connections"], traffic["elsewhere"], traffic["mid_life"]),
                         (10, 4, 0))
        services = {s["service"]: s for s in traffic["services"]}
        self.assertEqual(services["web"]["elsewhere"], 4)
        self.assertEqual(services["mail"]["elsewhere"], 0)
        self.assertEqual(services["web"]["destinations"],
                         [{"destination": "10.0.2.11:80", "before": 4, "after": 8},
                          {"destination": "10.0.2.12:80", "before": 4, "after": 0}])
        self.assertEqual(self.plan(*words, "--fail-above", "39%")[0], 1)
        self.assertEqual(self.plan(*words, "--fail-above", "40%")[0], 2)
        self.assertIn("4 of 10 connections would go elsewhere (40.00%), 0 in mid-life",
                      self.plan(*words)[1])

    def test_connections_that_are_cut_in_mid_life(self):
        old = self.file("old.yaml", OLD)
        new = self.file("new.yaml", "ipvs: {expire_nodest_conn: false}\n" +
                        OLD.replace("      - {address: 10.0.2.12}\n", ""))
        _, out, _ = self.plan(old, new, "--pcap", self.traffic(), "--json")
        self.assertEqual(json.loads(out)["traffic"]["mid_life"], 4)

    def test_report_is_one_page(self):
        old, page = self.file("<old>.yaml", OLD), os.path.join(self.place.name, "report.html")
        new = self.file("new.yaml", OLD.replace("      - {address: 10.0.2.12}\n", ""))
        self.assertEqual(self.plan(old, new, "--pcap", self.traffic(), "--report", page)[0], 2)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        tags = []

        class Parser(HTMLParser):
            def handle_starttag(self, tag, attributes):
                tags.append(tag)
                assert not {"src", "href"} & dict(attributes).keys()
        Parser().feed(text)
        self.assertEqual(tags.count("svg"), 2)
        self.assertIn("&lt;old&gt;.yaml", text)
        self.assertNotIn("<old>", text)
        self.assertTrue(re.search(r"40\.00%", text))


if __name__ == "__main__":
    unittest.main()
