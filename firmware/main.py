"""Power-on: find out which board this is, and run the device on it."""

import boards
from runtime import Runtime


def main():
    Runtime(boards.choose()).run()


if __name__ == "__main__":
    main()
