//! Lists of nodes and CPUs as numactl(8) takes them.

use super::{KernelTopology, NodesLookup, Topology};
use crate::bitmask::{Bits, BitsMut};
use crate::nodeset::{CpuMask, NodeMask};
use crate::nodestring::{self, ParseContext};
use crate::parse_failure::{Members, ParseFailure};
use crate::sys::errno::Errno;
use crate::text::with_c_string;
use crate::{CpuSet, NodeSet};
use core::cell::Cell;
use core::ffi::CStr;
use core::fmt;
use core::ops::Range;

/// Why a list of nodes or CPUs that [`Topology::parse_nodes`] or [`Topology::parse_cpus`] parses is rejected.
///
/// ```
/// use numars::{Errno, Topology};
/// let error = Topology::read()?.parse_nodes("0,x").unwrap_err();
/// assert_eq!((error.errno(), error.span()), (Errno::EINVAL, 2..3));
/// assert_eq!(error.to_string(), "not a number, a range, all or a device at position 2");
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseNodesError(ParseFailure);

impl ParseNodesError {
    /// Returns the kind of the failure: EINVAL for the syntax, ERANGE for a number that no node or CPU of this system can have, ENODEV for a node or
    /// CPU that does not exist or may not be used, ENOENT for an unknown device or memory tier, EOPNOTSUPP for a file or a host if the topology is that
    /// of another machine, ENOMEM for no memory.
    pub fn errno(&self) -> Errno {
        self.0.errno
    }

    /// Returns which bytes of the list are wrong.
    pub fn span(&self) -> Range<usize> {
        self.0.span.clone()
    }
}

impl fmt::Display for ParseNodesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message().to_str().unwrap_or_default())?;
        write!(f, " at position {}", self.0.span.start)
    }
}

impl core::error::Error for ParseNodesError {}

/// Nodes and CPUs by lists that people write.
impl Topology {
    /// Parses a list of nodes that the calling thread may use: `0-3,8`, `all`, `!0` for all but node 0, `+0-1` for the first two that may be used;
    /// the last element may be a device or another name of [`Topology::nodes_by_name`], such as `netdev:eth0` or `tier:4`. The syntax is that of
    /// numactl(8) and of numa_parse_nodestring() in numa(3). An empty list names no nodes.
    ///
    /// # Errors
    /// See [`ParseNodesError::errno`].
    ///
    /// ```
    /// use numars::{Errno, Topology};
    /// let topology = Topology::read()?;
    /// assert_eq!(topology.parse_nodes("all"), Ok(topology.allowed_nodes()));
    /// assert_eq!(topology.parse_nodes("99999").unwrap_err().errno(), Errno::ERANGE);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn parse_nodes(&self, list: impl AsRef<[u8]>) -> Result<NodeSet, ParseNodesError> {
        let machine = self.kernel();
        let (allowed, usable) = (machine.allowed_nodes(), machine.allowed_nodes());
        let (nodes, cpus) = (machine.nodes(), machine.allowed_cpus());
        machine.add_usable_nodes(nodes.bits().as_bits(), cpus.bits().as_bits(), usable.bits());
        parse_nodes(machine, list.as_ref(), &usable, &allowed)
    }

    /// As [`Topology::parse_nodes`], for all nodes of the machine, whether the calling thread may use them or not: `all` stands for those with
    /// memory.
    ///
    /// # Errors
    /// See [`ParseNodesError::errno`].
    ///
    /// ```
    /// use numars::{Errno, Topology};
    /// let topology = Topology::read()?;
    /// assert_eq!(topology.parse_nodes_all("all"), Ok(topology.nodes_with_memory()));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn parse_nodes_all(&self, list: impl AsRef<[u8]>) -> Result<NodeSet, ParseNodesError> {
        let machine = self.kernel();
        parse_nodes(machine, list.as_ref(), &machine.nodes(), &machine.nodes_with_memory())
    }

    /// Parses a list of CPUs that the calling thread may run on: `0-3,8`, `all`, `!0` for all but CPU 0, or `+0-1` for the first two that it may run
    /// on, as numa_parse_cpustring() in numa(3).
    ///
    /// # Errors
    /// See [`ParseNodesError::errno`].
    ///
    /// ```
    /// use numars::{Cpu, Errno, Topology};
    /// let topology = Topology::read()?;
    /// assert_eq!(topology.parse_cpus("all"), Ok(topology.allowed_cpus()?));
    /// assert_eq!(topology.parse_cpus("+0"), Ok(topology.allowed_cpus()?.first().unwrap().into()));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn parse_cpus(&self, list: impl AsRef<[u8]>) -> Result<CpuSet, ParseNodesError> {
        let machine = self.kernel();
        let (allowed, named) = (machine.allowed_cpus(), CpuMask::new());
        let configured = machine.configured_cpus();
        let exists = |cpu| cpu < configured;
        let members = Members { cpus: true, possible: machine.possible_cpus(), exists: &exists };
        let allowed = allowed.bits().as_bits();
        let invert = |named: BitsMut| nodestring::invert(named, exists);
        let context = ParseContext { allowed, all: allowed, invert: &invert };
        parse(list.as_ref(), members, context, &|_| None, named.bits())?;
        CpuSet::try_from_words(named.words().iter().map(Cell::get))
            .map_err(|_| ParseNodesError(ParseFailure::NO_MEMORY))
    }
}

fn parse_nodes(
    machine: &KernelTopology,
    list: &[u8],
    usable: &NodeMask,
    all: &NodeMask,
) -> Result<NodeSet, ParseNodesError> {
    let nodes = machine.nodes();
    let exists = |node| nodes.bits().as_bits().contains(node);
    let members = Members { cpus: false, possible: machine.possible_nodes(), exists: &exists };
    let (allowed, all): (Bits, Bits) = (usable.bits().as_bits(), all.bits().as_bits());
    let invert = |named: BitsMut| nodestring::invert(named, exists);
    let named = NodeMask::new();
    parse(
        list,
        members,
        ParseContext { allowed, all, invert: &invert },
        &|name| machine.nodes_by_name(name),
        named.bits(),
    )?;
    Ok(NodeSet::from_mask(&named))
}

fn parse<'a>(
    list: &'a [u8],
    members: Members,
    context: ParseContext,
    nodes_by_name: &dyn for<'d> Fn(&'d CStr) -> NodesLookup<'d>,
    named: BitsMut,
) -> Result<(), ParseNodesError> {
    if list.is_empty() {
        return Ok(());
    }
    let name = |rest: &'a [u8]| {
        // A name begins with a letter, and is the last element.
        rest.first().filter(|first| first.is_ascii_lowercase())?;
        let (length, nodes) = with_c_string(rest, |text| {
            let (name, nodes) = nodes_by_name(text)?;
            Some((name.count_bytes(), nodes))
        })??;
        Some((rest.get(rest.len().saturating_sub(length)..).unwrap_or_default(), nodes))
    };
    nodestring::parse(list, context, &name, named)
        .map_err(|error| ParseNodesError(ParseFailure::new(&error, list, members)))
}
