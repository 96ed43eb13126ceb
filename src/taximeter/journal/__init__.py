"""The journal: events on disk on their way to the sinks, so that the end of a process loses none of them."""
