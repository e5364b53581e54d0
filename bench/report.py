# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures as a table for a terminal, and as a table and a chart (SVG) for the README.
    report.py [RESULTS.json README.md CHART.svg] [--write]
compares the README's table and the chart with what the results say, or writes them; where no files are
named, those of this tree."""
import json
import os
import re
import sys
from html import escape

# Name: (the figure that is shown, more of it is better).
SHOWN = {
    "bulk up, 1 connection": ("gbit_per_s", True), "bulk up, 8 connections": ("gbit_per_s", True),
    "bulk down, 1 connection": ("gbit_per_s", True),
    "bulk down, 8 connections": ("gbit_per_s", True), "new connections": ("per_s", True),
    "small datagrams": ("process_us_per_packet", False), "round trip": ("p50_us", False),
    "round trip at half load": ("p99_us", False)}

UNITS = {"gbit_per_s": "Gbit/s", "per_s": "/s", "process_us_per_packet": "µs CPU per packet",
         "p50_us": "µs", "p99_us": "µs, p99"}
BASE = "null forwarder"


def digits(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def spread(figure):
    return f"{digits(figure['min'])} to {digits(figure['max'])}"


def table(out):
    lines = []
    for work, subjects in out["results"].items():
        shown, _ = SHOWN[work]
        base = subjects.get(BASE, {}).get(shown, {}).get("median")
        lines += [f"\n{work} ({UNITS[shown]})",
                  f"  {'':16}{'median':>10}  {'spread':>20}  {'to null':>8}  further"]
        for subject, figures in subjects.items():
            figure = figures[shown]
            ratio = f"{figure['median'] / base:.2f}" if base else ""
            further = ", ".join(f"{name} {digits(values['median'])}"
                                for name, values in figures.items() if name != shown)
            lines.append(f"  {subject:16}{digits(figure['median']):>10}  {spread(figure):>20}"
                         f"  {ratio:>8}  {further}")
    machine = out["machine"]
    lines.append(f"\n{machine['processor']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
                 f"{machine['date']}, {machine['revision']}; {out['rounds']} rounds of "
                 f"{out['seconds']} s")
    return "\n".join(lines).lstrip("\n")


def chart(out):
    """One group of bars for each kind of work; each group has a scale of its own."""
    width, left, right, bar, gap = 760, 170, 110, 16, 5
    body, y = [], 46
    for work, subjects in out["results"].items():
        shown, more = SHOWN[work]
        best = max(figures[shown]["median"] for figures in subjects.values())
        body.append(f'<text x="10" y="{y}" class="work">{escape(work)} ({escape(UNITS[shown])}, '
                    f'{"more" if more else "less"} is better)</text>')
        y += 10
        for subject, figures in subjects.items():
            figure = figures[shown]
            scale = (width - left - right) / max(best, max(f[shown]["max"] for f in subjects.values()))
            length, low, high = (figure[key] * scale for key in ("median", "min", "max"))
            kind = "own" if subject.startswith("lvsd") else "other"
            body += [f'<text x="{left - 8}" y="{y + bar - 4}" text-anchor="end">{escape(subject)}</text>',
                     f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" class="{kind}"/>',
                     f'<line x1="{left + low:.1f}" x2="{left + high:.1f}" y1="{y + bar / 2}" '
                     f'y2="{y + bar / 2}" class="spread"/>',
                     f'<text x="{left + max(length, high) + 6:.1f}" y="{y + bar - 4}">'
                     f'{digits(figure["median"])}</text>']
            y += bar + gap
        y += 26
    machine = out["machine"]
    note = (f'{machine["processor"]}, {machine["cpus"]} CPUs, Linux {machine["kernel"]}, '
            f'{machine["date"]}; medians of {out["rounds"]} rounds of {out["seconds"]} s, '
            f'the line is from the smallest to the largest')
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 6}" width="{width}">
<style>text {{ font: 12px sans-serif; fill: #222 }} .work {{ font-weight: bold }}
.title {{ font: bold 15px sans-serif }} .note {{ font-size: 10px; fill: #555 }}
.own {{ fill: #2f7ec2 }} .other {{ fill: #b9c2cb }} .spread {{ stroke: #222; stroke-width: 1.5 }}
</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="22" class="title">One client, one director, one real server</text>
{chr(10).join(body)}
<text x="10" y="{y - 6}" class="note">{escape(note)}</text>
</svg>
'''


def machine_line(out):
    machine = out["machine"]
    tunnels = f"; tunnels end in {machine['tunnel_end']}" if "tunnel_end" in machine else ""
    return (f"{machine['processor']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
            f"{machine['date']}; medians of {out['rounds']} rounds of {out['seconds']} s{tunnels}")


def markdown(out):
    """A row for each subject, lvsd's first: there are more of them than kinds of work."""
    names = list(dict.fromkeys(name for row in out["results"].values() for name in row))
    names.sort(key=lambda name: not name.startswith("lvsd"))
    heads = [f"{work}, {UNITS[SHOWN[work][0]]}" for work in out["results"]]
    lines = ["| | " + " | ".join(heads) + " |", "|---" + "|--:" * len(heads) + "|"]
    for name in names:
        cells = [digits(row[name][SHOWN[work][0]]["median"]) if name in row else ""
                 for work, row in out["results"].items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\n({machine_line(out)}.)\n"


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ours = [os.path.join(root, name) for name in ("bench/results.json", "README.md", "doc/bench.svg")]
    files = [name for name in sys.argv[1:] if name != "--write"]
    results, readme, picture = files or ours
    with open(results, encoding="utf-8") as file:
        out = json.load(file)
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    marked = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
    wanted = marked.sub(lambda found: found[1] + markdown(out) + found[2], text)
    if not marked.search(text):
        sys.exit(f"{readme}: there is no place for the table")
    if "--write" in sys.argv:
        for path, content in ((readme, wanted), (picture, chart(out))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        return
    with open(picture, encoding="utf-8") as file:
        if wanted != text or file.read() != chart(out):
            sys.exit(f"{readme} or {picture} is not what {results} says; run this with --write")


if __name__ == "__main__":
    main()
