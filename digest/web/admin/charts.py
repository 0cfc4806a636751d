"""Charts as inline SVG, drawn by pygal, with the same figures as a table.

Pygal would add styles and scripts of its own, which the content security policy forbids: they are removed, and
static/operator.css styles the classes for light and dark mode.
"""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from digest.config import source_title
from digest.database.models import OPEN_STATES, DeliveryState
from digest.formatting import MONTHS, format_day, format_number
from digest.monitoring import FetchCounts, MonthSummary
from digest.web import messages

WIDTH, HEIGHT = 460, 235  # of the drawing, which scales with the page, down to 350 pixels on a phone
LABEL_SIZE = 15  # pixels; the style sheet says the same
DAYS_PER_LABEL = 7
MAX_AXIS_STEPS = 5  # between the horizontal grid lines
SVG = "{http://www.w3.org/2000/svg}"
REMOVED_TAGS = ("defs", "desc", "title")
HOVER_CLASSES = {"tooltip-overlay", "text-overlay", "tooltip"}  # for pygal's script


@dataclass(frozen=True, slots=True)
class Chart:
    """Chart. `name` is used for ids and classes, `summary` says what it shows. Each table row begins with a day."""

    name: str
    title: str
    summary: str
    svg: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def monthly_charts(month: MonthSummary) -> list[Chart]:
    """Return the charts of deliveries, of subscribers, and of each source."""
    return [
        deliveries_chart(month),
        subscribers_chart(month),
        *(source_chart(month, name) for name in sorted(month.fetches)),
    ]


def deliveries_chart(month: MonthSummary) -> Chart:
    """Chart deliveries by day and state."""
    counts = [month.deliveries.get(day, {}) for day in month.days]
    series = {
        "sent": [day.get(DeliveryState.SENT, 0) for day in counts],
        "failed": [day.get(DeliveryState.FAILED, 0) for day in counts],
        "uncertain": [day.get(DeliveryState.UNCERTAIN, 0) for day in counts],
        "waiting": [sum(day.get(state, 0) for state in OPEN_STATES) for day in counts],
    }
    total = {name: sum(values) for name, values in series.items()}
    summary = messages.deliveries_summary(total["sent"], total["failed"], total["uncertain"])
    return _build_chart("deliveries", "E-mails per day", summary, month, series)


def subscribers_chart(month: MonthSummary) -> Chart:
    """Chart the number of subscribers at the end of each day."""
    changes = [month.subscribers[day] for day in month.days]
    joined, left = [day.joined for day in changes], [day.ended for day in changes]
    return _build_chart(
        "subscribers",
        "Subscribers",
        messages.subscribers_summary(changes[-1].total, sum(joined), sum(left)),
        month,
        {"subscribers": [day.total for day in changes]},
        table_only={"joined": joined, "left": left},
        curve=True,
    )


def source_chart(month: MonthSummary, name: str) -> Chart:
    """Chart the new papers of one source by day; the table has its fetches by result, too."""
    counts = [month.fetches[name].get(day, FetchCounts()) for day in month.days]
    fetches = {
        "fetches with papers": [day.succeeded for day in counts],
        "without papers": [day.empty for day in counts],
        "failed": [day.failed for day in counts],
    }
    new = [day.new for day in counts]
    summary = messages.fetches_summary(sum(map(sum, fetches.values())), sum(fetches["failed"]), sum(new))
    title = messages.new_papers_title(source_title(name))
    return _build_chart("source", title, summary, month, {"new papers": new}, table_only=fetches, variant=name)


def _build_chart(
    kind: str,
    title: str,
    summary: str,
    month: MonthSummary,
    series: Mapping[str, Sequence[int]],
    *,
    table_only: Mapping[str, Sequence[int]] | None = None,
    curve: bool = False,
    variant: str = "",
) -> Chart:
    name = f"{kind}-{variant}" if variant else kind
    columns = {**series, **(table_only or {})}
    rows = [
        (format_day(day), *(format_number(counts[n]) for counts in columns.values()))
        for n, day in enumerate(month.days)
    ]
    svg = _render_svg(
        name,
        kind,
        title,
        summary,
        [f"{day.day} {MONTHS[day.month - 1][:3]}" for day in month.days],
        series,
        curve=curve,
    )
    return Chart(name, title, summary, svg, ("day", *columns), rows[::-1])


def _render_svg(
    name: str,
    kind: str,
    title: str,
    summary: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    curve: bool,
) -> Markup:
    pygal = _load_pygal()
    highest = max(map(sum, zip(*series.values(), strict=True)))
    lowest = min(map(min, series.values())) if curve else 0
    style = pygal.style.Style(label_font_size=LABEL_SIZE, major_label_font_size=LABEL_SIZE, legend_font_size=LABEL_SIZE)
    options: dict[str, Any] = {
        "width": WIDTH,
        "height": HEIGHT,
        "margin": 4,
        "margin_top": 10,
        "css": [],
        "js": [],
        "style": style,
        "x_labels_major_every": DAYS_PER_LABEL,
        "show_minor_x_labels": False,
        "truncate_label": -1,
        "truncate_legend": -1,
        "disable_xml_declaration": True,
        "show_legend": len(series) > 1,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": len(series),
        "legend_box_size": 13,
        "show_dots": False,
        "print_values": False,
        "value_formatter": lambda value: f"{round(value):,}",
    }
    chart = (pygal.Line if curve else pygal.StackedBar)(**options)
    chart.x_labels = labels
    chart.y_labels = axis_ticks(lowest, highest)
    for label, counts in series.items():
        chart.add(label, list(counts))
    chart.add_xml_filter(lambda root: _clean_svg(root, name, kind, title, summary))
    return Markup(chart.render(is_unicode=True))  # noqa: S704  - serialized and escaped by lxml


@cache
def _load_pygal() -> Any:
    """Import pygal on first use: it takes a quarter of a second.

    For plug-ins, which we do not have, it adds an importer of an old kind that warns at every import; that is removed.
    """
    import pygal

    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    return pygal


def axis_ticks(lowest: int, highest: int) -> list[int]:
    """Return round numbers that enclose `lowest` and `highest`, at most six."""
    step = next(
        step
        for power in itertools.count()
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if highest - lowest <= MAX_AXIS_STEPS * step
    )
    first = lowest // step * step
    return list(range(first, max(highest, first + 1) + step, step))


def _clean_svg(root: Any, name: str, kind: str, title: str, summary: str) -> Any:
    """Add title and description to the drawing, and remove styles, scripts, comments and ids.

    The ids are the same in each drawing of a page.
    """
    from lxml import etree  # type: ignore[import-untyped]

    for element in list(root.iter()):
        element.attrib.pop("id", None)
        unwanted = not isinstance(element.tag, str) or element.tag.removeprefix(SVG) in REMOVED_TAGS
        if unwanted or set(element.get("class", "").split()) & HOVER_CLASSES:
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
    root.set("class", f"chart {kind}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-summary")
    for position, (tag, suffix, text) in enumerate((("title", "title", title), ("desc", "summary", summary))):
        element = etree.Element(SVG + tag, id=f"{name}-{suffix}")
        element.text = text
        root.insert(position, element)
    return root
