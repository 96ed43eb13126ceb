"""The demo's server as the tests' network, and SDK clients that talk to it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "examples" / "demo"))

from demo import environment
from server import DemoServer, Handler, Trouble

__all__ = ["DemoServer", "Handler", "Trouble", "environment"]
