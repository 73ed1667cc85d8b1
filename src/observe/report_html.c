/* SPDX-License-Identifier: Apache-2.0 */
/* report_html.c - the report as one page that needs nothing else */
#include "observe/report-private.h"

#include <string.h>

/*
 * The page holds the JSON of the report and draws it. Its policy lets it load
 * nothing: whatever a name in it may look like, it stays text (textContent).
 */
static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
	"'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>postern: what it talked to</title>\n"
	"<style>\n"
	":root{color-scheme:light dark;--ink:#1c2430;--soft:#667085;"
	"--line:#d8dde5;--paper:#fbfbf9;--ok:#2f7d5b;--no:#b3423a;"
	"--up:#c98a2b;--down:#3f6fb5}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e6e8ec;--soft:#98a2b3;"
	"--line:#343b47;--paper:#14181f;--ok:#63b98f;--no:#e0786f;"
	"--up:#dfa650;--down:#7ea6e0}}\n"
	"body{margin:2rem auto;max-width:72rem;padding:0 1rem;"
	"font:15px/1.5 system-ui,sans-serif;color:var(--ink);"
	"background:var(--paper)}\n"
	"h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 "
	".5rem}\n"
	".soft{color:var(--soft)}.cards{display:flex;gap:1rem;flex-wrap:wrap;"
	"margin:1rem 0}\n"
	".card{border:1px solid var(--line);border-radius:8px;padding:.6rem "
	"1rem;min-width:7rem}.card b{display:block;font-size:1.4rem}\n"
	"table{border-collapse:collapse;width:100%}th,td{text-align:left;"
	"padding:.3rem .6rem;border-bottom:1px solid var(--line)}\n"
	"th{cursor:pointer;user-select:none;color:var(--soft);"
	"font-weight:600}th:hover{color:var(--ink)}\n"
	"td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
	"td.p{font-family:ui-monospace,monospace}\n"
	".allow{color:var(--ok)}.deny{color:var(--no)}\n"
	".bar{display:flex;height:8px;border-radius:4px;overflow:hidden;"
	"background:var(--line);min-width:8rem}\n"
	".bar i{background:var(--up)}.bar i+i{background:var(--down)}\n"
	".lane{display:flex;align-items:center;gap:.6rem;font-size:13px}"
	".lane span{width:18rem;overflow:hidden;text-overflow:ellipsis;"
	"white-space:nowrap;font-family:ui-monospace,monospace}\n"
	".track{position:relative;flex:1;height:14px;border-left:1px solid "
	"var(--line);border-right:1px solid var(--line)}\n"
	".track i{position:absolute;top:3px;height:8px;border-radius:3px;"
	"min-width:3px;background:var(--down)}.track i.bad{background:"
	"var(--no)}\n"
	"pre{border:1px solid var(--line);border-radius:8px;padding:1rem;"
	"overflow:auto}\n"
	"</style>\n</head>\n<body>\n<h1>What it talked to</h1>\n"
	"<p class=\"soft\" id=\"when\"></p>\n<div class=\"cards\" "
	"id=\"cards\"></div>\n"
	"<h2>Peers</h2>\n<table id=\"peers\"></table>\n"
	"<h2>Flows in time</h2>\n<div id=\"time\"></div>\n"
	"<h2>A policy that allows what was allowed</h2>\n<pre "
	"id=\"policy\"></pre>\n"
	"<script type=\"application/json\" id=\"data\">";

static const char middle[] =
	"</script>\n<script type=\"text/plain\" id=\"rules\">\n";

static const char tail[] =
	"</script>\n<script>\n"
	"const data = "
	"JSON.parse(document.getElementById('data').textContent);\n"
	"const peers = data.peers, spans = data.spans || [];\n"
	"const make = (tag, text, cls) => {\n"
	"  const e = document.createElement(tag);\n"
	"  if (text !== undefined) e.textContent = text;\n"
	"  if (cls) e.className = cls;\n"
	"  return e;\n"
	"};\n"
	"const size = n => {\n"
	"  const units = ['', 'k', 'M', 'G', 'T'];\n"
	"  let u = 0;\n"
	"  while (n >= 1000 && u < 4) { n /= 1000; u++; }\n"
	"  return (u && n < 10 ? n.toFixed(1) : Math.round(n)) + units[u];\n"
	"};\n"
	"const sum = (list, key) => list.reduce((a, p) => a + p[key], 0);\n"
	"const yes = peers.filter(p => p.verdict === 'allow');\n"
	"const no = peers.filter(p => p.verdict === 'deny');\n"
	"for (const [name, value, cls] of [\n"
	"  ['peers allowed', yes.length, 'allow'],\n"
	"  ['flows allowed', sum(yes, 'flows')],\n"
	"  ['failed', sum(yes, 'failed')],\n"
	"  ['sent', size(sum(yes, 'bytes_app_host'))],\n"
	"  ['got', size(sum(yes, 'bytes_host_app'))],\n"
	"  ['times denied', sum(no, 'flows'), 'deny'],\n"
	"]) {\n"
	"  const card = make('div', undefined, 'card');\n"
	"  card.append(make('b', value, cls), make('span', name, 'soft'));\n"
	"  document.getElementById('cards').append(card);\n"
	"}\n"
	"const times = peers.flatMap(p => [p.first, p.last]).filter(Boolean)"
	".sort();\n"
	"document.getElementById('when').textContent = times.length ?\n"
	"  times[0] + ' to ' + times[times.length - 1] +\n"
	"  (data.dropped ? '; ' + data.dropped + ' lines were dropped' : '') : "
	"'Nothing.';\n"
	"const columns = [\n"
	"  ['verdict', p => p.verdict], ['peer', p => p.target],\n"
	"  ['address', p => p.address || ''], ['flows', p => p.flows, 1],\n"
	"  ['failed', p => p.failed, 1], ['sent', p => p.bytes_app_host, 1],\n"
	"  ['got', p => p.bytes_host_app, 1], ['share', p => p.bytes_app_host "
	"+ p.bytes_host_app],\n"
	"  ['why', p => p.why + (p.program ? ', by ' + p.program : '')],\n"
	"];\n"
	"const most = Math.max(1, ...peers.map(columns[7][1]));\n"
	"let sorted = 7, down = true;\n"
	"const draw = () => {\n"
	"  const table = document.getElementById('peers'), top = make('tr');\n"
	"  table.replaceChildren(top);\n"
	"  columns.forEach(([name, , n], i) => {\n"
	"    const th = make('th', name + (i === sorted ? (down ? ' \\u25be' : "
	"' \\u25b4') : ''), n ? 'n' : '');\n"
	"    th.onclick = () => { down = i === sorted ? !down : Boolean(n); "
	"sorted = i; draw(); };\n"
	"    top.append(th);\n"
	"  });\n"
	"  const value = columns[sorted][1];\n"
	"  const order = (a, b) => (value(a) > value(b)) - (value(a) < "
	"value(b));\n"
	"  for (const p of [...peers].sort((a, b) => down ? order(b, a) : "
	"order(a, b))) {\n"
	"    const row = make('tr');\n"
	"    columns.forEach(([name, get, n], i) => {\n"
	"      const td = make('td', undefined, n ? 'n' : i === 1 ? 'p' : "
	"'');\n"
	"      if (name === 'share') {\n"
	"        const bar = make('div', undefined, 'bar');\n"
	"        for (const b of [p.bytes_app_host, p.bytes_host_app]) {\n"
	"          const part = make('i');\n"
	"          part.style.width = 100 * b / most + '%';\n"
	"          bar.append(part);\n"
	"        }\n"
	"        td.append(bar);\n"
	"      } else if (i === 5 || i === 6) td.textContent = size(get(p));\n"
	"      else td.textContent = get(p);\n"
	"      if (i === 0) td.className = p.verdict;\n"
	"      row.append(td);\n"
	"    });\n"
	"    table.append(row);\n"
	"  }\n"
	"};\n"
	"draw();\n"
	"const begin = Math.min(...spans.map(s => s[1]));\n"
	"const length = Math.max(1, ...spans.map(s => s[2] - begin));\n"
	"peers.forEach((p, i) => {\n"
	"  const mine = spans.filter(s => s[0] === i);\n"
	"  if (!mine.length) return;\n"
	"  const lane = make('div', undefined, 'lane'), track = make('div', "
	"undefined, 'track');\n"
	"  for (const [, from, to, bad] of mine) {\n"
	"    const i = make('i', undefined, bad ? 'bad' : '');\n"
	"    i.style.left = 100 * (from - begin) / length + '%';\n"
	"    i.style.width = 100 * (to - from) / length + '%';\n"
	"    i.title = ((to - from) / 1000).toFixed(1) + ' ms';\n"
	"    track.append(i);\n"
	"  }\n"
	"  lane.append(make('span', p.target), track);\n"
	"  document.getElementById('time').append(lane);\n"
	"});\n"
	"document.getElementById('policy').textContent =\n"
	"  document.getElementById('rules').textContent.trim() || "
	"'(nothing)';\n"
	"</script>\n</body>\n</html>\n";

/* Within a script element "</" and "<!" would end it or change its mode. */
static void put_safe(const char *text, FILE *f)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("\\u003c", f);
		else
			fputc(*text, f);
	}
}

void report_html(const struct report *r, const char *policy, FILE *f)
{
	struct json_object *o = report_json(r);

	fputs(head, f);
	put_safe(json_object_to_json_string_ext(
			 o, JSON_C_TO_STRING_PLAIN |
				    JSON_C_TO_STRING_NOSLASHESCAPE),
	         f);
	fputs(middle, f);
	/* rules hold letters, digits and punctuation without a < */
	fputs(policy, f);
	fputs(tail, f);
	json_object_put(o);
}
