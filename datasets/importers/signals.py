"""What the importers share: numbers out of text, units, and samples at a steady rate.

Everything here raises `RejectError` for data that cannot be a recording.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.csv

from datasets.importers.base import RejectError
from simulator.corpus import MAX_RATE_HZ, MIN_RATE_HZ

MG_PER_G = 1000.0
MG_PER_M_S2 = 1000.0 / 9.80665  # standard gravity

# A hole longer than this is not bridged: an impact, or the stillness that follows one, would be made up.
MAX_GAP_S = 1.0

MAX_MG = 32767  # int16, as the corpus stores


def numbers(
    text: bytes,
    header: list[str] | None = None,
    columns: list[str] | None = None,
    separator: str = ",",
    skip_lines: int = 0,
    decimal_point: str = ".",
) -> np.ndarray:
    """Parse separated numbers: float64, shape (rows, columns); an empty or `nan` cell is NaN.

    `header` names the columns of a text that has no header line of its own; `columns` picks some.
    """
    wanted = columns or header or []
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text),
            pyarrow.csv.ReadOptions(use_threads=False, column_names=header, skip_rows=skip_lines),
            pyarrow.csv.ParseOptions(delimiter=separator, quote_char=False),
            pyarrow.csv.ConvertOptions(
                column_types={name: pa.float64() for name in wanted},
                include_columns=wanted,
                decimal_point=decimal_point,
            ),
        )
    except pa.ArrowInvalid as error:
        message = str(error).splitlines()[0]
        if "Empty CSV" in message:
            raise RejectError("no samples") from error
        raise RejectError("unparsable number or row", message) from error
    except KeyError as error:
        raise RejectError("missing column", str(error)) from error
    if not table.num_rows:
        raise RejectError("no samples")
    return np.column_stack([column.to_numpy() for column in table.columns])


def samples_mg(accel_mg: np.ndarray) -> np.ndarray:
    """Round accelerations in mg, shape (n, 3), to the int16 samples of a recording."""
    if not len(accel_mg):
        raise RejectError("no samples")
    bad = ~np.isfinite(accel_mg).all(axis=1)
    if bad.any():
        raise RejectError("not a number", f"sample {int(bad.argmax())}")
    too_big = (np.abs(accel_mg) > MAX_MG).any(axis=1)
    if too_big.any():
        raise RejectError(f"beyond +-{MAX_MG} mg", f"sample {int(too_big.argmax())}")
    return np.rint(accel_mg).astype(np.int16)


def check_rate(rate_hz: float) -> None:
    """Raise `RejectError` for a rate that a corpus does not hold."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise RejectError(f"rate outside {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz", f"{rate_hz:.4g} Hz")


def check_times(t_s: np.ndarray) -> None:
    """Raise `RejectError` unless the times, shape (n,), are two or more finite numbers that never go back."""
    if len(t_s) < 2:
        raise RejectError("fewer than two samples")
    if not np.isfinite(t_s).all():
        raise RejectError("not a number", f"time of sample {int((~np.isfinite(t_s)).argmax())}")
    back = np.diff(t_s) < 0
    if back.any():
        raise RejectError("time goes back", f"sample {int(back.argmax()) + 1}")
    if t_s[-1] == t_s[0]:
        raise RejectError("time stands still")


def split_at_gaps(t_s: np.ndarray, max_gap_s: float = MAX_GAP_S) -> list[slice]:
    """The runs of samples without a gap longer than `max_gap_s`."""
    after_gap = np.flatnonzero(np.diff(t_s) > max_gap_s) + 1
    return [slice(start, stop) for start, stop in pairwise([0, *after_gap.tolist(), len(t_s)])]


def on_even_grid(t_s: np.ndarray, accel_mg: np.ndarray, rate_hz: float, max_gap_s: float = MAX_GAP_S) -> np.ndarray:
    """Interpolate samples at the times `t_s` linearly onto a steady `rate_hz`, from the first to the last.

    For stamps that are the true times of samples. Samples of equal time become their mean. Shapes (n,) and
    (n, 3) in, (m, 3) out.
    """
    check_times(t_s)
    check_rate((len(t_s) - 1) / (t_s[-1] - t_s[0]))
    gaps = np.diff(t_s)
    if gaps.max() > max_gap_s:
        after = int(gaps.argmax())
        raise RejectError(
            f"gap in time longer than {max_gap_s:g} s",
            f"{gaps[after]:.2f} s after {t_s[after] - t_s[0]:.2f} s",
        )
    times, first, count = np.unique(t_s, return_index=True, return_counts=True)
    means = np.add.reduceat(accel_mg, first, axis=0) / count[:, None]
    steps = int((times[-1] - times[0]) * rate_hz + 1e-6)
    grid = times[0] + np.arange(steps + 1) / rate_hz
    return np.column_stack([np.interp(grid, times, means[:, axis]) for axis in range(3)])


def sensor_clock(t_s: np.ndarray, late_s: float = 0.15) -> np.ndarray:
    """The times at which samples were taken, from the times at which they were delivered, both shape (n,).

    A watch or a radio tag hands its samples over in bursts of several with almost one stamp; interpolating
    over such stamps throws most of a burst away and leaves a hole after it. The sensor itself keeps a steady
    rate, so a line is fitted through the stamps, leaving out those more than `late_s` off it (a clock that
    was set, a radio that lagged). Rejects stamps of which more than a fifth are off the line.
    """
    if len(t_s) < 3 or not np.isfinite(t_s).all():
        raise RejectError("fewer than three samples" if len(t_s) < 3 else "not a number")
    index = np.arange(len(t_s))
    used = np.ones(len(t_s), bool)
    for _ in range(8):
        step_s, start_s = np.polyfit(index[used], t_s[used], 1)
        off_s = t_s - (start_s + step_s * index)
        used = np.abs(off_s - np.median(off_s)) <= late_s
        if used.mean() < 0.5:
            break
    if step_s <= 0 or used.mean() < 0.8:
        raise RejectError("time stamps follow no steady rate", f"{1 - used.mean():.0%} of them are off")
    check_rate(1 / step_s)
    return start_s + step_s * index
