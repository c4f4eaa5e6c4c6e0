"""The plot of the results as plain SVG: bars for rates beside the ceiling, lines for cost by size."""

import math
from pathlib import Path

import jinja2

from bench.report import TOP, drawn

FILE = TOP / "docs" / "images" / "benchmarks.svg"
COLOURS = ("#0b6e4f", "#7fb8a4", "#b35900", "#4a5fa5", "#8250df")
WIDTH, LEFT, RIGHT, TALL = 860, 210, 800, 220


def svg() -> str:
    """Return the plot as text."""
    names = list(dict.fromkeys(name for measured in drawn.bars.values() for name in measured))
    bars, y = [], 66
    for title, measured in drawn.bars.items():
        for number, (name, ratio) in enumerate(measured.items()):
            colour = COLOURS[names.index(name) % len(COLOURS)]
            bars.append({"title": "" if number else title, "name": name, "y": y, "colour": colour,
                         "width": round(max(ratio, 0.002) * (RIGHT - LEFT), 1), "figure": f"{ratio:.2g}"})  # fmt: skip
            y += 24
        y += 36
    top, bottom = y + 40, y + 40 + TALL

    sizes = sorted({size for line in drawn.lines.values() for size, _ in line})
    most = math.ceil(max((taken for line in drawn.lines.values() for _, taken in line), default=1) * 1.2)

    def place(size: int, taken: float) -> tuple[float, float]:
        across = sizes.index(size) / max(len(sizes) - 1, 1)
        return round(LEFT + 40 + across * (RIGHT - LEFT - 80), 1), round(bottom - taken / most * TALL, 1)

    lines = []
    for number, (name, line) in enumerate(drawn.lines.items()):
        dots = [place(*each) for each in line]
        lines.append({"name": name.replace("`", ""), "colour": COLOURS[2 * number % len(COLOURS)], "dots": dots,
                      "points": " ".join(f"{x},{y}" for x, y in dots), "key": bottom + 50 + 22 * number})  # fmt: skip
    template = jinja2.Template(Path(__file__).with_name("plot.svg.jinja").read_text(), autoescape=True)
    return template.render(
        bars=bars,
        lines=lines,
        sizes=[{"x": place(size, 0)[0], "label": f"{size:,}"} for size in sizes],
        ticks=[{"y": round(bottom - n / 4 * TALL, 1), "label": f"{most * n / 4:g}"} for n in range(5)],
        width=WIDTH,
        height=bottom + 60 + 22 * len(lines),
        left=LEFT,
        right=RIGHT,
        lines_top=top,
        lines_bottom=bottom,
    )


def write() -> None:
    """Write the plot into the documentation, if everything that it shows was measured."""
    if drawn.bars and drawn.lines:
        FILE.write_text(svg() + "\n")
