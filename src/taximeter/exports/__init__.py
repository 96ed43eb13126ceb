"""What others read: events and costs as CSV, Parquet and FOCUS."""
