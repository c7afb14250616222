"""`python -m entoptic` is the command `entoptic`."""

from entoptic.cli.main import run

if __name__ == "__main__":
    run()
