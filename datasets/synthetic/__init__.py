"""Synthetic motion of a device worn on the belt: argued from physics, set by figures measured on people.

What is simulated is the *specific force* an ideal accelerometer feels, at 400 Hz, in mg, in the wearer's
frame: +X to the wearer's left, +Y up along the trunk, +Z out of the belly. It is `support * up + push`:

* `up` is the unit vector that points up, seen from the body. Turning about it is invisible to an
  accelerometer, so it is the whole of posture; every piece of motion starts from the `up` where the last
  one ended.
* `support` (g) is what floor, chair or rope carry: 1 at rest, 0 in free fall. What a body gains in speed
  while support is below 1 is given back in the impact that follows: the peaks of falls, jumps and arrests
  are not chosen but follow from how long and how freely the body fell and in how many milliseconds it was
  stopped.
* `push` (mg) is everything else: limbs, breathing, machines, road, the ringing of belt and soft tissue.

`Wearer` has the pieces; `datasets.scenes` composes them into the bundled recordings.

Figures marked "SisFall" were measured on the waist ADXL345 of that public set (Sucerquia et al., Sensors
17:198, 2017), adults SA01 to SA10, 10th/50th/90th percentile, low-passed to 50 Hz unless said otherwise:

* walking slowly (D01) 1.5 steps/s, peak 1.6/1.7/1.9 g; fast (D02) 1.95 steps/s, peak 1.9/2.1/2.6 g, trough
  0.44 g; jogging (D03, D04) 2.6 to 2.7 steps/s, peak 3.3 to 7.5 g; harmonics of the step rate: `_GAIT` in
  `wearer`;
* sitting down slowly (D07) peak 1.2 g, lean 35 deg; quickly (D08) 1.7/2.4/3.5 g, lean 24 deg; bending (D16)
  24/59/81 deg for 3.7 s; stumbling (D18) 3.0/3.8/5.1 g; jumping (D19) 3.1/4.1/5.6 g;
* falls (F01 to F12) peak 3 to 10 g, median 4.6 to 7.9 g, below 0.6 g for 20/100/200 ms before; fainting on
  a chair (F13) 2.1/3.3/4.8 g; the impact's width at half height 10 to 80 ms, at 200 Hz; tilt 20 deg 0.6 s
  before the peak, 30 to 60 deg 0.3 s before, 45 to 110 deg at the peak, 105 to 125 deg 0.2 to 0.5 s after,
  85 to 100 deg in the end; a second peak of 1.3 to 3 g; at rest within 0.3 to 1.5 s.
"""

from datasets.synthetic.body import RATE_HZ, Body, leaning
from datasets.synthetic.wearer import Wearer

__all__ = ["RATE_HZ", "Body", "Wearer", "leaning"]
