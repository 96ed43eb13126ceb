"""What calls may cost: limits that are asked before a call and settled after it."""

from taximeter.budget.amount import Amount, read_usd
from taximeter.budget.definition import Budget, read_budget

__all__ = ["Amount", "Budget", "read_budget", "read_usd"]
