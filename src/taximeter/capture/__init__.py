"""The hook inside a client, which reads the bytes that the client reads."""
