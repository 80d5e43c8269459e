"""Writes the bundled traces from the scenes: `python -m datasets.bundle`.

The samples are committed, not only their recipe: sines and noise may differ in the last bit between machines, and
expected events must not hang on that.
"""

from __future__ import annotations

from datasets.scenes import bundled_recordings
from datasets.sources import BUNDLED
from simulator.corpus import CorpusWriter


def main() -> None:
    BUNDLED.parent.mkdir(parents=True, exist_ok=True)
    with CorpusWriter(BUNDLED) as writer:
        for recording in bundled_recordings():
            writer.add(recording)
    print(f"{BUNDLED.name}: {writer.recordings} traces, {BUNDLED.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
