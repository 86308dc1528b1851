//! Lists of nodes and CPUs as people write them.

use super::Fixture;
use crate::Errno;

#[test]
fn lists_have_the_syntax_of_numactl() {
    let machine = Fixture::three_nodes().read();
    let nodes = |list: &str| machine.parse_nodes(list).map_err(|error| (error.errno(), error.span()));
    assert_eq!(nodes(""), Ok("".parse().unwrap()));
    assert_eq!(nodes("all"), Ok(machine.allowed_nodes()));
    assert_eq!(nodes("!0"), Ok(machine.nodes() - "0".parse().unwrap()));
    assert_eq!(nodes("+0"), Ok(machine.allowed_nodes().first().unwrap().into()));
    assert_eq!(nodes("0,5"), Err((Errno::ENODEV, 2..3)));
    assert_eq!(nodes("0,x"), Err((Errno::EINVAL, 2..3)));
    assert_eq!(nodes("netdev:none"), Err((Errno::ENOENT, 7..11)));
    assert_eq!(nodes("netdev:\0"), Err((Errno::EINVAL, 0..8)));
    let cpus = |list: &str| machine.parse_cpus(list).map_err(|error| (error.errno(), error.to_string()));
    assert_eq!(cpus("all"), Ok(machine.allowed_cpus().unwrap()));
    assert_eq!(cpus("netdev:none").unwrap_err().1, "not a number, a range or all at position 0");
    assert_eq!(machine.parse_nodes_all("all"), Ok(machine.nodes_with_memory()));
}
