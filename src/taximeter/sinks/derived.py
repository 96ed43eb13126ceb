"""Derived parts: the indexes and views of a store, which hold nothing that its tables do not, and can be made again."""

from taximeter.sinks import content_table, layout

INDEXES: tuple[str, ...] = (*layout.INDEXES, *content_table.INDEXES)
VIEWS: dict[str, str] = {**layout.VIEWS, "contents": content_table.VIEW}
