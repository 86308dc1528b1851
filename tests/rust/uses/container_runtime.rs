//! What a container runtime does with `linux.memoryPolicy` of the OCI runtime specification (1.3): it gives the container's process a memory
//! policy, which the programs that it executes inherit.

use numars::{Errno, Mode, ModeFlags, NodeSet, Policy, Topology};
use numars_rust_tests::several_nodes;
use serde_json::{Value, json};
use std::process::Command;

/// Returns the policy of such an object, or what is wrong with it.
fn policy_of(config: &Value) -> Result<Policy, String> {
    let text = |name: &str| config[name].as_str().unwrap_or_default();
    let mode: Mode = text("mode").parse().map_err(|error| format!("mode {:?}: {error}", text("mode")))?;
    let nodes: NodeSet = text("nodes").parse().map_err(|error| format!("nodes {:?}: {error}", text("nodes")))?;
    let mut policy = Policy::new(mode, nodes);
    for flag in config["flags"].as_array().into_iter().flatten() {
        let flags: ModeFlags =
            flag.as_str().unwrap_or_default().parse().map_err(|error| format!("flag {flag}: {error}"))?;
        policy = policy.with_flags(flags);
    }
    Ok(policy)
}

/// Runs a program under a policy. The policy of this thread is the same as before.
fn run_with(policy: Policy, command: &mut Command) -> Result<String, Errno> {
    let guard = policy.scoped()?;
    let output = command.output().expect("the program runs");
    guard.restore()?;
    Ok(String::from_utf8(output.stdout).expect("text"))
}

#[test]
#[ignore = "needs several nodes"]
fn a_container_runs_with_the_policy_of_its_configuration() {
    let nodes = several_nodes();
    let before = Policy::of_thread().unwrap();
    let (first, list) = (nodes.first().unwrap(), nodes.to_string());
    for (config, in_numa_maps) in [
        (json!({ "mode": "MPOL_INTERLEAVE", "nodes": list }), format!(" interleave:{list} ")),
        (
            json!({ "mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"] }),
            " bind=static:0-1 ".to_string(),
        ),
        (json!({ "mode": "MPOL_PREFERRED", "nodes": first.to_string() }), format!(" prefer:{first} ")),
        (json!({ "mode": "MPOL_LOCAL" }), " local ".to_string()),
        (json!({ "mode": "MPOL_DEFAULT" }), " default ".to_string()),
    ] {
        let policy = policy_of(&config).unwrap();
        let maps = run_with(policy, Command::new("cat").arg("/proc/self/numa_maps")).unwrap();
        assert!(maps.lines().any(|line| line.contains("heap") && line.contains(&in_numa_maps)), "{config}: {maps}");
        assert_eq!(Policy::of_thread(), Ok(before));
    }
}

#[test]
#[ignore = "needs several nodes"]
fn a_configuration_that_cannot_be_carried_out_is_an_error_before_the_container_starts() {
    assert_eq!(
        policy_of(&json!({ "mode": "MPOL_BIND", "nodes": "0-x" })),
        Err("nodes \"0-x\": expected a number at position 2".into())
    );
    assert_eq!(
        policy_of(&json!({ "mode": "MPOL_ANY", "nodes": "0" })),
        Err("mode \"MPOL_ANY\": unknown mode at position 0".into())
    );
    assert!(policy_of(&json!({ "mode": "MPOL_LOCAL", "flags": ["MPOL_F_NONE"] })).is_err());
    let topology = Topology::read().unwrap();
    let missing = NodeSet::range(numars::Node::new(0).unwrap(), numars::Node::MAX) - topology.nodes();
    for nodes in [missing.to_string(), String::new()] {
        let policy = policy_of(&json!({ "mode": "MPOL_BIND", "nodes": nodes })).unwrap();
        assert_eq!(policy.mode(), Mode::Bind);
        assert_eq!(run_with(policy, &mut Command::new("true")), Err(Errno::EINVAL));
    }
}
