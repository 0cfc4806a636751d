"""Bars and curves as SVG within the page, made by pygal, with the same figures as a table.

The library would bring styles and scripts of its own, which the page's policy forbids: they are taken out, and
static/operator.css gives the classes their colours, by day and by night.
"""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from digest.database.models import OPEN_STATES, DeliveryState
from digest.formatting import MONTHS, format_day, format_number, pluralize
from digest.monitoring import MonthStatistics
from digest.papers import SOURCE_TITLES

WIDTH, HEIGHT = 460, 235  # of the drawing; it grows and shrinks with the page, down to 350 on a phone


LABEL_SIZE = 15  # pixels of its words there; the style sheet says the same


DAYS_PER_LABEL = 7


MAX_AXIS_STEPS = 5  # between the lines across


SVG = "{http://www.w3.org/2000/svg}"


REMOVED_TAGS = ("defs", "desc", "title")


HOVER_CLASSES = {"tooltip-overlay", "text-overlay", "tooltip"}  # what the library's script would show


@dataclass(frozen=True, slots=True)
class Chart:
    """`name` is a word for ids and classes, `said` what is to be seen. Each row of the table begins with a day."""

    name: str
    title: str
    said: str
    svg: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def monthly_charts(month: MonthStatistics) -> list[Chart]:
    """Letters, readers, and each source."""
    return [
        deliveries_chart(month),
        subscribers_chart(month),
        *(source_chart(month, name) for name in sorted(month.fetches)),
    ]


def deliveries_chart(month: MonthStatistics) -> Chart:
    """Letters by day and by what became of them."""
    series = {
        "sent": [month.deliveries.get(day, {}).get(DeliveryState.SENT, 0) for day in month.days],
        "failed": [month.deliveries.get(day, {}).get(DeliveryState.FAILED, 0) for day in month.days],
        "uncertain": [month.deliveries.get(day, {}).get(DeliveryState.UNCERTAIN, 0) for day in month.days],
        "waiting": [sum(month.deliveries.get(day, {}).get(each, 0) for each in OPEN_STATES) for day in month.days],
    }
    total = {name: sum(counts) for name, counts in series.items()}
    said = f"In 30 days {pluralize(total['sent'], 'letter')} sent, {total['failed']:,} failed, "
    said += f"{total['uncertain']:,} uncertain."
    return _build_chart("letters", "Letters by day", said, month, series)


def subscribers_chart(month: MonthStatistics) -> Chart:
    """How many readers there were at the end of each day."""
    changes = [month.subscribers[day] for day in month.days]
    joined, left = sum(each.joined for each in changes), sum(each.ended for each in changes)
    said = f"{pluralize(changes[-1].total, 'reader')}; in 30 days {joined:,} joined and {left:,} left."
    drawn = {"readers": [each.total for each in changes]}
    also = {"joined": [each.joined for each in changes], "left": [each.ended for each in changes]}
    return _build_chart("readers", "Readers", said, month, drawn, table_only=also, curve=True)


def source_chart(month: MonthStatistics, name: str) -> Chart:
    """Looks at one source by day and by how they ended."""
    looks = [month.fetches[name].get(day) for day in month.days]
    series = {
        "gave a list": [each.succeeded if each else 0 for each in looks],
        "had none": [each.empty if each else 0 for each in looks],
        "failed": [each.failed if each else 0 for each in looks],
    }
    new = [each.new if each else 0 for each in looks]
    said = f"{pluralize(sum(map(sum, series.values())), 'look')} in 30 days, {sum(series['failed']):,} failed; "
    said += f"{pluralize(sum(new), 'new paper')}."
    title = f"{SOURCE_TITLES.get(name, name)}, looks by day"
    return _build_chart("source", title, said, month, series, table_only={"new papers": new}, variant=name)


def _build_chart(
    kind: str,
    title: str,
    summary: str,
    month: MonthStatistics,
    series: Mapping[str, Sequence[int]],
    *,
    table_only: Mapping[str, Sequence[int]] | None = None,
    curve: bool = False,
    variant: str = "",
) -> Chart:
    name = f"{kind}-{variant}" if variant else kind
    told = {**series, **(table_only or {})}
    rows = [
        (format_day(day), *(format_number(counts[place]) for counts in told.values()))
        for place, day in enumerate(month.days)
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
    return Chart(name, title, summary, svg, ("day", *told), rows[::-1])


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
    most = max(counts for counts in map(sum, zip(*series.values(), strict=True)))
    least = min(map(min, series.values())) if curve else 0
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
    chart.y_labels = axis_ticks(least, most)
    for label, counts in series.items():
        chart.add(label, list(counts))
    chart.add_xml_filter(lambda root: _clean_svg(root, name, kind, title, summary))
    return Markup(chart.render(is_unicode=True))  # noqa: S704  - lxml has written it


@cache
def _load_pygal() -> Any:
    """pygal, loaded by the first who needs it: a quarter of a second. For plug-ins that we have none of it puts an
    importer of an old kind into the interpreter, which warns at every import from then on; that is taken out again.
    """
    import pygal

    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, pygal.PluginImportFixer)]
    return pygal


def axis_ticks(lowest: int, highest: int) -> list[int]:
    """Round numbers from below the least to above the most, at most six."""
    step = next(
        step
        for power in itertools.count()
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if highest - lowest <= MAX_AXIS_STEPS * step
    )
    first = lowest // step * step
    return list(range(first, max(highest, first + 1) + step, step))


def _clean_svg(root: Any, name: str, kind: str, title: str, summary: str) -> Any:
    """The drawing with a name and a description, without the library's styles, scripts and remarks; and without its
    ids, which are the same in each drawing of a page.
    """
    from lxml import etree  # type: ignore[import-untyped]

    for each in list(root.iter()):
        each.attrib.pop("id", None)
        unwanted = not isinstance(each.tag, str) or each.tag.removeprefix(SVG) in REMOVED_TAGS
        if unwanted or set(each.get("class", "").split()) & HOVER_CLASSES:
            parent = each.getparent()
            if parent is not None:
                parent.remove(each)
    root.set("class", f"chart {kind}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-said")
    for place, (tag, text) in enumerate((("title", title), ("desc", summary))):
        made = etree.Element(SVG + tag, id=f"{name}-{'title' if tag == 'title' else 'said'}")
        made.text = text
        root.insert(place, made)
    return root
