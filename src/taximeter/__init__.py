"""taximeter meters every LLM call a service makes."""
