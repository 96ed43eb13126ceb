"""Where events can be asked."""
