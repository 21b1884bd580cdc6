"""The device `my_thing`: all of dlf's primitives over an array library."""

# Write here: your array library in place of NumPy.
import numpy

from dlf.plugin import ArrayNamespaceBackend, Probe


class MyThingBackend(ArrayNamespaceBackend):
    device_type = "my_thing"
    xp = numpy

    def devices(self):
        # Write here: what the library takes as device=, one entry for each of its devices.
        return (None,)

    def probe(self):
        # Write here: whether a device is there; if none is, Probe(ok=False, reason="what to do").
        return Probe(ok=True, devices=tuple(f"NumPy {n}" for n in range(len(self.devices()))))

    def overrides(self):
        # Write here: what the library does better itself, by op name; `dlf ops list` has the names.
        return {"tanh": self.xp.tanh}
