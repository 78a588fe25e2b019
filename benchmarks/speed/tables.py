"""Tables of what was measured last, as Markdown: printed, or put into a page.

    python benchmarks/speed/tables.py [--quick] [--write docs/performance.md]

A page has marks, ``<!-- overhead -->`` to ``<!-- /overhead -->``; what stands between them is
replaced. What was not measured stays as it is.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from machine import told
from outcome import arguments, kept
from overhead import ASKED
from recall import TARGETS, best
from scale import GROWING

Body = dict


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine_of(body: Body) -> str:
    quick = " A quick run: these figures say nothing." if body["quick"] else ""
    return f"Measured {body['measured']} on {told(body['machine'])}{quick}"


def overhead(body: Body) -> str:
    rows = [
        [
            f"{row['count']:,} × {row['dim']}",
            row["kind"],
            f"{number(row['batch_bare_ms'])} ms",
            *(f"{row[f'batch_{what}_ratio']:.2f} ×" for what in ASKED),
            f"{row['single_bare_us']:.0f} µs",
            *(f"{row[f'single_{what}_us'] - row['single_bare_us']:+,.0f} µs" for what in ASKED),
        ]
        for row in body["rows"]
        if "left_out" not in row
    ]
    asked = max((row.get("queries", 0) for row in body["rows"]), default=0)
    both = [f"`{what}`" for what in ASKED]
    head = ["vectors", "index", f"{asked:,} queries: FAISS", *both, "one: FAISS", *both]
    return table(head, rows)


def recall(body: Body) -> str:
    parts = []
    for name, one in body["sets"].items():
        libraries = list(dict.fromkeys(row["library"] for row in one["rows"]))
        lines = []
        for target in TARGETS:
            found = best(one["rows"], target)
            others = [row for library, row in found.items() if library != "vecsearch"]
            peer = max(others, key=lambda row: row["single"], default=None)
            for library in libraries:
                if library not in found:
                    lines.append([f"{target:.2f}", library, "not reached", *[""] * 7])
                    continue
                row = found[library]
                ratio = ""
                if library == "vecsearch" and peer:
                    ratio = f"{row['single'] / peer['single']:.2f} × {peer['library']}"
                kind = row.get("kind") or (f"{row['size']} links" if row["size"] else "")
                lines.append(
                    [
                        f"{target:.2f}",
                        f"**{library}**" if library == "vecsearch" else library,
                        f"{kind} {row['settings'] or ''}".strip(),
                        f"{row['recall']:.4f}",
                        number(row["single"]),
                        number(row["items"]) if "items" in row else "",
                        number(row["batch"]),
                        f"{row['memory'] / 1e6:,.0f} MB",
                        f"{row['build']:.1f} s",
                        ratio,
                    ]
                )
        head = ["recall", "library", "kind, effort", "reached", "queries a second"]
        metric = "cosine" if name.startswith("efficientnet") else "Euclidean"
        text = f"**{name}**, {one['count']:,} × {one['dim']}, {metric}\n\n"
        head += ["with items", "2 threads", "memory", "build", "beside the best other"]
        text += table(head, lines)
        if one["left_out"]:
            reasons = "; ".join(f"{library} ({why})" for library, why in one["left_out"].items())
            text += f"\n\nLeft out: {reasons}."
        made = one.get("measured"), one.get("machine")  # of earlier results there is none
        if made not in ((None, None), (body["measured"], body["machine"])):
            text += f"\n\nMeasured {made[0]} on {told(made[1])}"
        parts.append(text)
    return "\n\n".join(parts)


def scale(body: Body) -> str:
    lines = [
        [
            f"{row['count']:,}",
            f"{row['build_exact_s']:.2f} s",
            f"{row['bare_write_s']:.2f} s",
            f"{row['build_auto_s']:.2f} s",
            f"{row['build_auto_mb']:,.0f} MiB",
            f"{row['bytes'] / row['count']:.0f}",
            f"{row['open_warm_ms']:.1f} ms",
            f"{number(row['first_cold_ms'])} ms",
            f"{number(row['first_warm_ms'])} ms",
            f"{row['warm_warm_ms']:.2f} ms",
            f"{row['bare_knn_ms']:.2f} ms",
            f"{row['add_s']:.2f} s",
            f"{row['remove_s']:.2f} s",
        ]
        for row in body["rows"]
    ]
    head = ["vectors", "build, exact", "bare write", "build, auto", "its memory", "bytes a vector"]
    head += ["open", "first query, cold", "not cold", "warm query", "`faiss.knn`"]
    text = table([*head, "add 1,000", "remove 1,000"], lines)
    slopes = ", ".join(f"{GROWING[key]} {one:.2f}" for key, one in body["exponents"].items())
    return f"{text}\n\nGrowth, as exponents of the count: {slopes}."


def folder(body: Body) -> str:
    lines = [
        [
            f"{row['images']:,} {'PNGs' if row['folder'] == 'png' else 'photos'}",
            row["encoder"],
            str(row["jobs"]),
            number(row["a_second"]),
            number(row["bare_a_second"]),
            f"{row['share']:.2f}",
        ]
        for row in body["rows"]
    ]
    head = ["images", "encoder", "jobs", "images a second", "bare decoding", "share of it"]
    shares = [
        [
            "PNGs" if one["folder"] == "png" else "photos",
            one["encoder"],
            ", ".join(
                f"{name} {share:.0%}" for name, share in one["shares"].items() if share > 0.01
            ),
        ]
        for one in body["profiles"]
    ]
    return f"{table(head, lines)}\n\n{table(['images', 'encoder', 'where the time goes'], shares)}"


def start(body: Body) -> str:
    lines = [
        [
            f"`{row['command']}`",
            f"{row['ms']:.0f} ms ({row['least_ms']:.0f} – {row['most_ms']:.0f})",
            f"{row['to_python']:.2f}",
            f"{row['to_faiss']:.2f}",
        ]
        for row in body["rows"]
    ]
    head = ["command", f"median of {body['rounds']} (range)", "× `python -c pass`"]
    return table([*head, "× `import numpy, faiss`"], lines)


def kinds(body: Body) -> str:
    lines = [
        [
            f"{size['count']:,}",
            "**auto**" if row["kind"] == "auto" else row["kind"],
            *(
                (f"{row['us']:,.0f} µs", f"{row['recall']:.3f}")
                if row.get("taken", True)
                else ("exact is quicker", "")
            ),
            f"{row['build_s']:.1f} s",
            f"{row['mb']:,.0f} MB",
            f"{size['ratio']:.2f} × {size['best']}" if row["kind"] == "auto" else "",
        ]
        for size in body["sizes"]
        for row in size["rows"]
    ]
    head = ["vectors", "kind", "a query", "recall", "to make, tuning included", "index file"]
    return table([*head, "beside the best by hand"], lines)


TABLES: dict[str, Callable[[Body], str]] = {
    "overhead": overhead,
    "recall": recall,
    "scale": scale,
    "folder": folder,
    "start": start,
    "kinds": kinds,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    page = given.write.read_text() if given.write else ""
    for name, make in TABLES.items():
        body = kept(name, given.quick)
        if body is None:
            continue
        text = f"{make(body)}\n\n{machine_of(body)}"
        if not given.write:
            print(f"## {name}\n\n{text}\n")
            continue
        block = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page, found = block.subn(lambda one, new=text: f"{one[1]}\n{new}\n\n{one[2]}", page)
        if not found:
            sys.exit(f"{given.write} has no place for the table {name!r}.")
    if given.write:
        given.write.write_text(page)


if __name__ == "__main__":
    main()
