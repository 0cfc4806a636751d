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

from digest.letters import say
from digest.models import DeliveryState
from digest.models.record import OPEN_STATES
from digest.readings import TITLES
from digest.watch import Month

WIDTH, HEIGHT = 460, 235  # of the drawing; it grows and shrinks with the page, down to 350 on a phone
LETTERS = 15  # pixels of its words there; the style sheet says the same
WEEK = 7
STEPS = 5  # between the lines across
SVG = "{http://www.w3.org/2000/svg}"
UNWANTED = ("defs", "desc", "title")
HOVERING = {"tooltip-overlay", "text-overlay", "tooltip"}  # what the library's script would show


@dataclass(frozen=True, slots=True)
class Chart:
    """`name` is a word for ids and classes, `said` what is to be seen. Each row of the table begins with a day."""

    name: str
    title: str
    said: str
    svg: Markup
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def charts(month: Month) -> list[Chart]:
    """Letters, readers, and each source."""
    return [letters(month), readers(month), *(source(month, name) for name in sorted(month.looks))]


def letters(month: Month) -> Chart:
    """Letters by day and by what became of them."""
    series = {
        "sent": [month.letters.get(day, {}).get(DeliveryState.SENT, 0) for day in month.days],
        "failed": [month.letters.get(day, {}).get(DeliveryState.FAILED, 0) for day in month.days],
        "uncertain": [month.letters.get(day, {}).get(DeliveryState.UNCERTAIN, 0) for day in month.days],
        "waiting": [sum(month.letters.get(day, {}).get(each, 0) for each in OPEN_STATES) for day in month.days],
    }
    total = {name: sum(counts) for name, counts in series.items()}
    said = f"In 30 days {say.count(total['sent'], 'letter')} sent, {total['failed']:,} failed, "
    said += f"{total['uncertain']:,} uncertain."
    return _chart("letters", "Letters by day", said, month, series)


def readers(month: Month) -> Chart:
    """How many readers there were at the end of each day."""
    changes = [month.readers[day] for day in month.days]
    joined, left = sum(each.joined for each in changes), sum(each.left for each in changes)
    said = f"{say.count(changes[-1].readers, 'reader')}; in 30 days {joined:,} joined and {left:,} left."
    drawn = {"readers": [each.readers for each in changes]}
    also = {"joined": [each.joined for each in changes], "left": [each.left for each in changes]}
    return _chart("readers", "Readers", said, month, drawn, also=also, curve=True)


def source(month: Month, name: str) -> Chart:
    """Looks at one source by day and by how they ended."""
    looks = [month.looks[name].get(day) for day in month.days]
    series = {
        "gave a list": [each.good if each else 0 for each in looks],
        "had none": [each.nothing if each else 0 for each in looks],
        "failed": [each.failed if each else 0 for each in looks],
    }
    new = [each.new if each else 0 for each in looks]
    said = f"{say.count(sum(map(sum, series.values())), 'look')} in 30 days, {sum(series['failed']):,} failed; "
    said += f"{say.count(sum(new), 'new paper')}."
    title = f"{TITLES.get(name, name)}, looks by day"
    return _chart("source", title, said, month, series, also={"new papers": new}, of=name)


def _chart(
    kind: str,
    title: str,
    said: str,
    month: Month,
    series: Mapping[str, Sequence[int]],
    *,
    also: Mapping[str, Sequence[int]] | None = None,
    curve: bool = False,
    of: str = "",
) -> Chart:
    name = f"{kind}-{of}" if of else kind
    told = {**series, **(also or {})}
    rows = [
        (say.day(day), *(say.number(counts[place]) for counts in told.values())) for place, day in enumerate(month.days)
    ]
    svg = _drawn(
        name,
        kind,
        title,
        said,
        [f"{day.day} {say.MONTHS[day.month - 1][:3]}" for day in month.days],
        series,
        curve=curve,
    )
    return Chart(name, title, said, svg, ("day", *told), rows[::-1])


def _drawn(
    name: str,
    kind: str,
    title: str,
    said: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    curve: bool,
) -> Markup:
    pygal = _library()
    most = max(counts for counts in map(sum, zip(*series.values(), strict=True)))
    least = min(map(min, series.values())) if curve else 0
    style = pygal.style.Style(label_font_size=LETTERS, major_label_font_size=LETTERS, legend_font_size=LETTERS)
    options: dict[str, Any] = {
        "width": WIDTH,
        "height": HEIGHT,
        "margin": 4,
        "margin_top": 10,
        "css": [],
        "js": [],
        "style": style,
        "x_labels_major_every": WEEK,
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
    chart.y_labels = ticks(least, most)
    for label, counts in series.items():
        chart.add(label, list(counts))
    chart.add_xml_filter(lambda root: _dressed(root, name, kind, title, said))
    return Markup(chart.render(is_unicode=True))  # noqa: S704  - lxml has written it


@cache
def _library() -> Any:
    """pygal, loaded by the first who needs it: a quarter of a second. For plug-ins that we have none of it puts an
    importer of an old kind into the interpreter, which warns at every import from then on; that is taken out again.
    """
    import pygal

    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, pygal.PluginImportFixer)]
    return pygal


def ticks(least: int, most: int) -> list[int]:
    """Round numbers from below the least to above the most, at most six."""
    step = next(
        step
        for power in itertools.count()
        for step in (10**power, 2 * 10**power, 5 * 10**power)
        if most - least <= STEPS * step
    )
    first = least // step * step
    return list(range(first, max(most, first + 1) + step, step))


def _dressed(root: Any, name: str, kind: str, title: str, said: str) -> Any:
    """The drawing with a name and a description, without the library's styles, scripts and remarks; and without its
    ids, which are the same in each drawing of a page.
    """
    from lxml import etree  # type: ignore[import-untyped]

    for each in list(root.iter()):
        each.attrib.pop("id", None)
        unwanted = not isinstance(each.tag, str) or each.tag.removeprefix(SVG) in UNWANTED
        if unwanted or set(each.get("class", "").split()) & HOVERING:
            parent = each.getparent()
            if parent is not None:
                parent.remove(each)
    root.set("class", f"chart {kind}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-said")
    for place, (tag, text) in enumerate((("title", title), ("desc", said))):
        made = etree.Element(SVG + tag, id=f"{name}-{'title' if tag == 'title' else 'said'}")
        made.text = text
        root.insert(place, made)
    return root
