"""What calls may cost: limits that are asked before a call and settled after it."""

from taximeter.budget.alert import Alert
from taximeter.budget.amount import Amount, read_usd
from taximeter.budget.budgets import Budgets
from taximeter.budget.definition import Budget, read_budget
from taximeter.budget.reservation import Reservation
from taximeter.budget.state import BudgetState

__all__ = ["Alert", "Amount", "Budget", "BudgetState", "Budgets", "Reservation", "read_budget", "read_usd"]
