"""The report as one HTML page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .coverage import SOURCES, Coverage
from .report import Report
from .result import STATUSES, Result

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --dim: #888 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere }
td.n { text-align: right; font-variant-numeric: tabular-nums }
code, pre { font: 13px ui-monospace, monospace; white-space: pre-wrap; margin: 0 }
.native, .overlay, .passed, .conformant { color: var(--good) }
.failed, .missing, .xpassed, .wrong { color: var(--bad) }
.zero, .skipped, .xfailed { color: var(--dim) }
.filters { margin: .6rem 0; display: flex; gap: .6rem; flex-wrap: wrap }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem } dd { margin: 0 }
"""

# A table whose rows have data-text and data-is is filtered by the input and select before it.
_SCRIPT = """
for (const box of document.querySelectorAll(".filters")) {
  const [text, kind] = box.querySelectorAll("input, select");
  const rows = [...box.nextElementSibling.tBodies[0].rows];
  const shown = box.querySelector("output");
  const filter = () => {
    const hit = rows.filter(row => {
      row.hidden = !row.dataset.text.includes(text.value.toLowerCase())
        || !(kind.value === "" || row.dataset.is.split(" ").includes(kind.value));
      return !row.hidden;
    });
    shown.textContent = `${hit.length} of ${rows.length}`;
  };
  text.oninput = kind.onchange = filter;
  filter();
}
"""


def page(report: Report) -> str:
    """`report` as an HTML document."""
    verdict = "conformant" if report.ok else "wrong"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>dlf conform {escape(report.device)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Conformance of {escape(report.device)}</h1>",
        f'<p class="{verdict}"><strong>{escape(report.summary())}</strong></p>',
        *(f"<p>{escape(note)}</p>" for note in report.notes()),
        _head(report),
        _failures(report),
        "<h2>Ops</h2>",
        _filters("op", (*SOURCES, *STATUSES)),
        _ops(report.ops),
        "<h2>Cases</h2>",
        _filters("case", tuple(STATUSES)),
        _cases(report.results),
        f"<script>{_SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _head(report: Report) -> str:
    facts = {
        "Backend": f"{report.distribution} {report.version}",
        "dlf": f"{report.dlf}, kernel API {report.kernel_api}",
        "Level": report.level or _reached(report),
        "Cases": _selection(report),
        "Seed": str(report.seed),
        "Date": report.date,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
    return f"<dl>{rows}</dl>"


def _reached(report: Report) -> str:
    count = len(report.composites)
    more = f" and of {count} composites" if count else ""
    return f"not asked for; kernels for {report.reached}{more}"


def _selection(report: Report) -> str:
    chosen = (
        f"only those of --op '{report.op}' --case '{report.case}'" if report.selected else "all"
    )
    return chosen + (", strict" if report.strict else "")


def _failures(report: Report) -> str:
    if not report.failures:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(one.case.name)}</code></td>"
        f"<td>{escape(one.reason)}{_detail(one)}</td>"
        f"<td><code>{escape(report.replay(one))}</code></td></tr>"
        for one in report.failures
    )
    head = "<tr><th>case</th><th>reason</th><th>replay</th></tr>"
    return f"<h2>Failures</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _detail(one: Result) -> str:
    if not one.detail:
        return ""
    return f"<details><summary>traceback</summary><pre>{escape(one.detail)}</pre></details>"


def _filters(what: str, kinds: Sequence[str]) -> str:
    options = "".join(f"<option>{kind}</option>" for kind in kinds)
    return (
        f'<div class="filters"><input type="search" placeholder="{what}" aria-label="{what}">'
        f'<select aria-label="status"><option value="">all</option>{options}</select>'
        "<output></output></div>"
    )


def _ops(rows: Iterable[Coverage]) -> str:
    columns = ("op", "kind", "source", "from", *STATUSES)
    return _table(columns, map(_op, rows))


def _op(row: Coverage) -> str:
    counts = {status: getattr(row, status) for status in STATUSES}
    marks = " ".join([row.source, *(status for status, count in counts.items() if count)])
    cells = "".join(
        f'<td class="n {status if count else "zero"}">{count}</td>'
        for status, count in counts.items()
    )
    return (
        f'<tr data-text="{escape(row.op.lower())}" data-is="{marks}">'
        f"<td><code>{escape(row.op)}</code></td><td>{row.kind}</td>"
        f'<td class="{row.source}">{row.source}</td><td>{escape(row.origin)}</td>{cells}</tr>'
    )


def _cases(results: Iterable[Result]) -> str:
    return _table(("case", "group", "status", "reason", "seconds"), map(_case, results))


def _case(one: Result) -> str:
    case = one.case
    return (
        f'<tr data-text="{escape(case.name.lower())}" data-is="{one.status}">'
        f"<td><code>{escape(case.name)}</code></td><td>{escape(case.group)}</td>"
        f'<td class="{one.status}">{one.status}</td><td>{escape(one.reason)}</td>'
        f'<td class="n">{one.seconds:.3f}</td></tr>'
    )


def _table(columns: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(rows) + "</tbody></table>"
