//! The machines that a guest can have. A new shape is a new entry in [`SHAPES`].

use crate::architectures::Machine;
use crate::cache::Flavour;

/// One NUMA node: how many CPUs and how much memory (MiB) it has. Either may be 0.
pub struct Node {
    pub cpus: u32,
    pub memory: u32,
    /// Whether all of its memory can be taken offline: then it is a module that can be removed.
    pub removable: bool,
}

/// How a node with CPUs reaches the memory of a node, as the firmware's HMAT states it.
pub struct Access {
    /// Of reads and writes, in ns.
    pub latency: u32,
    /// Of reads and writes, in GiB/s.
    pub bandwidth: u32,
}

pub struct Shape {
    pub name: &'static str,
    pub about: &'static str,
    pub nodes: &'static [Node],
    /// One row per node; empty means the firmware's default (10 for the node itself, 20 for others).
    pub distances: &'static [&'static [u8]],
    /// One row per node with CPUs, which come first, and one column per node; empty means a firmware without HMAT.
    pub accesses: &'static [&'static [Access]],
    /// Additional arguments for QEMU: devices.
    pub devices: &'static [&'static str],
    pub kernel: Flavour,
    /// Added to the kernel's command line.
    pub kernel_arguments: &'static str,
}

/// The defaults: nothing besides the nodes.
const PLAIN: Shape = Shape {
    name: "",
    about: "",
    nodes: &[],
    distances: &[],
    accesses: &[],
    devices: &[],
    kernel: Flavour::Cloud,
    kernel_arguments: "",
};

const fn node(cpus: u32, memory: u32) -> Node {
    Node { cpus, memory, removable: false }
}

const fn access(latency: u32, bandwidth: u32) -> Access {
    Access { latency, bandwidth }
}

const fn removable_memory(memory: u32) -> Node {
    Node { cpus: 0, memory, removable: true }
}

const MANY_NODES: [Node; 66] = {
    let mut nodes = [const { node(0, 32) }; 66];
    nodes[0] = node(1, 512);
    nodes[1] = node(1, 512);
    nodes
};

/// The default shape.
pub const DEFAULT: &str = "four-nodes";

pub const SHAPES: &[Shape] = &[
    Shape {
        name: DEFAULT,
        about: "four equal nodes, one CPU each",
        nodes: &[node(1, 512), node(1, 512), node(1, 512), node(1, 512)],
        ..PLAIN
    },
    Shape { name: "one-node", about: "a machine without NUMA, like most machines", nodes: &[node(4, 1024)], ..PLAIN },
    Shape { name: "two-nodes", about: "two sockets of two CPUs", nodes: &[node(2, 768), node(2, 768)], ..PLAIN },
    Shape {
        name: "eight-nodes",
        about: "two boards of four nodes: pairs are near, the other board is distant",
        nodes: &[
            node(1, 256),
            node(1, 256),
            node(1, 256),
            node(1, 256),
            node(1, 256),
            node(1, 256),
            node(1, 256),
            node(1, 256),
        ],
        distances: &[
            &[10, 12, 16, 16, 32, 32, 32, 32],
            &[12, 10, 16, 16, 32, 32, 32, 32],
            &[16, 16, 10, 12, 32, 32, 32, 32],
            &[16, 16, 12, 10, 32, 32, 32, 32],
            &[32, 32, 32, 32, 10, 12, 16, 16],
            &[32, 32, 32, 32, 12, 10, 16, 16],
            &[32, 32, 32, 32, 16, 16, 10, 12],
            &[32, 32, 32, 32, 16, 16, 12, 10],
        ],
        ..PLAIN
    },
    Shape {
        name: "memory-only-node",
        about: "two nodes with CPUs and a distant memory-only node, like CXL memory",
        nodes: &[node(2, 512), node(2, 512), node(0, 512)],
        distances: &[&[10, 20, 40], &[20, 10, 40], &[40, 40, 10]],
        ..PLAIN
    },
    Shape {
        name: "tiers",
        about: "two nodes with CPUs and a slower memory-only node nearer to node 1, all described by the firmware's HMAT",
        nodes: &[node(2, 512), node(2, 512), node(0, 512)],
        distances: &[&[10, 20, 40], &[20, 10, 30], &[40, 30, 10]],
        accesses: &[
            &[access(80, 200), access(140, 100), access(350, 20)],
            &[access(140, 100), access(80, 200), access(250, 30)],
        ],
        ..PLAIN
    },
    Shape {
        name: "node-without-memory",
        about: "three nodes with CPUs and memory, and one that has a CPU but no memory",
        nodes: &[node(1, 512), node(1, 512), node(1, 512), node(1, 0)],
        ..PLAIN
    },
    Shape {
        name: "removable-memory",
        about: "two nodes with CPUs, and a third with removable memory only",
        nodes: &[node(2, 512), node(2, 512), removable_memory(512)],
        ..PLAIN
    },
    Shape {
        name: "many-nodes",
        about: "66 nodes, more than a word of a set has bits; two of them with CPUs, the others with memory only",
        nodes: &MANY_NODES,
        ..PLAIN
    },
    Shape {
        name: "shared-cpus",
        about: "two sockets of two CPUs, each divided into two nodes by the kernel: two nodes share the CPUs of a socket",
        nodes: &[node(2, 512), node(2, 512)],
        kernel: Flavour::Standard,
        kernel_arguments: "numa=fake=2U",
        ..PLAIN
    },
    Shape {
        name: "gigantic-pages",
        about: "two nodes, each with one hugetlb page of 1 GiB",
        nodes: &[node(2, 3072), node(2, 3072)],
        kernel_arguments: "hugepagesz=1G hugepages=0:1,1:1",
        ..PLAIN
    },
    Shape {
        name: "devices",
        about: "four equal nodes; node 2 has a network device (eth0), a disk (vda), and an NVMe disk with two ports",
        nodes: &[node(1, 512), node(1, 512), node(1, 512), node(1, 512)],
        devices: &[
            "-device",
            "pxb,id=near,bus=pci.0,bus_nr=128,numa_node=2",
            "-netdev",
            "hubport,id=net,hubid=0",
            "-device",
            "e1000,bus=near,addr=1,netdev=net,romfile=",
            "-drive",
            "if=none,id=vda,driver=null-co,read-zeroes=on,size=16M",
            "-device",
            "virtio-blk-pci,bus=near,addr=2,drive=vda,romfile=",
            "-device",
            "nvme-subsys,id=twoports",
            "-device",
            "nvme,bus=near,addr=3,serial=twoports,subsys=twoports",
            "-device",
            "nvme,bus=near,addr=4,serial=twoports,subsys=twoports",
            "-drive",
            "if=none,id=shared,driver=null-co,read-zeroes=on,size=16M",
            "-device",
            "nvme-ns,drive=shared,nsid=1,shared=on",
        ],
        kernel: Flavour::Standard,
        ..PLAIN
    },
];

pub fn find(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

impl Shape {
    /// Returns whether a machine can have this shape.
    pub fn fits(&self, machine: &Machine) -> bool {
        let is_plain = self.nodes.iter().all(|node| !node.removable)
            && self.accesses.is_empty()
            && self.devices.is_empty()
            && self.kernel_arguments.is_empty()
            && (machine.has_memory_only_nodes || self.nodes.iter().all(|node| node.cpus > 0));
        self.nodes.len() <= machine.max_nodes && (is_plain || machine.shapes.contains(&self.name))
    }

    /// Returns QEMU's arguments for this shape; `memory` (MiB) replaces the size of every node that has memory, which is multiplied by `scale`.
    /// A machine without NUMA gets all of it.
    pub fn qemu_args(&self, memory: Option<u32>, scale: u32, machine: &Machine) -> Vec<String> {
        let size = |node: &Node| match node.memory {
            0 => 0,
            usual => memory.unwrap_or(usual) * scale,
        };
        let sum =
            |removable: bool| -> u32 { self.nodes.iter().filter(|node| node.removable == removable).map(size).sum() };
        let (fixed, removable) = (sum(false), sum(true));
        let mut amount = format!("{fixed}M");
        if removable > 0 {
            amount += &format!(",slots={},maxmem={}M", self.nodes.len(), fixed + removable);
        }
        let cpus: u32 = self.nodes.iter().map(|node| node.cpus).sum();
        let mut args = vec!["-m".into(), amount, "-smp".into(), format!("{cpus},sockets={cpus}")];
        if machine.max_nodes == 1 {
            return args;
        }
        let mut next_cpu = 0;
        let mut modules = Vec::new();
        for (id, node) in self.nodes.iter().enumerate() {
            let mut numa = format!("node,nodeid={id}");
            if let Some(initiator) = self.nearest_initiator(id) {
                numa += &format!(",initiator={initiator}");
            }
            if node.cpus > 0 {
                numa += &format!(",cpus={next_cpu}-{}", next_cpu + node.cpus - 1);
                next_cpu += node.cpus;
            }
            if node.memory > 0 {
                let object = format!("memory-backend-ram,id=m{id},size={}M", size(node));
                args.extend(["-object".into(), object]);
                if node.removable {
                    modules.extend(["-device".into(), format!("pc-dimm,memdev=m{id},node={id}")]);
                } else {
                    numa += &format!(",memdev=m{id}");
                }
            }
            args.extend(["-numa".into(), numa]);
        }
        args.extend(modules);
        for (src, row) in self.distances.iter().enumerate() {
            for (dst, val) in row.iter().enumerate() {
                let dist = format!("dist,src={src},dst={dst},val={val}");
                args.extend(["-numa".into(), dist]);
            }
        }
        if !self.accesses.is_empty() {
            args.extend(["-machine".into(), "hmat=on".into()]);
        }
        for (initiator, row) in self.accesses.iter().enumerate() {
            for (target, Access { latency, bandwidth }) in row.iter().enumerate() {
                let pair = format!("hmat-lb,initiator={initiator},target={target},hierarchy=memory");
                args.extend(["-numa".into(), format!("{pair},data-type=access-latency,latency={latency}")]);
                args.extend(["-numa".into(), format!("{pair},data-type=access-bandwidth,bandwidth={bandwidth}G")]);
            }
        }
        args.extend(self.devices.iter().map(|argument| argument.to_string()));
        args
    }

    /// Returns the node with CPUs that reaches the memory of `node` fastest.
    fn nearest_initiator(&self, node: usize) -> Option<usize> {
        (0..self.accesses.len()).min_by_key(|&initiator| self.accesses[initiator][node].latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architectures;

    fn args(name: &str, memory: Option<u32>) -> String {
        find(name).unwrap().qemu_args(memory, 1, architectures::find("amd64").unwrap().machine().unwrap()).join(" ")
    }

    #[test]
    fn four_nodes_have_one_cpu_and_512_mib_each() {
        let args = args("four-nodes", None);
        assert!(args.starts_with("-m 2048M -smp 4,sockets=4 "));
        assert!(args.contains("-object memory-backend-ram,id=m3,size=512M -numa node,nodeid=3,cpus=3-3,memdev=m3"));
        assert!(!args.contains("dist"));
    }

    #[test]
    fn a_memory_only_node_has_no_cpus() {
        assert!(args("memory-only-node", None).contains("-numa node,nodeid=2,memdev=m2"));
    }

    #[test]
    fn tiers_are_described_by_an_hmat() {
        let args = args("tiers", None);
        assert!(args.contains("-numa node,nodeid=2,initiator=1,memdev=m2 "));
        assert!(args.contains(" -machine hmat=on "));
        assert!(args.contains("initiator=1,target=2,hierarchy=memory,data-type=access-latency,latency=250 "));
        assert!(args.ends_with("initiator=1,target=2,hierarchy=memory,data-type=access-bandwidth,bandwidth=30G"));
    }

    #[test]
    fn a_node_without_memory_has_no_memdev() {
        let args = args("node-without-memory", None);
        assert!(args.ends_with("-numa node,nodeid=3,cpus=3-3"));
        assert!(args.starts_with("-m 1536M"));
    }

    #[test]
    fn removable_memory_is_a_module_in_addition_to_the_fixed_memory() {
        let args = args("removable-memory", None);
        assert!(args.starts_with("-m 1024M,slots=3,maxmem=1536M "));
        assert!(args.ends_with("-numa node,nodeid=2 -device pc-dimm,memdev=m2,node=2"));
    }

    #[test]
    fn devices_are_added_to_the_nodes() {
        let args = args("devices", None);
        assert!(args.starts_with("-m 2048M -smp 4,sockets=4 "));
        assert!(args.contains("-device pxb,id=near,bus=pci.0,bus_nr=128,numa_node=2 "));
        assert!(args.contains("-device e1000,bus=near,"));
    }

    #[test]
    fn another_memory_size_does_not_affect_a_node_without_memory() {
        let args = args("node-without-memory", Some(256));
        assert!(args.starts_with("-m 768M"));
        assert!(args.ends_with("-numa node,nodeid=3,cpus=3-3"));
    }

    #[test]
    fn distances_are_square_symmetric_and_ten_on_the_diagonal() {
        for shape in SHAPES.iter().filter(|shape| !shape.distances.is_empty()) {
            let d = shape.distances;
            assert_eq!(d.len(), shape.nodes.len(), "{}", shape.name);
            for (i, row) in d.iter().enumerate() {
                assert_eq!(row.len(), d.len(), "{}", shape.name);
                assert_eq!(row[i], 10, "{}", shape.name);
                for (j, val) in row.iter().enumerate() {
                    assert_eq!(*val, d[j][i], "{}", shape.name);
                }
            }
        }
    }
}
