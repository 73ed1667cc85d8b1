# SPDX-License-Identifier: Apache-2.0
"""report - the samples as a table and as pictures"""

import html
import statistics

# key, heading, unit, whether more is better
COLUMNS = [("up1", "app>host 1", "Gbit/s", True),
           ("down1", "host>app 1", "Gbit/s", True),
           ("up4", "app>host 4", "Gbit/s", True),
           ("down4", "host>app 4", "Gbit/s", True),
           ("up16", "app>host 16", "Gbit/s", True),
           ("down16", "host>app 16", "Gbit/s", True),
           ("up16_fair", "app>host 16, least/most share", "", True),
           ("down16_fair", "host>app 16, least/most share", "", True),
           ("udpup", "UDP 1472 app>host", "Gbit/s", True),
           ("udpdown", "UDP 1472 host>app", "Gbit/s", True),
           ("udpup_lost", "UDP 1472 app>host lost", "%", False),
           ("udpdown_lost", "UDP 1472 host>app lost", "%", False),
           ("udpslow_lost", "UDP 1472 app>host lost at 500 Mbit/s", "%", False),
           ("udpbig", "UDP 65507 app>host", "Gbit/s", True),
           ("udpbig_lost", "UDP 65507 app>host lost", "%", False),
           ("udpsmall", "UDP 64 app>host", "1000/s", True),
           ("udpsmall_lost", "UDP 64 app>host lost", "%", False),
           ("up1_cpu", "relay up", "s/GB", False),
           ("down1_cpu", "relay down", "s/GB", False),
           ("up1_all", "whole machine up", "s/GB", False),
           ("down1_all", "whole machine down", "s/GB", False),
           ("rr", "rr", "1/s", True),
           ("rr_p50", "rr p50", "us", False),
           ("rr_p99", "rr p99", "us", False),
           ("rr_cpu", "rr relay", "us", False),
           ("rr_free", "rr, two cores", "1/s", True),
           ("rr_free_p50", "rr p50, two cores", "us", False),
           ("rr_free_p99", "rr p99, two cores", "us", False),
           ("crr", "crr", "1/s", True),
           ("crr_p99", "crr p99", "us", False),
           ("crr_cpu", "crr relay", "us", False),
           ("namecrr", "crr by name", "1/s", True),
           ("namecrr_p99", "crr by name p99", "us", False),
           ("namecrr_cpu", "crr by name relay", "us", False),
           ("many", "200 000 connections to one port", "1/s", True),
           ("many_last", "of these the last tenth / the first", "", True),
           ("pin1", "published client>app 1", "Gbit/s", True),
           ("pout1", "published app>client 1", "Gbit/s", True),
           ("pin1_cpu", "published relay in", "s/GB", False),
           ("pout1_cpu", "published relay out", "s/GB", False),
           ("prr", "published rr", "1/s", True),
           ("prr_p50", "published rr p50", "us", False),
           ("prr_cpu", "published rr relay", "us", False),
           ("pcrr", "published crr", "1/s", True),
           ("pcrr_p99", "published crr p99", "us", False),
           ("pcrr_cpu", "published crr relay", "us", False),
           ("start", "start", "ms", False),
           ("start_curl", "start to first byte", "ms", False),
           ("idle1000", "B/flow 1k", "B", False),
           ("idle10000", "B/flow 10k", "B", False),
           ("fds", "fd/flow", "", False),
           ("idle_cpu", "idle relay CPU", "%", False),
           ("crowd1000_rr", "rr p50 beside 1000 idle flows / alone", "", False),
           ("crowd10000_rr", "rr p50 beside 10 000 idle flows / alone", "",
            False),
           ("busy_fair", "1000 busy flows, least/most share", "", True)]
PATHS = [("d1", "1 ms", 1, 0), ("d10", "10 ms", 10, 0),
         ("d50", "50 ms", 50, 0), ("l01", "10 ms, 0.1 % lost", 10, 1000),
         ("l1", "10 ms, 1 % lost", 10, 10000)]
for _key, _what, _, _ in PATHS:
    COLUMNS += [(f"{_key}_up", f"app>host, {_what}", "Gbit/s", True),
                (f"{_key}_down", f"host>app, {_what}", "Gbit/s", True)]


def shown(values):
    """median, and min..max where there is more than one"""
    def number(x):
        return f"{x:.0f}" if abs(x) >= 100 else f"{x:.2f}"
    text = number(statistics.median(values))
    if len(values) > 1:
        text += f" ({number(min(values))}..{number(max(values))})"
    return text


def table(bench):
    """The figures as Markdown: a line for each mode and measure"""
    peers = [c.name for c in bench.modes if c.peer]
    lines = []
    for key, heading, unit, more in COLUMNS:
        med = {name: statistics.median(s[key])
               for name, s in bench.samples.items() if key in s}
        if not med:
            continue
        lines += ["", f"{heading}{', ' + unit if unit else ''}", "",
                  "| mode | median (min..max) | / native | / best peer |",
                  "|---|---|---|---|"]
        best = [med[p] for p in peers if p in med]
        best = (max if more else min)(best) if best else 0
        native = med.get("native", 0)
        for name, value in med.items():
            ratios = [f"{value / base:.2f}" if base else ""
                      for base in (native, best)]
            lines.append(f"| {name} | {shown(bench.samples[name][key])} | "
                         f"{ratios[0]} | {ratios[1]} |")
    return "\n".join(lines)


def decisions_table(rows):
    """The same as Markdown"""
    lines = ["", "A policy decision", "", "| rules | ns |", "|---|---|"]
    for row in rows:
        what = f"{row['rules']} addresses and prefixes" if "rules" in row \
            else f"{row['names']} names"
        lines.append(f"| {what} | {row.get('ns', row.get('decide_ns')):.0f} |")
    return "\n".join(lines)


# --- pictures ---------------------------------------------------------------

BAR, GAP, LEFT, WIDTH = 18, 6, 150, 720
COLOURS = {"postern": "#1f6f8b", "native": "#888888", "peer": "#d9a441"}


def _kind(name, bench):
    if name in ("native", "unshare"):
        return "native"
    peers = [c.name for c in bench.modes if c.peer]
    return "peer" if name in peers else "postern"


def picture(bench, key):
    """One measure as bars, an SVG file's text; None where there is no sample"""
    heading, unit = next((h, u) for k, h, u, _ in COLUMNS if k == key)
    rows = [(name, s[key]) for name, s in bench.samples.items() if key in s]
    if not rows:
        return None
    top = max(max(values) for _, values in rows) or 1
    scale = (WIDTH - LEFT - 90) / top
    height = 40 + len(rows) * (BAR + GAP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height}" font-family="sans-serif" font-size="13">',
           f'<text x="{LEFT}" y="20" font-size="15">'
           f'{html.escape(heading)}, {html.escape(unit)}</text>']
    y = 34
    for name, values in rows:
        middle = statistics.median(values)
        out += [f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">'
                f'{html.escape(name)}</text>',
                f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" '
                f'height="{BAR}" fill="{COLOURS[_kind(name, bench)]}"/>',
                # from the least to the greatest sample
                f'<path d="M{LEFT + min(values) * scale:.1f} {y + BAR / 2}'
                f'H{LEFT + max(values) * scale:.1f}" stroke="#222"/>',
                f'<text x="{LEFT + max(values) * scale + 6:.1f}" '
                f'y="{y + 13}">{middle:.3g}</text>']
        y += BAR + GAP
    return "\n".join([*out, "</svg>", ""])
