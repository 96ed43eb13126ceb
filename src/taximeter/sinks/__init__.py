"""Where events go: one protocol, one file per destination."""
