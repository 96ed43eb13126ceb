"""What stands at the head of PYTHONPATH below `taximeter run`."""
