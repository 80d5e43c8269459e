"""The checked values of the tunables (`tunables`).

Values come as a dict (from a JSON file on the host and the device), are checked here, and are read by the detectors
once, when they are made.
"""


class SettingsError(ValueError):
    """A value is refused; the message names it, what it was, and what is permitted."""


def _tables():
    """`tunables`, which is in memory only while values are checked."""
    from . import tunables

    return tunables


def _profile(name):
    profiles = _tables().PROFILES
    for profile in profiles:
        if profile[0] == name:
            return profile
    known = ", ".join([profile[0] for profile in profiles])
    raise SettingsError("profile = %r: unknown; permitted: %s" % (name, known))


class Settings:
    """The checked value of every tunable, as an attribute of its name, and the `profile` they were checked against.

    `values` maps names to values; what it leaves out keeps the profile's value or the default. Raises SettingsError
    for an unknown name, a wrong type, a value out of range, a contradiction, or a profile's cap exceeded.
    """

    def __init__(self, values=None):
        tables = _tables()
        values = dict(values or {})
        self.profile = values.pop("profile", "default")
        chain = [_profile(self.profile)]
        while chain[0][1] is not None:
            chain.insert(0, _profile(chain[0][1]))
        merged = {row[0]: row[2] for row in tables.TUNABLES}
        for placement, defaults in tables.PLACEMENTS.items():
            if placement == values.get("placement"):
                merged.update(defaults)
        for profile in chain:
            merged.update(dict(profile[2]))
        for name in values:
            if name not in merged:
                raise SettingsError("%s: unknown setting; `dati settings` lists them" % name)
        merged.update(values)
        for row in tables.TUNABLES:
            _check(row, merged[row[0]])
            setattr(self, row[0], merged[row[0]])
        self._check_together()
        for profile in chain:
            for names, highest in profile[3]:
                self._check_cap(profile[0], names, highest)

    def __getattr__(self, name):
        # Only reached for what is not in the table; that it exists tells type checkers that the table makes them.
        raise AttributeError(name)

    def as_dict(self):
        """All values by name, in the order of the table, the profile first."""
        values = {"profile": self.profile}
        for row in _tables().TUNABLES:
            values[row[0]] = getattr(self, row[0])
        return values

    def _check_together(self):
        if self.worn_up_axis == 0:
            raise SettingsError("worn_up_axis = 0: permitted: -3, -2, -1, 1, 2, 3")
        if self.verticality_return_deg >= self.verticality_threshold_deg:
            raise SettingsError(
                "verticality_return_deg = %d: must be below verticality_threshold_deg = %d"
                % (self.verticality_return_deg, self.verticality_threshold_deg)
            )
        if self.verticality_needs_immobility and not self.verticality_enabled:
            raise SettingsError(
                "verticality_needs_immobility = true: contradicts verticality_enabled = false; permitted: false"
            )

    def _check_cap(self, profile, names, highest):
        switch = _tables().SWITCH_OF.get(names[0])
        if switch is not None and not getattr(self, switch):
            return
        total = 0
        for name in names:
            total += getattr(self, name)
        if total > highest:
            raise SettingsError(
                "%s = %d ms: profile %s permits at most %d ms" % (" + ".join(names), total, profile, highest)
            )


def _check(row, value):
    name, unit, _, lowest, highest, _ = row
    if unit == "switch":
        if value is not True and value is not False:
            raise SettingsError("%s = %r: must be true or false" % (name, value))
        return
    if unit == "choice":
        if value not in lowest:
            raise SettingsError("%s = %r: permitted: %s" % (name, value, ", ".join(lowest)))
        return
    if type(value) is not int:
        raise SettingsError("%s = %r: must be a whole number from %d to %d %s" % (name, value, lowest, highest, unit))
    if value < lowest or value > highest:
        raise SettingsError("%s = %d: permitted: %d to %d %s" % (name, value, lowest, highest, unit))
