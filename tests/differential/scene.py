# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario as it is made up: rules, then steps, which are frames or commands with a pause before."""
import json
import os
import struct

EPOCH = 1000.0
PAUSE = 0.004  # between steps, unless they say more


class Step:
    def __init__(self, kind, data, pause=PAUSE, note=""):
        self.kind, self.data, self.pause, self.note = kind, data, pause, note

    def to_json(self):
        data = self.data.hex() if self.kind == "frame" else self.data
        return {"kind": self.kind, "data": data, "pause": self.pause, "note": self.note}

    @staticmethod
    def from_json(item):
        data = bytes.fromhex(item["data"]) if item["kind"] == "frame" else item["data"]
        return Step(item["kind"], data, item["pause"], item["note"])


class Scene:
    """What a generator makes, the guest plays and the shrinker takes apart."""

    def __init__(self, name, rules=(), steps=(), before=(), features=()):
        self.name, self.rules, self.steps = name, list(rules), list(steps)
        self.before = list(before)  # commands before the rules
        self.features = list(features)

    def frame(self, data, note="", pause=PAUSE):
        self.steps.append(Step("frame", data, pause, note))

    def command(self, command, pause=PAUSE):
        self.steps.append(Step("command", command, pause))

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "ipvs.rules"), "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in self.rules))
        with open(os.path.join(folder, "scene.json"), "w", encoding="utf-8") as file:
            json.dump({"name": self.name, "rules": self.rules, "before": self.before,
                       "features": self.features,
                       "steps": [step.to_json() for step in self.steps]}, file, indent=0)
        self.write_steps(folder)

    def write_steps(self, folder):
        now = EPOCH
        with open(os.path.join(folder, "in.pcap"), "wb") as pcap, \
                open(os.path.join(folder, "events.txt"), "w", encoding="utf-8") as events:
            pcap.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for command in self.before:
                now += PAUSE
                events.write("%.6f %s\n" % (now, command))
            now += PAUSE
            events.write("%.6f # ipvs.rules loaded\n" % now)
            for step in self.steps:
                now += step.pause
                if step.kind == "command":
                    events.write("%.6f %s\n" % (now, step.data))
                    continue
                micro = round(now * 10**6)
                pcap.write(struct.pack("<IIII", micro // 10**6, micro % 10**6, len(step.data),
                                       len(step.data)) + step.data)


def read_scene(folder):
    with open(os.path.join(folder, "scene.json"), encoding="utf-8") as file:
        item = json.load(file)
    return Scene(item["name"], item["rules"], map(Step.from_json, item["steps"]), item["before"],
                 item["features"])
