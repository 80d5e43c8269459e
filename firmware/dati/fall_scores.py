"""Scorecards of falls by placement, in points; written by `make train`, not by hand.

A card is a row per feature of `dati.fall.FEATURES`: its points, and the steps (value, points from that value on).
The points of all rows are added; `fall_points` or more make a fall. 14 points double the odds.

waist: trained at commit c3fbc40 on sisfall (15), synthetic (12) (subjects):
  750 falls, 1074 others; each subject judged by a card fitted without, 8 folds:
  sensitivity 0.991, specificity 0.996 over recordings
wrist: trained at commit c3fbc40 on weda-fall (15), stress-predict (20), openpack (1), umafall (2) (subjects):
  269 falls, 465 others; each subject judged by a card fitted without, 8 folds:
  sensitivity 0.922, specificity 0.942 over recordings
pocket: not trained: peak of 2 g and 45 degrees of tilt, the rule of thumb of the literature on the waist; the
recordings at hand (MobiFall) clip at 2 g an axis and are too few to learn from.
"""

# fmt: off
CARDS = {
    "waist": (
        ("peak_mg", -34, ((2664, -27), (2741, -17), (3508, -9), (3940, 2), (4540, 9), (5222, 17),)),
        ("lean_before_cos", -22, ((309, -9), (360, 0), (410, 18), (418, 25), (426, 32), (428, 39), (431, 47), (432, 56),
            (446, 63),)),
        ("tilt_cos", -22, ((289, -30), (330, -38), (388, -46), (433, -60), (434, -67), (455, -78), (490, -85), (513,
            -96), (631, -115), (923, -130), (990, -149),)),
        ("approach_cos", -22, ((509, -31), (591, -40), (644, -52), (737, -59), (860, -66), (897, -73), (900, -84), (902,
            -93),)),
        ("settled_cos", -22, ((776, -14), (800, -7), (833, -16), (866, -26), (882, -19), (945, -11), (946, 8), (947,
            19),)),
        ("drop", -22, ((890, -15), (1617, -8), (2314, -1), (4187, 6), (5517, 13),)),
        ("impacts", -22, ((2, 8),)),
        ("push_mg", -22, ((1076, -30), (1086, -38), (1147, -25), (1164, -17), (1188, -3), (1270, 9), (1282, 18), (1368,
            25), (1372, 34), (1471, 41), (1640, 51), (1684, 58),)),
    ),
    "wrist": (
        ("peak_mg", 20, ((2794, 29), (3184, 37), (3185, 46), (3432, 57), (3746, 68), (3780, 79), (3914, 86), (4384, 95),
            (4454, 102), (4700, 111), (4784, 119), (5728, 126), (6678, 114), (6719, 105), (6842, 98), (7014, 90),)),
        ("tilt_cos", -5, ((-849, -17), (-819, -28), (-718, -36), (526, -44), (968, -52),)),
        ("approach_cos", -5, ((463, -13), (553, -20), (773, -31),)),
        ("settling_cos", -5, ((-482, -12), (425, -20), (832, -27), (885, -34),)),
        ("settled_cos", -5, ((1004, 4),)),
        ("drop", -5, ((6460, -14),)),
        ("impacts", -5, ((7, -13), (9, -21), (10, -37), (12, -48),)),
        ("push_mg", -5, ((1434, 3), (1644, 10), (1794, 17),)),
        ("jerk_mg", -5, ((2215, 4), (2381, 11), (3309, 18),)),
        ("shock_mg", -5, ((12780, 3), (13519, 12), (14991, 19), (20027, 26),)),
        ("stir_mg", -5, ((24, 6), (662, -3), (750, -11), (1043, -19),)),
        ("sway_mg", -5, ((111, -28), (114, -36), (238, -44),)),
        ("calm_mg", -5, ((1017, 6), (1411, -2), (1569, -10), (1641, -18),)),
    ),
    "pocket": (
        ("peak_mg", -75, ((2000, -25),)),
        ("tilt_cos", 50, ((724, -50),)),
    ),
}
# fmt: on
