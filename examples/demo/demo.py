"""Demo: an unchanged program under the meter, against a server of our own; no key and no network needed."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from server import DemoServer

APP = Path(__file__).with_name("app.py")


def environment(server: DemoServer) -> dict[str, str]:
    """Return an environment in which the official clients find the demo server.

    It stands in as their proxy, so that the clients believe to speak with the real hosts and the prices of those apply.
    """
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "demo")
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy"), server.url)
    nothing = dict.fromkeys(("GOOGLE_API_KEY", "OLLAMA_API_KEY", "ALL_PROXY", "all_proxy"), "")
    return {
        **os.environ,
        **keys,
        **proxies,
        **nothing,
        "OPENAI_BASE_URL": "http://api.openai.com/v1",
        "ANTHROPIC_BASE_URL": "http://api.anthropic.com",
        "GOOGLE_GEMINI_BASE_URL": "http://generativelanguage.googleapis.com",
        "OLLAMA_HOST": server.url,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def main() -> int:
    """Run the app as `taximeter run` would and return its exit code."""
    with DemoServer() as server, TemporaryDirectory() as folder:
        database = Path(folder) / "usage.db"
        command = [sys.executable, "-m", "taximeter", "run", "--to", str(database)]
        print(f"$ taximeter run --to usage.db -- python {APP.name}\n", flush=True)
        return subprocess.run(
            [*command, "--", sys.executable, str(APP)], env=environment(server), check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
