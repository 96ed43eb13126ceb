"""Runs at the start of every Python process below `taximeter run`, because PYTHONPATH names this folder.

Until the program imports an HTTP library this costs next to nothing: taximeter itself is only loaded then. Whatever
goes wrong here costs the program no more than a line on stderr.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would have to be imported for it


def _meter(_module: object) -> None:
    _stop_waiting()
    try:
        from taximeter.capture.child import meter_this_process  # noqa: PLC0415 - see above

        meter_this_process()
    except Exception as error:
        _complain(error)


def _complain(error: Exception) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"taximeter: this process is not metered: {type(error).__name__}: {error}\n")


def _stop_waiting() -> None:
    if _stop is not None:
        _stop()


def _run_hidden() -> None:
    """Run the environment's own sitecustomize, which this one hides, and leave no trace on the path."""
    from importlib.machinery import PathFinder  # noqa: PLC0415 - see above

    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]  # noqa: PTH100 - see above
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = type(sys)("sitecustomize")
        module.__spec__, module.__file__, module.__loader__ = spec, spec.origin, spec.loader
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_stop = None
try:
    from taximeter_import_hook import when_imported  # type: ignore[import-not-found]  # lies in the same folder

    _stop = when_imported(
        ("httpx", "httpx2", "aiohttp.client", "botocore.httpsession", "requests.adapters"), _meter
    )
except Exception as error:
    _complain(error)
_run_hidden()
