"""Which block lies on which of several devices: for models that one of them cannot hold."""

from collections.abc import Mapping

from torch import nn

from linearity.contracts.families import Family

DeviceMap = dict[str, str]


def shared_out(blocks: int, room: Mapping[str, int]) -> list[str]:
    """Return the device of every block, as many on each as its share of all room.

    Parameters
    ----------
    blocks : int
    room : mapping of str to int
        Bytes that weights may take of each device; blocks follow one another in this order.
    """
    total = sum(room.values())
    ends, reached = [], 0
    for size in room.values():
        reached += size
        ends.append(round(blocks * reached / total))
    return [
        device
        for device, first, end in zip(room, [0, *ends], ends, strict=False)
        for _ in range(first, end)
    ]


def device_map(network: nn.Module, family: Family, room: Mapping[str, int]) -> DeviceMap:
    """Return the device of every part of a network, by path, as accelerate reads it.

    Blocks are shared out; everything around them, and the head, lies on the first device, where
    states are gathered.
    """
    first = next(iter(room))
    path = f"{family.decoder}.{family.blocks}"
    places: DeviceMap = {}

    def walk(module: nn.Module, before: str) -> None:
        for name, child in module.named_children():
            own = f"{before}{name}"
            if own == path:
                devices = shared_out(len(list(child.children())), room)
                places.update({f"{own}.{k}": device for k, device in enumerate(devices)})
            elif path.startswith(f"{own}."):
                walk(child, f"{own}.")
            else:
                places[own] = first

    walk(network, "")
    return places
