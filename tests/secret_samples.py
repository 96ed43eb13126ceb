"""Secrets for tests: made up, each in the shape of a real one, put together here so that no scanner takes them for real."""

_TAIL = "Zq7Rt2Vw9Xy4Ab6Cd8Ef1Gh3Jk5Lm0Np"

SECRETS = {
    "openai": f"sk-proj-{_TAIL}",
    "anthropic": f"sk-ant-api03-{_TAIL}-{_TAIL}",
    "openrouter": f"sk-or-v1-{_TAIL}",
    "groq": f"gsk_{_TAIL}",
    "cerebras": f"csk-{_TAIL}",
    "xai": f"xai-{_TAIL}",
    "perplexity": f"pplx-{_TAIL}",
    "nvidia": f"nvapi-{_TAIL}",
    "hugging face": f"hf_{_TAIL}",
    "replicate": f"r8_{_TAIL}",
    "together": f"tgp_v1_{_TAIL}",
    "fireworks": f"fw_{_TAIL}",
    "google": f"AIza{_TAIL}",
    "google oauth": f"ya29.{_TAIL}",
    "aws key id": "AKIA" + "QZ7RT2VW9XY4AB6C",
    "bedrock": f"ABSK{_TAIL}",
    "github": f"ghp_{_TAIL}",
    "slack": f"xoxb-{_TAIL}",
    "langfuse": "sk-lf-1234abcd-12ab-34cd-56ef-1234567890ab",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiJxN1J0MlZ3OVh5NCJ9." + _TAIL,
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{_TAIL}\n-----END RSA PRIVATE KEY-----",
}
"""Told by their shape, wherever they stand."""

NAMED = {
    "bearer": ("Authorization: Bearer ", _TAIL),
    "lower-case bearer": ("sent bearer ", _TAIL),
    "basic": ("Authorization: Basic ", "enE3cnQ6Mnc5eHk0YWI="),
    "userinfo": ("https://", f"reader:{_TAIL}"),
    "query": ("GET /v1/models?alt=sse&key=", _TAIL),
    "header": ("x-api-key: ", _TAIL),
    "json": ('{"api_key": "', _TAIL),
    "json in json": ('{\\"api_key\\": \\"', _TAIL),
    "aws secret": ("aws_secret_access_key=", f"{_TAIL}/{_TAIL}"),
    "password": ("password=", "correct-horse"),
    "signature": ("https://bucket/x?X-Amz-Signature=", _TAIL),
}
"""Told by what stands before them, which stays."""
