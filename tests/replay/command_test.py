#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""lvsctl as a command: usage, exit statuses, what goes where. command_test.py LVSCTL"""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LVSCTL = os.path.abspath(sys.argv[1])
CASE = HERE + "/nat-tcp-port"
BASE = ["replay", "-c", CASE + "/lvsd.yaml", "--in", CASE + "/in.pcap",
        "--network", HERE + "/network.yaml"]


def lvsctl(*words, **more):
    return subprocess.run([LVSCTL, *words], capture_output=True, timeout=60, **more)


def udp_query(port):
    """An empty datagram from 10.1.0.1 to the VIP's port 53, without a checksum."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([10, 1, 0, 1]),
                       bytes([10, 0, 3, 100]))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
    return head + struct.pack("!HHHH", port, 53, 8, 0)


def raw_capture(packets):
    """(microseconds, IP packet) as a capture of link type 101, raw IP."""
    records = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)]
    for time, packet in packets:
        records.append(struct.pack("<IIII", 1000 + time // 10**6, time % 10**6, len(packet),
                                   len(packet)) + packet)
    return b"".join(records)


class Command(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.place.name, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def usage(self, *words):
        done = lvsctl(*words)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, b"")
        return done.stderr.decode()

    def test_usage(self):
        self.assertIn("usage: lvsctl", self.usage())
        self.assertIn("did you mean replay?", self.usage("repaly"))
        self.assertNotIn("did you mean", self.usage("xyzzy"))
        for words in (["--help"], ["replay", "--help"], ["check", "--help"]):
            done = lvsctl(*words)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"lvsctl " + (words[0].encode() if words[1:] else b""), done.stdout)
        self.assertRegex(lvsctl("--version").stdout, rb"^lvsctl \d+\.\d+\.\d+\n$")

    def test_replay_usage(self):
        self.assertIn("-c is missing", self.usage("replay"))
        self.assertIn("--in is missing", self.usage("replay", "-c", "x"))
        self.assertIn("--expct", self.usage(*BASE, "--expct", "x"))
        self.assertIn("word", self.usage(*BASE, "word"))
        self.assertIn("--bless", self.usage(*BASE, "--bless"))
        self.assertIn("ip.color", self.usage(*BASE, "--ignore", "ip.color"))
        for step in ("x", "1=", "=x", "-1=x", "1.2.3=x"):
            self.assertIn("SECONDS=FILE", self.usage(*BASE, "--reload", step))
        self.assertIn("overwritten", self.usage(*BASE, "--out", CASE + "/in.pcap"))
        expectation = self.path("expectation.pcap", b"")
        for written, read in (("--drops", BASE[BASE.index("-c") + 1]),
                              ("--drops", BASE[BASE.index("--in") + 1]),
                              ("--out", expectation), ("--json", expectation)):
            said = self.usage(*BASE, written, read, "--expect", expectation)
            self.assertIn("overwritten", said, written)
        self.assertEqual(os.path.getsize(expectation), 0)
        fresh = os.path.join(os.path.dirname(expectation), "fresh")
        for one, other in (("--out", "--json"), ("--drops", "--junit"), ("--out", "--drops")):
            said = self.usage(*BASE, one, fresh, other, fresh)
            self.assertIn("written twice", said, (one, other))
        self.assertFalse(os.path.exists(fresh))
        self.assertIn("standard output", self.usage(*BASE, "--out", "-", "--json", "-"))

    def test_top_says_what_is_wrong_where_it_is_seen(self):
        done = lvsctl("top", "--run-dir", "/nonexistent")
        self.assertEqual((done.returncode, done.stdout), (3, b""))
        self.assertIn(b"lvsctl: ", done.stderr)
        self.assertIn("a screen", self.usage("top", "--json"))

    def test_a_refusal_is_json_where_json_is_asked_for(self):
        refusal = {"version": 1, "ok": False, "error": "not today"}
        config = CASE + "/lvsd.yaml"
        for words in (["zero"], ["drain", "10.0.0.1"], ["undrain", "10.0.0.1"], ["drift"],
                      ["weight", "10.0.0.1", "3"], ["health"], ["list"], ["list", "-c"],
                      ["status"], ["plan", config], ["reload"]):
            done = self.answered(refusal, *words, "--json")
            self.assertEqual(done.returncode, 1, (words, done))
            self.assertEqual(json.loads(done.stdout), refusal, words)
        done = self.answered({"version": 1, "ok": True}, "zero", "--json")
        self.assertEqual(json.loads(done.stdout), {"version": 1, "ok": True})
        done = self.answered(refusal, "zero")
        self.assertEqual((done.stdout, done.stderr), (b"", b"lvsctl: not today\n"))

    def test_a_refusal_of_a_question_about_packets_is_json_too(self):
        refusal = {"version": 1, "ok": False, "error": "not today"}
        packet = ("explain", "tcp", "10.1.0.1:40000", "10.0.3.100:80")
        for words in (packet, ("trace", "--recent"), ("trace",)):
            done = self.answered(refusal, *words, "--json")
            self.assertEqual((done.returncode, done.stderr), (1, b""), words)
            self.assertEqual(json.loads(done.stdout), refusal)
            done = self.answered(refusal, *words)
            said = f"lvsctl {words[0]}: not today\n".encode()
            self.assertEqual((done.returncode, done.stdout, done.stderr), (1, b"", said))

    def answered(self, reply, *words):
        """lvsctl's end where a daemon gives one answer."""
        directory = tempfile.mkdtemp(dir=self.place.name)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(directory + "/lvsd.sock")
            listener.listen()

            def serve():
                client = listener.accept()[0]
                with client, client.makefile("rwb") as stream:
                    stream.readline()
                    stream.write(json.dumps(reply).encode() + b"\n")

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            done = lvsctl(*words, "--run-dir", directory)
            thread.join(10)
        return done

    def test_unreadable_files(self):
        for words in (["--in", "/nonexistent"], ["-c", "/nonexistent"],
                      ["--expect", "/nonexistent"], ["--network-at", "+1=/nonexistent"]):
            base = list(BASE)
            for place, word in enumerate(words[:1]):
                if word in base:
                    at = base.index(word)
                    del base[at:at + 2]
            done = lvsctl(*base, *words)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(b"/nonexistent", done.stderr)

    def test_damaged_capture(self):
        with open(CASE + "/in.pcap", "rb") as file:
            whole = file.read()
        done = lvsctl(*BASE[:3], "--in", self.path("cut.pcap", whole[:-7]), *BASE[5:])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cut.pcap: frame 25:", done.stdout)
        for size in range(0, 40):  # no header, half a header, half a record
            done = lvsctl(*BASE[:3], "--in", self.path("cut.pcap", whole[:size]), *BASE[5:])
            self.assertEqual(done.returncode, 0 if size == 24 else 1, size)

    def test_more_expiries_at_once_than_one_call_settles(self):
        """1500 clients within 15 ms, and one more when all of them are long forgotten."""
        clients = 1500
        queries = [(number * 10, udp_query(1024 + number)) for number in range(clients)]
        queries.append((400 * 10**6, udp_query(1024)))
        capture = self.path("many.pcap", raw_capture(queries))
        done = lvsctl("replay", "-c", HERE + "/nat-udp/lvsd.yaml", "--in", capture,
                      "--network", HERE + "/network.yaml", "--json", "-")
        self.assertEqual(done.returncode, 0, done.stderr)
        last = json.loads(done.stdout)["packets"][-1]
        self.assertIs(last["new_connection"], True)
        self.assertEqual(len(json.loads(done.stdout)["packets"]), clients + 1)

    def test_standard_streams(self):
        with open(CASE + "/in.pcap", "rb") as file:
            whole = file.read()
        done = lvsctl(*BASE[:3], "--in", "-", *BASE[5:], "--json", "-", input=whole)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["version"], 1)
        self.assertIn(b"packets emitted", done.stderr)
        piped = lvsctl(*BASE, "--out", "-")
        written = self.path("out.pcap")
        lvsctl(*BASE, "--out", written)
        with open(written, "rb") as file:
            self.assertEqual(piped.stdout, file.read())

    def test_bless(self):
        expectation = self.path("expected.pcap")
        self.assertEqual(lvsctl(*BASE, "--expect", expectation, "--bless").returncode, 0)
        done = lvsctl(*BASE, "--expect", expectation)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"as expected: 25 packets compared", done.stdout)
        self.assertEqual(os.listdir(self.place.name), ["expected.pcap"])
        # What scapy expects is what was blessed.
        self.assertEqual(
            lvsctl("replay", "-c", CASE + "/lvsd.yaml", "--in", CASE + "/in.pcap", "--network",
                   HERE + "/network.yaml", "--expect", CASE + "/expected.pcap").returncode, 0)

    def test_check(self):
        self.assertEqual(lvsctl("check", "-c", CASE + "/lvsd.yaml").returncode, 0)
        shown = lvsctl("check", "-c", CASE + "/lvsd.yaml", "--show")
        again = lvsctl("check", "-c", self.path("shown.yaml", shown.stdout), "--show")
        self.assertEqual(shown.stdout, again.stdout)
        broken = HERE + "/reload-refused/broken.yaml"
        done = lvsctl("check", "-c", broken)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"broken.yaml:7:38: services[0].destinations[0].weight", done.stderr)
        done = lvsctl("check", "-c", broken, "--json")
        self.assertEqual(done.returncode, 1)
        report = json.loads(done.stdout)
        self.assertIs(report["ok"], False)
        self.assertEqual([p["line"] for p in report["problems"]], [5, 7])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
