"""Bytes to JSON documents, incrementally."""
