"""What goes wrong with the parts of a world, as `scenario.FAULTS` names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.virtual_board import SOFT, WATCHDOG

if TYPE_CHECKING:
    from simulator.world import World


def befall(world: World, fault: str, action: Mapping[str, Any]) -> None:
    """`fault` happens now; `action` holds what it needs beside its name."""
    world.timeline.note("fault", fault, "")
    sensor, modem, flash, board = world.sensor, world.modem, world.flash, world.board
    if fault == "bus_stuck":
        world.bus.stick(7)
    elif fault == "bus_hung":
        sensor.hung = True
    elif fault == "sensor_absent":
        sensor.absent = True
    elif fault == "sensor_back":
        sensor.absent = sensor.hung = False
        sensor.release()
    elif fault == "sensor_restart":
        sensor.brown_out()
    elif fault == "stuck_axis":
        sensor.stick(action.get("axis", 0))
    elif fault == "dead_output":
        sensor.kill_output()
    elif fault == "garbage":
        world.line.feed(world.board.random.randbytes(action.get("steps", 200)))
    elif fault == "modem_mute":
        modem.mute = True
    elif fault == "modem_back":
        modem.mute = False
    elif fault == "modem_hung":
        modem.hung = True
    elif fault == "modem_restart":
        modem.restart()
    elif fault == "gnss_dead":
        if world.gnss_line is None:
            world.gnss.on_line, world.gnss_line = lambda line: None, world.gnss.on_line
    elif fault == "gnss_back":
        if world.gnss_line is not None:
            world.gnss.on_line, world.gnss_line = world.gnss_line, None
    elif fault in ("flash_failing", "flash_full"):
        flash.fault = fault.removeprefix("flash_")
    elif fault == "flash_back":
        flash.fault = ""
    elif fault == "power_cut":
        if "steps" in action:
            flash.cut_after(action["steps"])
        else:
            board.cut_power()
    elif fault == "watchdog":
        if board.fed_us is None:
            board.restart(WATCHDOG)  # not started yet: the boot loader's own bites
        else:
            board.stall_us = 3_600_000_000
    elif fault == "reset":
        board.restart(SOFT)
    elif fault == "slow_bus":
        board.stall_us = 2_000_000
