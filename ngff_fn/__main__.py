"""``python -m ngff_fn``: the command line, where its program is not on the path."""

from ngff_fn.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
