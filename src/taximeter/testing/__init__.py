"""For tests of programs that call models: what they call is captured, what it costs is asserted, answers are made up.

Nothing here opens a file or starts a thread. Under pytest the fixtures `taximeter_events` and `assert_cost` are there
without an import.
"""

from taximeter.testing.captured import Captured, capture
from taximeter.testing.samples import SAMPLE_FORMATS, Sample, sample

__all__ = ["SAMPLE_FORMATS", "Captured", "Sample", "capture", "sample"]
