"""`python -m taximeter` is the same as `taximeter`."""

from taximeter.cli import main

if __name__ == "__main__":
    main()
