"""Scorecards of falls by placement, in points; written by `make train`, not by hand.

A card is a row per feature of `dati.fall.FEATURES`: its points, and the steps (value, points from that value on).
The points of all rows are added; `fall_points` or more make a fall. 14 points double the odds.

waist: trained at commit 051f047 on sisfall (15), synthetic (12) (subjects):
  750 falls, 1074 others; each subject judged by a card fitted without, 8 folds:
  sensitivity 0.992, specificity 0.997 over recordings
wrist: trained at commit 051f047 on weda-fall (15), stress-predict (20), openpack (1), umafall (2) (subjects):
  269 falls, 465 others; each subject judged by a card fitted without, 8 folds:
  sensitivity 0.926, specificity 0.944 over recordings
pocket: not trained: peak of 2 g and 45 degrees of tilt, the rule of thumb of the literature on the waist; the
recordings at hand (MobiFall) clip at 2 g an axis and are too few to learn from.
"""

# fmt: off
CARDS = {
    "waist": (
        ("peak_mg", -16, ((1856, -40), (2250, -33), (2342, -28), (2741, -22), (2821, -12), (3353, -6), (3526, 0), (3718,
            5), (4220, 16), (4395, 21), (5172, 28),)),
        ("lean_before_cos", -18, ((451, -6), (470, 3), (531, 9), (623, 17), (627, 24), (643, 29), (661, 49), (669,
            54),)),
        ("tilt_cos", -18, ((71, -24), (388, -29), (398, -47), (433, -59), (473, -67), (479, -74), (498, -83), (610,
            -92), (630, -104), (631, -111), (923, -124), (925, -130), (990, -164), (991, -170),)),
        ("approach_cos", -18, ((-1, -24), (173, -29), (387, -34), (482, -41), (642, -56), (739, -63), (792, -69), (899,
            -75), (901, -81),)),
        ("settled_cos", -18, ((931, -12), (940, -19), (945, -10), (946, -1), (947, 9), (949, 14), (950, 20), (951, 27),
            (952, 33), (1006, 16),)),
        ("drop", -18, ((645, -6), (1617, -1), (1783, 5), (3728, 13), (3953, 18), (4045, 24), (4487, 30),)),
        ("impacts", -18, ((2, 8),)),
        ("push_mg", -18, ((1146, -3), (1149, 6), (1167, 15), (1187, 24), (1256, 30), (1268, 37), (1366, 48), (1388, 54),
            (1470, 61), (1640, 67), (1642, 74),)),
    ),
    "wrist": (
        ("peak_mg", 12, ((2706, 17), (2794, 28), (3237, 34), (3240, 44), (3429, 50), (3431, 55), (3619, 67), (3739, 72),
            (3747, 79), (4090, 87), (4276, 92), (4442, 111), (5019, 126), (6395, 118),)),
        ("tilt_cos", -5, ((-764, -10), (-705, -22), (-586, -29), (776, -37), (957, -44),)),
        ("approach_cos", -5, ((463, -10), (473, -18), (619, -25), (682, -31), (941, -37),)),
        ("settling_cos", -5, ((-287, -13), (421, -18), (426, -25), (829, -30), (867, -35),)),
        ("settled_cos", -5, ((1009, 3),)),
        ("drop", -5, ((1907, -10), (4830, -16),)),
        ("impacts", -5, ((7, -21), (9, -26), (10, -49),)),
        ("push_mg", -5, ((1392, 0), (1418, 6), (1685, 15), (1732, 22), (1797, 32),)),
        ("jerk_mg", -5, ((2383, 8),)),
        ("shock_mg", -5, ((12754, 0), (13539, 6), (13721, 12),)),
        ("stir_mg", -5, ((25, 5), (169, 13), (573, 2), (662, -3), (664, -8), (1007, -15), (1466, -20),)),
        ("sway_mg", -5, ((17, -12), (36, -18), (111, -36), (113, -41), (114, -50), (252, -57),)),
        ("calm_mg", -5, ((1008, 0), (1016, 6), (1025, 11), (1032, 16), (1360, 10), (1411, 4), (1421, -2), (1550, -8),
            (1652, -14),)),
    ),
    "pocket": (
        ("peak_mg", -75, ((2000, -25),)),
        ("tilt_cos", 50, ((724, -50),)),
    ),
}
# fmt: on
