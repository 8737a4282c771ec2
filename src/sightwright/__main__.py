"""`python -m sightwright`."""

from sightwright.cli.main import main

if __name__ == "__main__":
    main()
