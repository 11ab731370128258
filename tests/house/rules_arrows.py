"""Which folder may include which: the arrows of docs/architecture.md, held."""

import os
import re

from source import Finding

# Inside core, a room may include the rooms left of it. Rooms in one step may use one another as
# long as no circle arises.
CORE_ORDER = (("base",), ("topology", "jobs", "ledger", "policy"), ("placement", "protocol"),
              ("schedule",), ("machine", "node"), ("sim", "plan"))
CORE_STEP = {room: step for step, rooms in enumerate(CORE_ORDER) for room in rooms}
# The mind of one node, and the programs on it, know nothing of queues, ledgers and policies.
NODE_ROOMS = ("base", "topology", "jobs", "protocol", "node")
ROOMS_OF = {"core/node": NODE_ROOMS, "agent": NODE_ROOMS, "plugins": NODE_ROOMS}

# Outside core: folder -> what it may include of ours, besides itself.
ARROWS = {
    "core": (),
    "wire": ("core",),
    "config": ("core",),
    "plugins": ("core",),
    "daemon": ("core", "wire", "config"),
    "agent": ("core", "wire", "plugins"),
    "cli": ("core", "wire", "config"),
    "tests": ("core", "wire", "config", "plugins", "daemon", "agent", "cli"),
    "benchmarks": ("core", "wire", "config", "plugins", "daemon", "agent", "cli"),
}
# The simulator is for khu plan, khu-sim, tests and benchmarks only.
SIM_USERS = ("cli", "tests", "benchmarks")

# Outside libraries: what an include starts with -> the folders that may.
OUTSIDE = (
    ("boost/asio", ("wire/net", "daemon", "agent", "cli", "tests", "benchmarks")),
    ("boost/beast", ("wire/net", "daemon", "agent", "cli", "tests", "benchmarks")),
    ("boost/json", ("wire", "daemon", "agent", "cli", "tests", "benchmarks")),
    ("boost/describe", ("",)),
    ("boost/mp11", ("",)),
    ("boost/", ("wire", "daemon", "agent", "cli", "tests", "benchmarks")),
    ("openssl/", ("wire", "daemon", "agent", "cli", "tests", "benchmarks")),
    ("yaml-cpp/", ("config", "tests")),
    ("hwloc", ("agent/probe/hwloc_probe", "tests")),
    ("lzma.h", ("cli/plan", "tests")),
    ("zlib.h", ("cli/plan", "tests")),
    ("sqlite3.h", ("daemon/store", "tests", "benchmarks")),
    ("prometheus/", ("daemon", "tests")),
    ("spdlog/", ("daemon", "agent", "tests", "benchmarks")),
    ("CLI/", ("daemon", "agent", "cli", "core/sim/main", "tests", "benchmarks")),
    ("mpi.h", ("tests", "benchmarks")),
    ("gtest/", ("tests",)),
    ("gmock/", ("tests",)),
    ("rapidcheck", ("tests",)),
    ("benchmark/", ("benchmarks",)),
)


def _allowed(path, prefixes):
    return any(prefix == "" or path.startswith(prefix) for prefix in prefixes)


def _core_complaint(source, target):
    room, other = source.path.split("/")[1], target.split("/")[1]
    if room not in CORE_STEP or other not in CORE_STEP:
        return f"core/{room if room not in CORE_STEP else other} is not a room of core"
    if CORE_STEP[other] > CORE_STEP[room]:
        return f"core/{room} stands below core/{other}; arrows only point down"
    return ""


def _room_complaint(source, target):
    for folder, rooms in ROOMS_OF.items():
        if source.path.startswith(folder + "/") and target.split("/")[1] not in rooms:
            return f"of core, {folder} may see only {', '.join(rooms)}"
    return ""


def _complaint(source, target):
    """Why `source` may not include our file `target`; empty if it may."""
    here, there = source.path.split("/")[0], target.split("/")[0]
    if there == "core" and _room_complaint(source, target):
        return _room_complaint(source, target)
    if there not in ARROWS:
        return f"write the path from the root of the project, not {target}"
    if there == "tests" and here != "tests":
        return "nothing includes tests/"
    if target.startswith("core/sim/") and here != "core" and here not in SIM_USERS:
        return f"only {', '.join(SIM_USERS)} may see the simulator"
    if here == "core" and there == "core":
        return _core_complaint(source, target)
    if here != there and there not in ARROWS[here]:
        return f"{here} may include only {', '.join(ARROWS[here]) or 'itself'}"
    return ""


def arrows(tree):
    for source in tree.cpp():
        for line, target, is_ours in source.includes:
            if is_ours:
                why = _complaint(source, target)
                if why:
                    yield Finding(source.path, line, "arrow", f'"{target}": {why}')


def outside_libraries(tree):
    for source in tree.cpp():
        for line, target, is_ours in source.includes:
            if is_ours:
                continue
            users = next((users for start, users in OUTSIDE if target.startswith(start)), None)
            if users is not None and not _allowed(source.path, users):
                yield Finding(source.path, line, "outside-library",
                              f"<{target}> is for {', '.join(users)} only")


def _room(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "core" else parts[0]


def circles(tree):
    """No circle among files, and none among the rooms of core."""
    for key in (lambda path: path, _room):
        graph, places = {}, {}
        for source in tree.under("core", "wire", "config", "plugins", "daemon", "agent", "cli"):
            for line, target, is_ours in source.includes:
                edge = (key(source.path), key(target))
                if is_ours and edge[0] != edge[1] and tree.get(target):
                    graph.setdefault(edge[0], set()).add(edge[1])
                    places.setdefault(edge, (source.path, line))
        circle = _first_circle(graph)
        if circle:
            path, line = places[(circle[-2], circle[-1])]
            yield Finding(path, line, "circle", " -> ".join(circle))
            return


def _first_circle(graph):
    done = set()

    def visit(node, trail):
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return None
        for following in sorted(graph.get(node, ())):
            circle = visit(following, trail + [node])
            if circle:
                return circle
        done.add(node)
        return None

    for start in sorted(graph):
        circle = visit(start, [])
        if circle:
            return circle
    return None


def own_header_first(tree):
    """x.cc includes x.h before anything else: so x.h is known to compile alone."""
    for source in tree.cpp():
        if source.is_header:
            continue
        own = source.path[:-3] + ".h"
        if tree.get(own) and source.includes and source.includes[0][1] != own:
            yield Finding(source.path, source.includes[0][0], "own-header-first",
                          f'"{own}" comes first')


def every_file_is_built(tree):
    shared = tree.read("cmake/KhuTargets.cmake")
    for source in tree.cpp():
        if source.is_header:
            continue
        name, folder, listed = os.path.basename(source.path), source.folder, False
        while folder and not listed:
            text = tree.read(f"{folder}/CMakeLists.txt") + shared
            listed = bool(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])|GLOB", text))
            folder = os.path.dirname(folder)
        if not listed:
            yield Finding(source.path, 1, "not-built",
                          "no CMakeLists.txt lists this file; list it or remove it")


RULES = (arrows, outside_libraries, circles, own_header_first, every_file_is_built)
