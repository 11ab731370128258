#!/usr/bin/python3
"""Writes the node topologies beside this file: hwloc 2 XML of nodes that this machine is not.

    examples/topologies/make.py            writes dgx-h100.xml, dgx-a100.xml, t4x8.xml, cpu16.xml,
                                           h100-mig.xml

`khu-agent --topology FILE` presents such a node, so a machine without GPUs can be one in a demo or
a test. Not measured on real machines: lstopo makes the CPUs, caches and memory from its synthetic
form, and this adds the devices. Which GPU and which network card is near which cores is as vendors
document it (`nvidia-smi topo -m` of a DGX H100, a DGX A100 and an AWS g4dn.metal).
"""
import os
import subprocess
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
GIB = 1 << 30

H100 = ("2330", "NVIDIA H100 80GB HBM3", 80)
A100 = ("20b2", "NVIDIA A100-SXM4-80GB", 80)
T4 = ("1eb8", "Tesla T4", 16)


class Node:
    """One topology: lstopo's synthetic CPUs plus PCI devices hung below an object of a type."""

    def __init__(self, name, synthetic, hang_on):
        text = subprocess.run(["lstopo", "--no-io", "-i", synthetic, "--of", "xml"], check=True,
                              capture_output=True, text=True).stdout
        self.name = name
        self.root = ET.fromstring(text)
        self.number = max(int(o.get("gp_index")) for o in self.root.iter("object"))
        self.bus = 1
        self.gpus = []
        self.places = [o for o in self.root.iter("object") if o.get("type") == hang_on]
        machine = self.root.find("object")
        for info in machine.findall("info"):
            machine.remove(info)
        made = ET.Element("info", name="Made", value=f"{name}: by make.py, no real machine")
        machine.insert(0, made)

    def add(self, parent, kind, **values):
        self.number += 1
        return ET.SubElement(parent, "object", gp_index=str(self.number), type=kind, **values)

    def bridge(self, place):
        """A host bridge with one PCI switch port; devices that share it are PCIe neighbours."""
        first = self.bus
        self.bus += 2
        host = self.add(self.places[place], "Bridge", bridge_type="0-1", depth="0",
                        bridge_pci=f"0000:[{first:02x}-{first + 1:02x}]")
        return self.add(host, "Bridge", bridge_type="1-1", depth="1", pci_link_speed="31.5",
                        bridge_pci=f"0000:[{first + 1:02x}-{first + 1:02x}]",
                        pci_busid=f"0000:{first:02x}:00.0",
                        pci_type="0604 [1000:c010] [1000:c010] 00")

    def device(self, bridge, pci_class, vendor, device):
        slot = len(bridge.findall("object"))
        bus = bridge.get("bridge_pci")[6:8]
        return self.add(bridge, "PCIDev", pci_busid=f"0000:{bus}:{slot:02x}.0",
                        pci_type=f"{pci_class} [{vendor}:{device}] [{vendor}:0001] 00",
                        pci_link_speed="31.5")

    def gpu(self, bridge, model, slices=""):
        """`slices`: MIG profiles it is presented as (docs/formats/topology.md)."""
        number = len(self.gpus)
        device, product, memory_gib = model
        pci = self.device(bridge, "0302", "10de", device)
        cuda = self.add(pci, "OSDev", name=f"cuda{number}", osdev_type="5", subtype="CUDA")
        nvml = self.add(pci, "OSDev", name=f"nvml{number}", osdev_type="1", subtype="NVML")
        for shown, backend in ((cuda, "CUDA"), (nvml, "NVML")):
            for key, value in (("Backend", backend), ("GPUVendor", "NVIDIA Corporation"),
                               ("GPUModel", product)):
                ET.SubElement(shown, "info", name=key, value=value)
        memory = ET.SubElement(cuda, "info", name="CUDAGlobalMemorySize")
        memory.set("value", str(memory_gib * GIB // 1024))
        if slices:
            ET.SubElement(nvml, "info", name="KhuMig", value=slices)
        self.gpus.append(nvml)

    def infiniband(self, bridge, number):
        pci = self.device(bridge, "0207", "15b3", "1021")
        card = self.add(pci, "OSDev", name=f"mlx5_{number}", osdev_type="3")
        ET.SubElement(card, "info", name="Port1State", value="4")

    def ethernet(self, bridge, number):
        pci = self.device(bridge, "0200", "15b3", "101d")
        card = self.add(pci, "OSDev", name=f"eth{number}", osdev_type="2")
        ET.SubElement(card, "info", name="Address", value=f"02:00:00:00:00:{number:02x}")

    def connect_gpus(self, megabytes_per_second):
        """NVLink between all pairs, as hwloc's NVML backend records it."""
        matrix = ET.SubElement(self.root, "distances2hetero", nbobjs=str(len(self.gpus)),
                               kind="25", name="NVLinkBandwidth")
        self.put_text(matrix, "indexes", "".join(f"OSDev:{gpu.get('gp_index')} "
                                                 for gpu in self.gpus))
        for row in self.gpus:
            speeds = (1000000 if row is gpu else megabytes_per_second for gpu in self.gpus)
            self.put_text(matrix, "u64values", "".join(f"{speed} " for speed in speeds))
        self.root.remove(matrix)
        after = max(i for i, child in enumerate(self.root) if child.tag == "object")
        self.root.insert(after + 1, matrix)

    @staticmethod
    def put_text(parent, tag, text):
        ET.SubElement(parent, tag, length=str(len(text))).text = text

    def write(self):
        ET.indent(self.root, space=" ")
        with open(os.path.join(HERE, self.name + ".xml"), "w") as file:
            file.write('<?xml version="1.0" encoding="UTF-8"?>\n'
                       '<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n')
            file.write(ET.tostring(self.root, encoding="unicode") + "\n")


def dgx_h100():
    """GPUs 0-3 near package 0, 4-7 near package 1; one InfiniBand card beside each GPU."""
    node = Node("dgx-h100", f"pack:2 [numa(memory={1024 * GIB})] l3:1(size=110100480) core:56 "
                "pu:2(indexes=2*112:1*2)", "Package")
    for number in range(8):
        switch = node.bridge(number // 4)
        node.gpu(switch, H100)
        node.infiniband(switch, number)
    for package in (0, 1):
        node.ethernet(node.bridge(package), package)
    node.connect_gpus(450000)
    return node


def dgx_a100():
    """GPU pairs near NUMA nodes 3, 1, 7 and 5, two InfiniBand cards beside each pair."""
    node = Node("dgx-a100", f"pack:2 group:4 [numa(memory={128 * GIB})] l3:4(size=16777216) "
                "core:4 pu:2(indexes=2*128:1*2)", "Group")
    for pair, numa in enumerate((3, 1, 7, 5)):
        switch = node.bridge(numa)
        for half in (0, 1):
            node.gpu(switch, A100)
            node.infiniband(switch, 2 * pair + half)
    for number, numa in enumerate((0, 4)):
        node.ethernet(node.bridge(numa), number)
    node.connect_gpus(300000)
    return node


def h100_mig():
    """Four H100, of which one is cut into three MIG slices and one into seven."""
    node = Node("h100-mig", f"pack:2 [numa(memory={512 * GIB})] l3:1(size=110100480) core:24 "
                "pu:2(indexes=2*48:1*2)", "Package")
    cuts = ("", "", "3g.40gb,2g.20gb,2g.20gb", ",".join(["1g.10gb"] * 7))
    for number, slices in enumerate(cuts):
        node.gpu(node.bridge(number // 2), H100, slices)
    node.ethernet(node.bridge(0), 0)
    node.connect_gpus(450000)
    return node


def t4x8():
    """Eight T4 without NVLink, four near each package; one network card on package 1's side."""
    node = Node("t4x8", f"pack:2 [numa(memory={192 * GIB})] l3:1(size=37486592) core:24 "
                "pu:2(indexes=2*48:1*2)", "Package")
    for number in range(8):
        node.gpu(node.bridge(number // 4), T4)
    node.ethernet(node.bridge(1), 0)
    return node


def cpu16():
    """Sixteen cores and no accelerator."""
    node = Node("cpu16", f"pack:1 [numa(memory={64 * GIB})] l3:2(size=33554432) core:8 pu:1",
                "Package")
    node.ethernet(node.bridge(0), 0)
    return node


if __name__ == "__main__":
    for make in (dgx_h100, dgx_a100, h100_mig, t4x8, cpu16):
        make().write()
