#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_core.py SOURCE LIBRARY: the core is pure. Its files include the standard library and layers
below their own, nothing of the system; its compiled form calls neither system, clock nor terminal.
(That it links nothing is shown by core_alone, a program made of it and nothing else.)"""
import os
import re
import subprocess
import sys

LAYERS = {"net": (), "model": ("net",), "sched": ("net", "model"), "forward": ("net", "model"),
          "health": ("net", "model"),
          "director": ("net", "model", "sched", "forward")}
STANDARD = set("""algorithm array bit bitset cassert cctype charconv chrono climits cmath compare
    concepts cstddef cstdint cstdlib cstring deque functional initializer_list iterator limits list
    map memory memory_resource new numbers numeric optional queue ranges ratio set span stdexcept
    string string_view tuple type_traits unordered_map unordered_set utility variant vector
    atomic""".split())  # atomic: for the load counter of a destination, which workers share
FORBIDDEN_SYMBOLS = re.compile(
    r"^(socket|bind|connect|send\w*|recv\w*|read|write|open\w*|close|ioctl|poll|epoll_\w+|select|"
    r"clock_\w+|gettimeofday|time|nanosleep|usleep|getenv|printf|fprintf|puts|fopen|fwrite|syslog|"
    r"pthread_create|std::chrono::_V2::\w+_clock::now\(\)|std::(cout|cerr|clog))(@.*)?$")


def files(source):
    for layer in LAYERS:
        for top in (os.path.join(source, "src", layer), os.path.join(source, "include/lvsd", layer)):
            for directory, _, names in os.walk(top):
                for name in names:
                    if name.endswith((".h", ".cc")):
                        yield layer, os.path.join(directory, name)


def wrong_includes(source):
    for layer, path in files(source):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
                if not found or found[1] in STANDARD:
                    continue
                parts = found[1].removeprefix("lvsd/").split("/")
                if len(parts) == 2 and parts[0] in (layer, *LAYERS[layer]):
                    continue
                if os.path.exists(os.path.join(os.path.dirname(path), found[1])):
                    continue
                yield f"{os.path.relpath(path, source)}:{number}: {layer} may not include {found[1]}"


def wrong_symbols(library):
    listed = subprocess.run(["nm", "-C", "--undefined-only", library], text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    for line in listed.splitlines():
        found = re.match(r"\s+U (.*)", line)
        if found and FORBIDDEN_SYMBOLS.match(found[1]):
            yield f"{os.path.basename(library)}: uses {found[1]}"


def main(source, library):
    seen = list(files(source))
    if not seen:
        return "no file of the core found"
    wrong = [*wrong_includes(source), *wrong_symbols(library)]
    print(f"{len(seen)} files of the core, {len(wrong)} offences")
    return "\n".join(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]) or 0)
