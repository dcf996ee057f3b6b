"""Medians over rounds, ratios between endpoints, and the table that people read.

Flow: `summary = summarize(runs); print(table(summary, ["direct", "haproxy", "sluice"]))`
"""

from statistics import median

MEASURES = ("qps", "p95_ms", "p99_ms", "cpu_us_per_query")
RATIOS = (("sluice", "haproxy"), ("sluice", "direct"))


def medians(runs):
    """Of the rounds that ended well; None where there is none. Conflicts and errors are summed over all rounds."""
    good = [run for run in runs if run.failure is None]
    found = {"conflicts": sum(run.conflicts for run in runs), "errors": sum(run.errors for run in runs), "rounds": len(good),
             "failures": [run.failure for run in runs if run.failure is not None]}
    for measure in MEASURES:
        values = [getattr(run, measure) for run in good if getattr(run, measure) is not None]
        found[measure] = median(values) if values else None
    return found


def ratio(a, b):
    return a / b if a is not None and b else None


def summarize(runs):
    """One entry for each workload and number of threads, in the order in which they first ran."""
    groups = {}
    for run in runs:
        groups.setdefault((run.workload, run.threads), {}).setdefault(run.endpoint, []).append(run)
    summary = []
    for (workload, threads), by_endpoint in groups.items():
        endpoints = {name: medians(of_endpoint) for name, of_endpoint in by_endpoint.items()}
        ratios = {f"{a}/{b}": {m: ratio(endpoints[a][m], endpoints[b][m]) for m in MEASURES}
                  for a, b in RATIOS if a in endpoints and b in endpoints}
        summary.append({"workload": workload, "threads": threads, "endpoints": endpoints, "ratios": ratios})
    return summary


def cell(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(summary):
    rows = [("workload", "threads", "through", "queries/s", "p95 ms", "p99 ms", "CPU us/query", "conflicts", "errors")]
    for group in summary:
        for name, found in group["endpoints"].items():
            errors = str(found["errors"]) + (f" +{len(found['failures'])} failed" if found["failures"] else "")
            rows.append((group["workload"], str(group["threads"]), name, cell(found["qps"], 0),
                         cell(found["p95_ms"], 2), cell(found["p99_ms"], 2), cell(found["cpu_us_per_query"], 1),
                         str(found["conflicts"]), errors))
        for name, found in group["ratios"].items():
            rows.append(("", "", name, cell(found["qps"], 2), cell(found["p95_ms"], 2), cell(found["p99_ms"], 2),
                         cell(found["cpu_us_per_query"], 2), "", ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        left = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].ljust(widths[2])]
        lines.append("  ".join(left + [text.rjust(width) for text, width in zip(row[3:], widths[3:])]).rstrip())
    failures = [f"{group['workload']}, {group['threads']} threads, {name}: {text}"
                for group in summary for name, found in group["endpoints"].items() for text in found["failures"]]
    return "\n".join(lines + failures)
