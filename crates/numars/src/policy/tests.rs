use super::*;
use crate::mapping::{MapOptions, Mapping};
use crate::support::Support;

/// Runs `work` in a thread of its own.
fn in_a_thread(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap());
}

/// Each kind of policy that this kernel has, for the node of the calling thread.
fn policies() -> Vec<Policy> {
    let (support, nodes) = (Support::query(), Node::current().unwrap().into());
    let mut policies = vec![];
    if support.policy() {
        policies = vec![Policy::LOCAL, Policy::bind(nodes), Policy::interleave(nodes), Policy::DEFAULT];
        policies.push(Policy::preferred(nodes.first().unwrap()));
        policies.push(Policy::bind(nodes).with_flags(ModeFlags::STATIC_NODES));
        policies.push(Policy::interleave(NodeSet::from(Node::new(0).unwrap())).with_flags(ModeFlags::RELATIVE_NODES));
    }
    if support.numa_balancing() {
        policies.push(Policy::bind(nodes).with_flags(ModeFlags::NUMA_BALANCING | ModeFlags::STATIC_NODES));
    }
    if support.preferred_many() {
        policies.push(Policy::preferred_many(nodes));
    }
    if support.weighted_interleave() {
        policies.push(Policy::weighted_interleave(nodes));
    }
    policies
}

fn fresh_pages() -> Mapping {
    MapOptions::new().map(4 * page_size()).unwrap()
}

#[test]
fn a_thread_has_the_policy_that_it_was_given() {
    in_a_thread(|| {
        for policy in policies() {
            errno::set(7);
            policy.set_for_thread().unwrap();
            assert_eq!((Policy::of_thread(), errno::get()), (Ok(policy), 7));
        }
    });
}

#[test]
fn memory_has_the_policy_that_it_was_given_and_the_kernel_writes_it_the_same_way() {
    for policy in policies() {
        let pages = fresh_pages();
        errno::set(7);
        policy.set_for_range(pages.as_ptr() as usize, pages.len()).unwrap();
        assert_eq!((Policy::of_address(pages.as_ptr() as usize + 1), errno::get()), (Ok(policy), 7));
        let maps = std::fs::read_to_string("/proc/thread-self/numa_maps").unwrap();
        let start = format!("{:08x} ", pages.as_ptr() as usize);
        // A mapping with the default policy may be part of a larger one.
        if let Some(line) = maps.lines().find_map(|line| line.strip_prefix(&start)) {
            let shown = line.split(" anon=").next().unwrap().trim();
            // Before Linux 6.10, the kernel does not show NUMA balancing.
            let balances = policy.flags().contains(ModeFlags::NUMA_BALANCING);
            assert!(balances || shown == policy.to_string(), "{shown}: {policy}");
        }
    }
}

#[test]
fn the_policy_of_a_slice_is_that_of_all_pages_that_it_overlaps_and_of_no_others() {
    let (pages, page) = (fresh_pages(), page_size());
    let bind = Policy::bind(Node::current().unwrap().into());
    let of_pages = || [0, 1, 2, 3].map(|index| Policy::of_address(pages.as_ptr() as usize + index * page).unwrap());
    if bind.set_for_memory::<u64>(&[]).is_err() {
        return; // no memory policy
    }
    bind.set_for_memory(&pages[page..page]).unwrap();
    bind.set_for_memory_with(&[(); 9], MbindFlags::STRICT).unwrap();
    assert_eq!(of_pages(), [Policy::DEFAULT; 4]);
    bind.set_for_memory(&pages[2 * page - 1..2 * page + 1]).unwrap();
    assert_eq!(of_pages(), [Policy::DEFAULT, bind, bind, Policy::DEFAULT]);
    Policy::DEFAULT.set_for_memory(&pages[page + 7..page + 8]).unwrap();
    assert_eq!(of_pages(), [Policy::DEFAULT, Policy::DEFAULT, bind, Policy::DEFAULT]);
}

#[test]
fn a_guard_restores_mode_flags_and_nodes() {
    in_a_thread(|| {
        for before in policies() {
            before.set_for_thread().unwrap();
            for policy in policies() {
                let outer = policy.scoped().unwrap();
                let inner = Policy::LOCAL.scoped().unwrap();
                assert_eq!((outer.previous(), inner.previous()), (before, policy));
                errno::set(7);
                drop(inner);
                assert_eq!((Policy::of_thread(), errno::get()), (Ok(policy), 7));
                outer.restore().unwrap();
                assert_eq!(Policy::of_thread(), Ok(before));
            }
        }
    });
}

#[test]
fn a_guard_that_cannot_be_made_changes_nothing() {
    in_a_thread(|| {
        let before = Policy::of_thread();
        assert!(Policy::bind(NodeSet::EMPTY).scoped().is_err());
        assert_eq!(Policy::of_thread(), before);
    });
}

#[test]
fn the_kernel_refuses_what_cannot_be() {
    let pages = fresh_pages();
    let (start, length, node) = (pages.as_ptr() as usize, pages.len(), Node::current().unwrap());
    let bind = Policy::bind(node.into());
    let both = bind.with_flags(ModeFlags::STATIC_NODES | ModeFlags::RELATIVE_NODES);
    for (policy, start, length, error) in [
        (bind, start + 1, length, Errno::EINVAL),
        (bind, start, usize::MAX, Errno::EINVAL),
        (bind, 0, length, Errno::EFAULT),
        (both, start, length, Errno::EINVAL),
        (Policy::bind(NodeSet::EMPTY), start, length, Errno::EINVAL),
        (Policy::preferred(Node::MAX), start, length, Errno::EINVAL),
        (Policy::interleave(Node::MAX.into()), start, length, Errno::EINVAL),
        (Policy::LOCAL.with_flags(ModeFlags::STATIC_NODES), start, length, Errno::EINVAL),
        (Policy::from_raw(200, node.into()), start, length, Errno::EINVAL),
    ] {
        let refused = policy.set_for_range(start, length).unwrap_err();
        assert_eq!((refused.call(), refused.errno().raw()), (Syscall::Mbind, errno::get()));
        assert!(!Support::query().policy() || refused.errno() == error, "{policy}: {refused}");
    }
}

#[test]
fn a_length_that_cannot_be_rounded_up_to_whole_pages_is_refused() {
    let (page, node) = (page_size(), Node::current().unwrap());
    let too_long = usize::MAX - page + 2;
    for length in [usize::MAX, too_long] {
        errno::set(7);
        let refused = set_home_node(0, length, node).unwrap_err();
        assert_eq!((refused.call(), refused.errno()), (Syscall::SetMempolicyHomeNode, Errno::EINVAL), "{length:#x}");
        assert_eq!(errno::get(), errno::EINVAL);
        assert_eq!(Policy::LOCAL.set_for_range(0, length).unwrap_err().errno(), Errno::EINVAL, "{length:#x}");
    }
}

#[test]
fn pages_are_where_they_are_and_move_where_they_may_be() {
    let mut pages = fresh_pages();
    pages.fill(1);
    let start = pages.as_ptr() as usize;
    let Ok(node) = node_of_address(start) else { return };
    for flags in [MbindFlags::STRICT, MbindFlags::MOVE, MbindFlags::MOVE | MbindFlags::STRICT] {
        Policy::bind(node.into()).set_for_range_with(start, pages.len(), flags).unwrap();
    }
    assert_eq!(node_of_address(start + pages.len() - 1), Ok(node));
    assert_eq!(node_of_address(1).unwrap_err().errno(), Errno::EFAULT);
    assert_eq!(Policy::of_address(1).unwrap_err().errno(), Errno::EFAULT);
    if Support::query().home_node() {
        set_home_node(start, pages.len(), node).unwrap();
        assert_eq!(set_home_node(start, pages.len(), Node::MAX).unwrap_err().errno(), Errno::EINVAL);
    }
    assert!(pages.iter().all(|&byte| byte == 1));
}
