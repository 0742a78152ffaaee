"""An answer in words: what answered, a line per neighbour, and one for the time."""

from components.promote.loaded import Found
from components.query.answer import Answer
from components.query.by_attribute import asked_for, columns, header, query_lines


def in_bits(distance: int) -> str:
    """A distance in words: 0 bits, 1 bit, 2 bits …"""
    return f"{distance} bit{'' if distance == 1 else 's'}"


def as_text(reply: Answer) -> str:
    """The answer as a terminal shows it. Cases of one image are told by it, others with the images that matched."""
    source = f"version {reply.version}" if reply.version is not None else "a release folder"
    lines = [f"answered by {source}: {reply.method}, {reply.bits} bits"]
    part, a_part_of = ("part", "a part of ") if reply.are_cut else ("image", "")
    if len(reply.case.numbers) > 1:
        lines.append(f"asked with {len(reply.case.numbers)} images as one case")
    if reply.attention is not None:
        lines.append(
            "attention: " + ", ".join(f"image {number} {weight:.0%}" for number, weight in reply.attention.items())
        )
    if reply.preference is not None:
        lines += asked_for(reply.preference)
    lines += query_lines(reply)
    lines.append(
        f"{'rank':<6}{'bag id' if reply.of_bags else 'image id':<18}{'distance':<10}"
        f"{header(reply.neighbours)}"
        f"{f'{part}s'.ljust(8) if reply.of_bags else ''}labels"
    )
    for rank, neighbour in enumerate(reply.neighbours, 1):
        count = f"{neighbour.n_images:<8}" if reply.of_bags else ""
        lines.append(
            f"{rank:<6}{neighbour.bag_id:<18}{in_bits(neighbour.distance):<10}"
            f"{columns(neighbour, reply.neighbours)}{count}"
            f"{', '.join(neighbour.labels) or 'no label'}"
        )
        if tells_match(reply, neighbour) and neighbour.matched is not None:
            lines.append(
                f"      {a_part_of}image {neighbour.matched.query_image} of the query ~ {part} "
                f"{neighbour.matched.image_id}, {in_bits(neighbour.matched.distance)}"
            )
    total_ms = reply.decode_ms + reply.encode_ms + reply.search_ms
    lines.append(
        f"{total_ms:.1f} ms: decode {reply.decode_ms:.1f}, encode {reply.encode_ms:.1f}, search {reply.search_ms:.2f}"
    )
    return "\n".join(lines)


def tells_match(reply: Answer, neighbour: Found) -> bool:
    """Of two cases of one image each it is plain which matched which."""
    return neighbour.n_images > 1 or len(reply.case.pixels) > 1
