"""Lets `python -m dtms_server` be the `dtms` command."""

from dtms_server.cli import main

if __name__ == "__main__":
    main()
