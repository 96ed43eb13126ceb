"""Answers from events: totals, receipts."""
