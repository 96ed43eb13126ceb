"""One file per wire format, and the table from URL to format."""
