"""What a call, a job or a month will cost, from the calls that were."""

from taximeter.forecast.background import BackgroundForecast
from taximeter.forecast.calibration import CalibrationRow, Held
from taximeter.forecast.expectation import Expectation, JobExpectation
from taximeter.forecast.forecast import Forecast
from taximeter.forecast.month import MonthExpectation, expect_month
from taximeter.forecast.question import CallFields
from taximeter.forecast.tokenizer import Tokenizer

__all__ = [
    "BackgroundForecast",
    "CalibrationRow",
    "CallFields",
    "Expectation",
    "Forecast",
    "Held",
    "JobExpectation",
    "MonthExpectation",
    "Tokenizer",
    "expect_month",
]
