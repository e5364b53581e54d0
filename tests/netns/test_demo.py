# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/demo runs once it has built: the table it prints, and what it says to try then. In mount and
process namespaces of their own: `--stop` ends whatever --keep left, and shall not meet anybody's."""
import os
import re
import subprocess
import sys
import tempfile

import servers

DEMO = f"{sys.executable} {os.path.join(os.path.dirname(os.path.abspath(__file__)), 'demo.py')}"
KEEP = """
%(demo)s --keep | tee "$out/kept"
sed -n 's/^  sudo //p' "$out/kept" >"$out/lines"
while read -r line; do
  echo "== $line"
  case $line in
    *tcpdump*)
      $line >"$out/dump" 2>&1 </dev/null & dump=$!
      until grep -q "listening on be" "$out/dump"; do sleep 0.05; done
      kill -INT $dump
      wait $dump ;;
    *) $line </dev/null ;;
  esac
done <"$out/lines"
curl=$(head -n 1 "$out/lines")
echo "== drained"
for i in 1 2 3 4 5 6; do $curl; done
%(demo)s --stop
echo "left: $(ip netns list)"
"""


def apart(script):
    script = 'set -eo pipefail; mount -t tmpfs none /run; out=$1; ' + script % {"demo": DEMO}
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c",
                               script, "demo", directory], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, cwd=servers.SOURCE, timeout=90, check=False)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"rs[123] +[321] +(\d+) +(\d+)$", done.stdout, re.M) == \
        [("60", "60"), ("40", "40"), ("20", "20")] * 3, done.stdout
    return done.stdout


def test_all_are_served_by_weight_and_nothing_stays():
    printed = apart('%(demo)s; echo "left: $(ip netns list)"')
    assert "the namespaces are gone" in printed and printed.endswith("left: \n"), printed


def test_what_it_says_to_try():
    printed = apart(KEEP)
    said = re.split(r"^== .*\n", printed, flags=re.M)[1:]
    assert len(said) == 7, printed
    assert re.search(r"^rs[123]$", said[0], re.M) and "10.0.3.100:80 wrr" in said[1]
    assert "3 destinations changed" in said[2] and "10.0.2.11" in said[4]
    assert set(re.findall(r"^rs[123]$", said[6], re.M)) == {"rs2", "rs3"}, "rs1 is drained"
    assert printed.endswith("Ended the kept laboratory.\nleft: \n"), printed
